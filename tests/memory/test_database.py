"""Files of any age and in any state: migrated, refused, never lost."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from edge_sale.errors import MemoryFault
from edge_sale.memory import migrations
from edge_sale.memory.database import APPLICATION, connect
from edge_sale.memory.history import History
from edge_sale.memory.store import AuctionMemory
from edge_sale.sqlite.transactions import writing
from edge_sale.types import Task

from .kit import Grams, award, done, look, run, sets

VERSION_1 = Path(__file__).with_name("version_1.sql")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "memory.sqlite"


@pytest.fixture
def full(path):
    """A memory of 60 auctions, closed."""
    with AuctionMemory.open(path, Grams()) as memory:
        for n in range(60):
            memory.record(award(f"t{n}", f"sum the numbers of list {n}"), done(), run())
    return path


def raw(path: Path, *statements: str) -> None:
    with contextlib.closing(look(path)) as db:
        for statement in statements:
            db.execute(statement)


# --- versions ----------------------------------------------------------------


def test_a_file_of_version_1_is_read_and_goes_on(path):
    """A memory written by the first release keeps its auctions, lessons and vectors."""
    raw(path, VERSION_1.read_text(encoding="utf-8"))
    found = History.open(path).get("second")
    assert found.award.winner.bid.agent == "quick"
    assert [x.auction for x in found.award.lessons["quick"]] == ["first"]
    assert found.outcome is not None and found.outcome.verified is True
    assert [e.purpose for e in found.entries] == ["bid", "work"]
    with AuctionMemory.open(path, Grams(dimension=4)) as memory:
        memory.record(award("third", "sum a list"), done(), run())
    assert sets(path) == ({"first", "second", "third"}, {1, 2, 3}, {1, 2, 3})


def test_a_new_file_has_the_tables_of_a_migrated_one(path, tmp_path):
    """New and old memories cannot differ: both go through the same steps."""
    raw(path, VERSION_1.read_text(encoding="utf-8"))
    connect(path).close()
    connect(tmp_path / "new.sqlite").close()

    def tables(file: Path) -> set[tuple[str, str]]:
        with contextlib.closing(look(file)) as db:
            wanted = "sql != '' AND name NOT LIKE 'vectors%'"
            rows = db.execute(f"SELECT name, sql FROM sqlite_schema WHERE {wanted}")
            return {
                (name, " ".join(word for line in sql.splitlines() for word in line.split("--")[0].split()))
                for name, sql in rows
            }

    assert tables(path) == tables(tmp_path / "new.sqlite")


def test_a_migration_step_happens_whole_or_not_at_all(full):
    """A step that fails half-way leaves the file at the version before."""

    def adds(db: apsw.Connection) -> None:
        db.execute("ALTER TABLE auctions ADD COLUMN mood TEXT")

    def fails(db: apsw.Connection) -> None:
        db.execute("DROP TABLE entries")
        db.execute("ALTER TABLE nowhere ADD COLUMN mood TEXT")

    with contextlib.closing(connect(full)) as db:
        with pytest.raises(apsw.SQLError):
            migrations.migrate(db, [*migrations.STEPS, adds, fails])
        assert migrations.version(db) == migrations.LATEST + 1
        assert db.execute("SELECT count(mood), count(*) FROM auctions").fetchone() == (0, 60)
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (120,)


def test_a_newer_file_asks_for_a_newer_program(full):
    """It is neither read nor changed."""
    raw(full, f"PRAGMA user_version = {migrations.LATEST + 1}")
    before = full.read_bytes()
    for opening in (lambda: AuctionMemory.open(full, Grams()), lambda: History.open(full).list()):
        with pytest.raises(MemoryFault, match=r"written by a newer edge-sale .* upgrade edge-sale"):
            opening()
    assert full.read_bytes() == before


# --- damage ------------------------------------------------------------------


def text(path: Path) -> None:
    path.write_text("Dear diary, " * 500, encoding="utf-8")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_000])


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def foreign(path: Path) -> None:
    path.unlink()
    raw(path, "CREATE TABLE recipes (name)")


def no_vectors(path: Path) -> None:
    raw(path, "DELETE FROM vectors WHERE rowid = 7")


def no_table(path: Path) -> None:
    raw(path, "PRAGMA foreign_keys = OFF", "DROP TABLE auctions")


def no_version(path: Path) -> None:
    raw(path, "PRAGMA user_version = 0")


@pytest.mark.parametrize("damage", [text, empty, cut, folder, foreign, no_vectors, no_table, no_version])
def test_a_damaged_or_foreign_file_is_named_and_left_alone(full, damage):
    """Never a silent empty memory, and never deleted: the message says what to move where."""
    damage(full)
    before = full.read_bytes() if full.is_file() else None
    with pytest.raises(MemoryFault) as caught:
        AuctionMemory.open(full, Grams())
    message = str(caught.value)
    assert str(full) in message
    assert "move it aside" in message or "permissions" in message
    assert "\n" not in message
    assert before == (full.read_bytes() if full.is_file() else None)


def test_auctions_that_were_wiped_are_missed(full):
    """A page that says there are no auctions, where pages of auctions are left over, is not believed."""
    with contextlib.closing(look(full)) as db:
        [(page,)] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'auctions'").fetchall()
    data = bytearray(full.read_bytes())
    assert data[(page - 1) * 4096] == 5, "control: the table has more than one page"
    data[(page - 1) * 4096 : page * 4096] = b"\x0d\0\0\0\0\x10\0\0".ljust(4096, b"\0")
    full.write_bytes(data)
    for opening in (lambda: AuctionMemory.open(full, Grams()), lambda: History.open(full).list()):
        with pytest.raises(MemoryFault, match="damaged"):
            opening()


def test_the_journal_of_a_lost_memory_is_not_played_into_a_new_one(full):
    """A -wal without its file is refused by name: it holds auctions."""
    with AuctionMemory.open(full, Grams()) as memory:
        memory.record(award("late", "sum a list"), done(), run())
        journal = full.with_name("memory.sqlite-wal").read_bytes()
    full.unlink()
    full.with_name("memory.sqlite-wal").write_bytes(journal)
    with pytest.raises(MemoryFault, match=r"memory.sqlite-wal: its memory memory.sqlite is gone"):
        AuctionMemory.open(full, Grams())
    assert not full.exists()


def test_what_a_killed_creation_left_is_swept_up(path):
    """A half-made file beside the place does not keep a new memory from being made."""
    path.with_name("memory.sqlite.new").write_bytes(b"half")
    with AuctionMemory.open(path, Grams()) as memory:
        memory.record(award("one", "sum a list"), done(), run())
    assert sets(path)[0] == {"one"}
    assert not path.with_name("memory.sqlite.new").exists()


FLIPPER = """
import random, shutil, sys
from pathlib import Path
from edge_sale.errors import EdgeSaleError
from edge_sale.memory.history import History
from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Task
sys.path.insert(0, sys.argv[2])
from kit import Grams, award, done, run

