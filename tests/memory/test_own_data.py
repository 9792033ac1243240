"""The user's own data is the user's: what is forgotten is gone from every byte, what is kept is bounded."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

import pytest

from edge_sale.errors import MemoryFault, UnknownName
from edge_sale.memory import overview, retention
from edge_sale.memory.erase import Which, forget, matching, put_aside_with
from edge_sale.memory.history import History
from edge_sale.memory.retention import Bounds
from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Outcome, Task

from .kit import Grams, award, bid, look, run, sets

SECRET = "the heron nests behind the old mill"
PLAN, ANSWER, NOTE = "wade through the reeds quietly", "seventeen eggs were counted", "ask the ferryman first"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "memory.sqlite"


def fill(memory: AuctionMemory, count: int = 60) -> None:
    """Many auctions, one of them secret in all its parts, with lessons drawn from it."""
    for n in range(count):
        text = SECRET if n == count // 2 else f"sum the numbers of list {n} " + "and explain it at length " * (n % 7)
        secret = n == count // 2
        bids = (bid("quick", 1.0, PLAN if secret else f"plan {n}"), bid("drafts", 2.0, f"other plan {n}"))
        outcome = Outcome("quick", "done", ANSWER if secret else "42 " * (n % 50), notes=(NOTE,) if secret else ())
        lessons = {"drafts": tuple(memory.recall(Task(f"t{n}", text), "drafts"))}
        memory.record(award(f"t{n}", text, *bids, lessons=lessons), outcome, run())


def bytes_of(path: Path) -> bytes:
    """Everything that lies beside the memory, whatever it is called."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()) if file.is_file())


