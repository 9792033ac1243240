"""Disks that fail, stop, and lose what was not synced: the memory is whole after each, and what was said stands.

In processes of their own, under a file system of the tests' (vfs.py). EDGE_SALE_TEST_TIMES makes them longer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from edge_sale.memory.store import AuctionMemory

from .kit import Grams, award, done, look, run

TIMES = int(os.environ.get("EDGE_SALE_TEST_TIMES", "0"))
STEP = 1 if TIMES else 5
ROOT = Path(__file__).parents[2]
VERSION_1 = Path(__file__).with_name("version_1.sql")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A memory of two auctions, closed."""
    path = tmp_path_factory.mktemp("source") / "memory.sqlite"
    with AuctionMemory.open(path, Grams()) as memory:
        for n in range(2):
            memory.record(award(f"t{n}", f"sum the numbers of list {n}"), done(), run())
    return path


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    """The same as the first release would have written it: version 1, vectors in large chunks, no codes."""
    path = tmp_path_factory.mktemp("old") / "memory.sqlite"
    db = look(path)
    db.execute(VERSION_1.read_text(encoding="utf-8").split("CREATE VIRTUAL TABLE")[0])
    db.execute("CREATE VIRTUAL TABLE vectors USING vec0(embedding float[64] distance_metric=cosine)")
    db.execute("INSERT INTO embedder VALUES (1, 'grams', ?, 64)", ("d1" * 32,))
    for n in range(2):
        text = f"sum the numbers of list {n}"
        db.execute(
            "INSERT INTO auctions VALUES (?, ?, 1.5, ?, '', '[]', NULL, randomblob(16), '{}', '{}')",
            (n + 1, f"t{n}", text),
        )
        db.execute(
            "INSERT INTO bids VALUES (?, 0, 'quick', 'opening', 0.05, 'add', 2, 1.0, '{}', '{}', 1, 1, 1, 1)", (n + 1,)
        )
        db.execute("INSERT INTO vectors (rowid, embedding) VALUES (?, ?)", (n + 1, Grams().embed([text])[0].tobytes()))
    db.execute("PRAGMA journal_mode = wal")
    db.close()
    return path


def child(*args: object, seconds: float = 1500) -> list[str]:
    command = [sys.executable, "-m", "tests.memory.faults_child", *map(str, args)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout.splitlines()


def test_every_change_may_fail(source, tmp_path):
    """The nth open, write, sync, truncation or deletion fails, for every n (in short, every fifth) of a memory's life.

    Each time one error that the user can read, and a file that is whole afterwards.
    """
    lines = [line for line in child("nth", tmp_path, source, STEP) if line.startswith("n ")]
    assert len(lines) > 30, "control: that many changes there are"
    assert [line for line in lines if "bug" in line or line.endswith("torn")] == []
    told = [line for line in lines if " told " in line]
    assert len(told) > 20, "control: failures were felt"
    assert all("memory.sqlite" in line for line in told)
    assert lines[-1].split()[2:] == ["end", "whole"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("age", ["today's", "version 1"])
def test_the_process_may_end_at_every_change(source, old, age, tmp_path):
    """Ended at the nth change for every n: of a life with the memory, and of an upgrade from the first release.

    Old or new, never mixed: what was there and what was acknowledged is there, rows, vectors and codes agree.
    """
    lines = child("killed", tmp_path, source if age == "today's" else old, 1 if TIMES else 2)
    found = Counter(" ".join(line.split()[2:4]) for line in lines)
    assert [line for line in lines if not line.endswith("whole")] == []
    assert found["killed whole"] >= 50, "control: it was ended at so many points"
    assert found["end whole"] == 1


def test_power_may_be_cut_at_any_time(source, tmp_path):
    """What was not synced is lost, torn or kept: never damaged, and with `durable` nothing acknowledged is lost."""
    cuts = max(60, min(TIMES, 2000))
    lines = child("power", tmp_path, source, cuts)
    assert len(lines) == 2 * (cuts // 2)
    assert [line for line in lines if "torn" in line or "old ones" in line] == []
    assert {line for line in lines if line.startswith("full")} == {"full lost 0"}
    normal = [int(line.split()[-1]) for line in lines if line.startswith("normal")]
    assert max(normal) > 0, "control: without durable the last ones may be lost"
    print(f"{cuts} cuts; without durable {sum(map(bool, normal))} of {len(normal)} lost some, {max(normal)} at most")


FILL = """
import sys
from pathlib import Path
from edge_sale.errors import MemoryFault
from edge_sale.memory.erase import Which, forget
from edge_sale.memory.store import AuctionMemory
from tests.memory.kit import Grams, award, done, run, agree
path = Path(sys.argv[1]) / "memory.sqlite"
ballast = Path(sys.argv[1]) / "ballast"
ballast.write_bytes(bytes(2_000_000))
kept, said = set(), ""
with AuctionMemory.open(path, Grams()) as memory:
    for n in range(400):
        try:
            memory.record(award(f"t{n}", f"count file {n}"), done(answer="x" * 20_000), run())
        except MemoryFault as fault:
            said = str(fault)
            break
        kept.add(f"t{n}")
    assert "the disk is full" in said, said
    assert memory.recall(award("new", "count file 3").task, "quick")
    ballast.unlink()
    memory.record(award("after", "count files"), done(), run())
assert agree(path) == kept | {"after"}
forget(path, Which(id="t0"))
assert agree(path) == kept - {"t0"} | {"after"}
print("fine", len(kept))
"""


def test_a_full_disk_is_said_and_survived(tmp_path):
    """8 MB of disk: the auction that does not fit is refused by name, and with room again all goes on."""
    if not shutil.which("unshare") or os.geteuid():
        pytest.skip("needs root and unshare for a disk of 8 MB")
    script = f'mount -t tmpfs -o size=8m none "{tmp_path}" && exec "{sys.executable}" -c "$1" "{tmp_path}"'
    ended = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", FILL], capture_output=True, text=True, cwd=ROOT)
    if "mount" in ended.stderr and "denied" in ended.stderr:
        pytest.skip("may not mount here")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("fine") and int(ended.stdout.split()[1]) > 50