whole = Path(sys.argv[1])
draw = random.Random(11)
for n in range(int(sys.argv[3])):
    path = whole.with_name(f"flipped{n}.sqlite")
    data = bytearray(whole.read_bytes())
    page = draw.randrange(len(data) // 4096)
    for _ in range(draw.choice([1, 8, 400])):
        data[page * 4096 + draw.randrange(4096)] ^= 1 << draw.randrange(8)
    path.write_bytes(data)
    said = []
    try:
        said.append(len(History.open(path).list(limit=100)))
        History.open(path).get("last").to_json()
        with AuctionMemory.open(path, Grams()) as memory:
            memory.recall(Task("new", "sum the numbers of list 3"), "quick")
            memory.record(award("new", "sum the numbers of list 3"), done(), run())
    except EdgeSaleError as error:
        said.append(str(error))
    print(n, page, *said, flush=True)
    for rest in path.parent.glob(f"{path.name}*"):
        rest.unlink()
"""


def test_flipped_bits_give_an_error_or_the_auctions_never_an_empty_memory(full):
    """60 files (200 in soak) with one damaged page each: no crash, no traceback, and no memory that looks new."""
    count = 200 if os.environ.get("EDGE_SALE_TEST_TIMES") else 60
    command = [sys.executable, "-c", FLIPPER, str(full), str(Path(__file__).parent), str(count)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert len(lines) == count
    silent = [line for line in lines if line.split()[2] == "0"]
    assert silent == []
    assert any(str(full.parent) in line for line in lines), "control: some damage was seen"


# --- several at once ---------------------------------------------------------


def test_a_writer_that_holds_the_file_is_waited_for_not_failed_on(full):
    """Reading goes on while another process writes: recall does not wait for the lock."""
    with AuctionMemory.open(full, Grams()) as memory, contextlib.closing(connect(full)) as other:
        with writing(other):
            other.execute("DELETE FROM entries")
            assert memory.recall(Task("new", "sum the numbers of list 3"), "quick")
        memory.record(award("new", "sum"), done(), run())
    assert "new" in sets(full)[0]


def test_our_files_say_whose_they_are(full):
    """The header's application id tells a memory from any other SQLite file."""
    assert full.read_bytes()[68:72] == APPLICATION.to_bytes(4, "big") == b"SALE"