def traces(path: Path) -> list[str]:
    data = bytes_of(path)
    return [text for text in (SECRET, PLAN, ANSWER, NOTE) if text.encode() in data]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """One such memory, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "memory.sqlite"
    with AuctionMemory.open(path, Grams()) as memory:
        fill(memory)
    return path


HOW = {
    "by id": Which(id="t30"),
    "by its beginning": Which(id="t30"),
    "by its task": Which(text="HERON nests"),
    "by its plan": Which(text="through the reeds"),
    "by its answer": Which(text="Seventeen eggs"),
    "by its note": Which(text="ferryman"),
    "all": Which(everything=True),
}


@pytest.mark.parametrize("how", HOW)
def test_what_is_forgotten_is_in_no_file(path, filled, how):
    """Its words, its vector and its code are in neither database, journal nor damaged copies put aside."""
    shutil.copy(filled, path)
    path.with_name("memory.sqlite.aside-20260101T000000").write_bytes(path.read_bytes())
    path.with_name("memory.sqlite.aside-20260102T000000").write_bytes(b"nothing of it")
    with contextlib.closing(look(path)) as db:
        [(vector,)] = db.execute("SELECT embedding FROM vectors WHERE rowid = 31").fetchall()
    assert traces(path) == [SECRET, PLAN, ANSWER, NOTE], "control: it was there"
    assert vector in bytes_of(path)
    with AuctionMemory.open(path, Grams()) as other:  # a second process that has the file open
        other.recall(Task("new", SECRET), "quick")
        gone = forget(path, HOW[how])
        assert traces(path) == []
        assert vector not in bytes_of(path)
        assert [lesson.task for lesson in other.recall(Task("new", SECRET), "quick") if lesson.task == SECRET] == []
    left = 0 if how == "all" else 59
    assert (gone.auctions, len(sets(path)[0])) == (60 - left, left)
    ids, numbers, vectors = sets(path)
    assert numbers == vectors and "t30" not in ids
    assert [file.name[-15:] for file in gone.files] == ["20260101T000000"] + ["20260102T000000"] * (how == "all")


def test_memories_put_aside_are_searched_whatever_the_case_and_piece_by_piece(path):
    """A long text is on several pages of a database; words that are in none let all of it stand."""
    aside = path.with_name("memory.sqlite.aside-20260101T000000")
    long = "".join(f"{number} herons " for number in range(400))
    aside.write_bytes(long[:1500].encode() + b"\0" * 40 + long[1500:].encode())
    assert put_aside_with(path, Which(text="399 HERONS"), []) == put_aside_with(path, Which(), [long]) == (aside,)
    assert put_aside_with(path, Which(text="egret"), ["another task"]) == ()


def test_what_is_forgotten_while_the_journal_is_full_is_gone_too(path):
    """Text that was never moved from the journal into the database is in neither afterwards."""
    with AuctionMemory.open(path, Grams()) as memory:
        fill(memory, 6)
        assert SECRET.encode() in path.with_name("memory.sqlite-wal").read_bytes(), "control"
        forget(path, Which(id="t3"))
        assert traces(path) == []
        memory.record(award("after", "count the words"), None, run())
    assert len(sets(path)[0]) == 6


def test_a_reader_that_stays_is_named(path, monkeypatch):
    """While another process reads an old state its journal cannot be emptied: that is said, and how to finish."""
    monkeypatch.setattr("edge_sale.sqlite.connection.BUSY_SECONDS", 1)
    with AuctionMemory.open(path, Grams()) as memory:
        fill(memory, 6)
    with contextlib.closing(look(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM auctions").fetchall()
        with pytest.raises(MemoryFault, match=r"edge-sale memory compact"):
            forget(path, Which(id="t3"))
    overview.compact(path, Bounds(0, 0))
    assert traces(path) == []


def test_forgetting_by_age(path):
    """Older than so many days, and what else is asked for, both must fit."""
    with AuctionMemory.open(path, Grams()) as memory:
        fill(memory, 20)
        memory._db.execute("UPDATE auctions SET at = ? WHERE number <= 12", (time.time() - 10 * 86400,))
    assert len(matching(path, Which(days=9))) == 12
    assert [id_ for _, id_, _ in matching(path, Which(days=9, text="heron"))] == ["t10"]
    assert forget(path, Which(days=9)).auctions == 12
    assert [a.id for a in History.open(path).auctions()] == [f"t{n}" for n in range(12, 20)]


def test_nothing_is_forgotten_that_was_not_meant(path):
    """No such auction, no such text, no memory: nothing goes, and an empty choice is none."""
    assert forget(path, Which(everything=True)).auctions == 0
    with AuctionMemory.open(path, Grams()) as memory:
        fill(memory, 6)
    with pytest.raises(UnknownName):
        forget(path, Which(id="zz"))
    assert [forget(path, which).auctions for which in (Which(), Which(text="nowhere"), Which(days=1))] == [0, 0, 0]
    assert len(sets(path)[0]) == 6


def test_old_auctions_go_when_the_memory_grows_beyond_its_bound(path, monkeypatch):
    """The oldest first, in use and without being asked; what is kept is whole and findable."""
    bound = Bounds(mb=1)
    with AuctionMemory.open(path, Grams(), bounds=bound) as memory:
        for n in range(256):
            memory.record(award(f"t{n}", f"sum list {n}"), Outcome("quick", "done", "y" * 10_000), run())
        assert retention.live_bytes(memory._db) < 1_000_000 + 64 * 30_000, "looked at every 64 records"
        assert memory.recall(Task("new", "sum list 255"), "quick")
    with AuctionMemory.open(path, Grams(), bounds=bound) as memory:
        assert retention.live_bytes(memory._db) <= 1_000_000
    ids, numbers, vectors = sets(path)
    assert numbers == vectors and "t255" in ids and "t0" not in ids
    assert numbers == set(range(min(numbers), 257))
    overview.compact(path, bound)
    with contextlib.closing(look(path)) as db:
        assert path.stat().st_size <= 1.5 * retention.live_bytes(db)


def test_old_auctions_go_by_age(path):
    """max_days: what is older goes when the memory is opened; the last auction always stays."""
    with AuctionMemory.open(path, Grams()) as memory:
        fill(memory, 8)
        memory._db.execute("UPDATE auctions SET at = ?", (time.time() - 5 * 86400,))
        memory._db.execute("UPDATE auctions SET at = ? WHERE number = 7", (time.time(),))
    with AuctionMemory.open(path, Grams(), bounds=Bounds(0, days=3)):
        pass
    assert sets(path)[0] == {"t6", "t7"}


def test_the_overview_counts_what_is_right_as_outcomes_do(path):
    """Sums over verdicts and checks agree with what every auction says of itself."""
    with AuctionMemory.open(path, Grams()) as memory:
        for n, (status, verified, verdict) in enumerate(
            [
                ("done", None, None),
                ("passed", True, None),
                ("failed", False, True),
                ("passed", True, False),
                ("failed", None, None),
                ("cancelled", None, None),
                ("done", False, None),
            ]
        ):
            memory.record(award(f"t{n}", f"list {n}"), Outcome("quick", status, "x", verified, verdict=verdict), run())
        memory.record(award("held", "list"), None, run())
    found = overview.overview(path)
    rights = [a.outcome.right for a in History.open(path).auctions() if a.outcome]
    assert (found.right, found.wrong, found.unknown) == (rights.count(True), rights.count(False), rights.count(None))
    assert (found.auctions, found.executed, found.verdicts, found.wins) == (8, 7, 2, {"quick": 8})
    assert (found.embedder, found.dimension) == ("grams", 64)


def test_a_damaged_memory_is_put_aside_whole(path):
    """File and journal are kept under new names, nothing is deleted, and a new memory begins."""
    with AuctionMemory.open(path, Grams()) as memory:
        fill(memory, 4)
        before = {p.name: p.read_bytes() for p in path.parent.glob("memory.sqlite*") if not p.name.endswith(".lock")}
        moved = overview.put_aside(path)
    assert {p.name.partition(".aside-")[2][15:] for p in moved} == {"", "-wal", "-shm"}
    assert sorted(p.read_bytes() for p in moved if "-shm" not in p.name) == sorted(
        data for name, data in before.items() if not name.endswith("-shm")
    )
    with AuctionMemory.open(path, Grams()) as memory:
        memory.record(award("new", "sum"), None, run())
    assert sets(path)[0] == {"new"}
    assert len(History.open(moved[0]).list(100)) == 4
