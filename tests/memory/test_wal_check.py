"""Damage in what a killed process leaves beside the database: its journal (-wal) and the index of that (-shm)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_sale.errors import MemoryFault
from edge_sale.memory.history import History
from edge_sale.memory.overview import put_aside
from edge_sale.memory.store import AuctionMemory

from .kit import Grams, agree, award, done, run

TIMES = int(os.environ.get("EDGE_SALE_TEST_TIMES", "0"))
FLIPS = 200 if TIMES else 24  # of each file of each memory
ROOT = Path(__file__).parents[2]
PARTS = ("", "-wal", "-shm")

KILLED = """
import json, os, signal, sys
from pathlib import Path
from edge_sale.memory.store import AuctionMemory
from tests.memory.kit import Grams, award, done, run
path, closed = Path(sys.argv[1]), int(sys.argv[2])
def record(memory, n):
    memory.record(award(f"t{n}", f"sum the numbers of list {n}"), done(), run())
with AuctionMemory.open(path, Grams()) as memory:
    for n in range(closed):
        record(memory, n)
    if closed:  # else nothing has come into the main file yet
        memory.close()
        memory = AuctionMemory.open(path, Grams())
    for n in range(closed, closed + 12):
        record(memory, n)
        print(json.dumps([f"t{n}", os.stat(f"{path}-wal").st_size]), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""

FLIPPER = """
import json, random, shutil, sys
from pathlib import Path
from edge_sale.errors import MemoryFault
from edge_sale.memory.history import History
from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Task
from tests.memory.kit import Grams, agree, award, done, run

whole, part, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
draw = random.Random(13)
size = whole.with_name(whole.name + part).stat().st_size
path = whole.with_name("flipped.sqlite")
for n in range(times):
    for one in ("", "-wal", "-shm"):
        shutil.copy(whole.with_name(whole.name + one), path.with_name(path.name + one))
    data = bytearray(whole.with_name(whole.name + part).read_bytes())
    # by turns anywhere, in the header, and in the first frames or the index that SQLite trusts most
    start, end = [(0, size), (0, 32), (32, min(size, 16_512))][n % 3]
    start = draw.randrange(start, end)
    spread = min(draw.choice([1, 8, 400]), end - start)
    at = sorted({start + draw.randrange(spread) for _ in range(spread)})
    for place in at:
        data[place] ^= 1 << draw.randrange(8)
    path.with_name(path.name + part).write_bytes(data)
    before = [path.with_name(path.name + one).read_bytes() for one in ("", "-wal")]
    told = {"first": at[0], "said": "", "ids": [], "kept": True}
    try:
        told["ids"] = sorted(row.id for row in History.open(path).list(100))
        with AuctionMemory.open(path, Grams()) as memory:
            told["lessons"] = len(memory.recall(Task("new", "sum the numbers of list 3"), "quick"))
            memory.record(award("new", "sum the numbers of list 3"), done(), run())
        assert agree(path) == {*told["ids"], "new"}
    except MemoryFault as fault:
        told["said"] = str(fault)
        told["kept"] = [path.with_name(path.name + one).read_bytes() for one in ("", "-wal")] == before
    print(json.dumps(told), flush=True)
    for rest in path.parent.glob(f"{path.name}*"):
        rest.unlink()
"""


def process(script: str, *args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=ROOT)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Iterator[Path]:
    """A folder where syncs cost nothing, if this system has one: hundreds of memories are opened and closed here."""
    fast = Path("/dev/shm")
    if not os.access(fast, os.W_OK):
        yield tmp_path_factory.mktemp("scratch")
        return
    with tempfile.TemporaryDirectory(dir=fast, prefix="edge-sale-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module", params=[8, 0], ids=["main and journal", "journal alone"])
def left(request, scratch) -> tuple[Path, set[str], list[tuple[str, int]]]:
    """What a process leaves that is killed with 12 auctions in its journal; the main file's ids; each commit's end."""
    path = scratch / str(request.param) / "memory.sqlite"
    path.parent.mkdir()
    ended = process(KILLED, path, request.param)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    ends = [tuple(json.loads(line)) for line in ended.stdout.splitlines()]
    assert len(ends) == 12 and all(path.with_name(path.name + part).stat().st_size for part in PARTS)
    return path, {f"t{n}" for n in range(request.param)}, ends


def flipped(path: Path, part: str) -> list[dict[str, object]]:
    ended = process(FLIPPER, path, part, FLIPS)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(found) == FLIPS
    return found


@pytest.fixture
def here(left) -> Iterator[Path]:
    """A copy of what was left, alone in its folder."""
    with tempfile.TemporaryDirectory(dir=left[0].parent) as folder:
        yield copied(left[0], Path(folder))


def copied(path: Path, folder: Path) -> Path:
    for part in PARTS:
        shutil.copy(path.with_name(path.name + part), folder)
    return folder / path.name


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_flips_in_a_left_journal_cost_what_came_after_and_never_show_an_empty_memory(left):
    """All of the main file and of the journal's whole part is there, or one error that names the journal; none empty.

    With an error both files are byte for byte as they were.
    """
    path, main, ends = left
    seen: Counter[str] = Counter()
    for told in flipped(path, "-wal"):
        intact = main | {name for name, end in ends if end <= told["first"]}
        if told["first"] < 32:
            intact = main
        if told["said"]:
            assert "memory" not in told["ids"] and not told["ids"]
            assert f"{path.parent / 'flipped.sqlite'}" in told["said"] and told["kept"], told
            seen["refused"] += 1
        else:
            assert told["ids"] and set(told["ids"]) >= intact, told
            assert told["lessons"], "what is there is recalled"
            seen["all" if len(told["ids"]) == len(main) + 12 else "some"] += 1
    assert seen["some"], "control: damage was felt"
    if not main:
        assert seen["refused"], "control: without the check these would have looked new"
    print(dict(seen))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_flips_in_a_left_index_cost_nothing(left):
    """SQLite makes the -shm anew: every auction is there, whatever was flipped in it."""
    path, main, ends = left
    for told in flipped(path, "-shm"):
        assert (told["said"], set(told["ids"])) == ("", main | {name for name, _ in ends})


def test_without_a_flip_everything_is_there(left, here):
    """The control: what the killed process acknowledged is read back from the same three files."""
    _, main, ends = left
    assert agree(here) == main | {name for name, _ in ends}
    with AuctionMemory.open(here, Grams()) as memory:
        memory.record(award("new", "sum a list"), done(), run())


def test_a_journal_that_only_ends_early_is_no_damage(left, here):
    """Cut anywhere, as a process leaves it that is killed while it writes: what was whole is there, maybe nothing."""
    path, main, ends = left
    size = ends[-1][1]
    for cut in (*range(0, ends[0][1] + 4120, 4120 // (3 if TIMES else 1)), size // 2, size - 1):
        copied(path, here.parent)
        os.truncate(here.with_name(here.name + "-wal"), cut)
        found = {row.id for row in History.open(here).list(100)}
        assert found == main | {name for name, end in ends if end <= cut}
        with AuctionMemory.open(here, Grams()) as memory:
            memory.record(award("new", "sum a list"), done(), run())


def test_a_refused_journal_goes_aside_whole_and_a_new_memory_begins(left, here):
    """The way out that the error names: both files are kept under other names, byte for byte."""
    if left[1]:
        pytest.skip("this memory is not empty without its journal: it is opened")
    journal = here.with_name(here.name + "-wal")
    data = bytearray(journal.read_bytes())
    data[20] ^= 1
    journal.write_bytes(data)
    for opening in (lambda: AuctionMemory.open(here, Grams()), lambda: History.open(here).list()):
        with pytest.raises(MemoryFault, match=r"memory.sqlite-wal: damaged, .* edge-sale memory aside"):
            opening()
    moved = put_aside(here)
    assert bytes(data) in [file.read_bytes() for file in moved]
    with AuctionMemory.open(here, Grams()) as memory:
        memory.record(award("new", "sum a list"), done(), run())
    assert agree(here) == {"new"}
