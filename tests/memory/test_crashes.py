"""Processes that are killed, that crowd, and whose disk is full: what was acknowledged is there."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_sale.memory.store import AuctionMemory

from .kit import Grams, agree, award, done, record_some, run, sell_for_ever, sets

TIMES = int(os.environ.get("EDGE_SALE_TEST_TIMES", "0"))
KILLS = TIMES or 20
PROCESSES, AUCTIONS = (8, 500) if TIMES else (4, 25)


@pytest.fixture(scope="module")
def processes():
    """Real processes that start fast: forked from one server that has imported what they need."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["numpy", "apsw", "sqlite_vec", "edge_sale.memory.store"])
    return context


def test_no_acknowledged_auction_is_lost_to_kill_9(tmp_path, processes):
    """20 selling processes killed at random points of auction, work and record: the memory is whole after each."""
    path = tmp_path / "memory.sqlite"
    draw = random.Random(9)
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        ours, theirs = processes.Pipe(duplex=False)
        child = processes.Process(target=sell_for_ever, args=(path, f"k{kill}", theirs))
        child.start()
        theirs.close()
        if kill % 5:  # every fifth is killed while it starts, opens or creates
            acknowledged.add(ours.recv())
            time.sleep(draw.uniform(0, 0.03))
        else:
            time.sleep(draw.uniform(0, 0.1))
        child.kill()
        child.join()
        try:
            while ours.poll():
                acknowledged.add(ours.recv())
        except (EOFError, OSError):
            pass  # the end of what the child could still say
        if path.exists():
            assert acknowledged <= agree(path)
    assert len(acknowledged) >= KILLS * 4 // 5
    with AuctionMemory.open(path, Grams()) as memory:
        memory.record(award("after", "count the words"), done(), run())


def test_processes_at_once_lose_nothing(tmp_path, processes):
    """4 processes record 25 auctions each into a memory that none of them found: all 100 are there.

    No process hears that the file is locked: each waits for its turn.
    """
    path = tmp_path / "memory.sqlite"
    together = processes.Barrier(PROCESSES)
    crowd = [processes.Process(target=record_some, args=(path, f"p{n}", AUCTIONS, together)) for n in range(PROCESSES)]
    for child in crowd:
        child.start()
    for child in crowd:
        child.join(900)
    assert [child.exitcode for child in crowd] == [0] * PROCESSES
    assert agree(path) == {f"p{n}-{i}" for n in range(PROCESSES) for i in range(AUCTIONS)}
    waits = sorted(float(line) for file in tmp_path.glob("p*.seconds") for line in file.read_text().split())
    print(f"{len(waits)} records by {PROCESSES} processes: p99 {1e3 * waits[len(waits) * 99 // 100]:.0f} ms")


FILLER = """
import random, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from kit import Grams, award, done, run
from edge_sale.errors import MemoryFault
from edge_sale.memory.store import AuctionMemory

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, draw = Path(sys.argv[1]), random.Random(2)
journal = path.with_name(path.name + "-wal")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
with AuctionMemory.open(path, Grams()) as memory:
    memory.record(award("first", "count the words"), done(), run())
    for n in range(80):
        room = journal.stat().st_size + draw.randrange(60_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            memory.record(award(f"t{n}", f"count the words of file {n}"), done(answer="x" * 20_000), run())
            said = f"kept t{n}"
        except MemoryFault as fault:
            said = f"refused {fault}"
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        print(said, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_disk_without_room_costs_the_one_auction_and_says_so(tmp_path):
    """Writes that fail at random points: one readable error each, nothing half, and on it goes with room."""
    path = tmp_path / "memory.sqlite"
    command = [sys.executable, "-c", FILLER, str(path), str(Path(__file__).parent)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    kept = {line.removeprefix("kept ") for line in lines if line.startswith("kept")}
    refused = [line for line in lines if line.startswith("refused")]
    assert len(kept) > 5 and len(refused) > 5, "control: both happened"
    assert all(str(path) in line and "disk" in line for line in refused)
    ids, numbers, vectors = sets(path)
    assert ids == kept | {"first"}
    assert numbers == vectors
