"""`edge-sale memory` and `--private`, as their users type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Outcome
from tests.cli.kit import CONFIG, STARTER, edge, history, new_home, only_document
from tests.memory.kit import Grams, award, run

SECRET = "the heron nests behind the old mill"


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A home with three recorded auctions."""
    home = new_home(tmp_path / "home", STARTER if request.node.get_closest_marker("models") else CONFIG)
    with AuctionMemory.open(home / "memory.sqlite", Grams()) as memory:
        for id_, text in (("aa1", "sum a list"), ("bb2", SECRET), ("cc3", "sort a list")):
            memory.record(award(id_, text), Outcome("quick", "passed", "42", True), run())
    return home


def test_a_life_with_the_memory(home: Path, tmp_path: Path) -> None:
    """Counted, found, shown, taken along, forgotten for good, brought back, compacted."""
    assert only_document(edge(home, "memory", "stats", "--json").stdout)["auctions"] == 3
    found = only_document(edge(home, "memory", "search", "--exact", "HERON", "--json").stdout)
    assert [(row["id"], row["right"]) for row in found] == [("bb2", True)]
    assert SECRET in edge(home, "memory", "show", "bb").stdout
    file = tmp_path / "out.jsonl"
    done = edge(home, "memory", "export", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "3 auctions exported\n")
    assert file.stat().st_mode & 0o077 == 0
    assert edge(home, "memory", "export").stdout == file.read_text(encoding="utf-8")

    done = edge(home, "memory", "forget", "--text", "heron", "--yes")
    assert (done.returncode, done.stdout) == (0, "1 auction forgotten\n")
    assert [row["id"] for row in history(home)] == ["cc3", "aa1"]
    assert [p.name for p in home.iterdir() if p.is_file() and SECRET.encode() in p.read_bytes()] == []

    assert edge(home, "memory", "import", str(file)).stdout == "1 auction added, 2 already here\n"
    assert len(history(home)) == 3
    assert "0 auctions forgotten" in edge(home, "memory", "compact").stdout
    assert only_document(edge(home, "memory", "forget", "--all", "-y", "--json").stdout)["forgotten"] == 3
    assert history(home) == []


def test_nothing_is_forgotten_unasked(home: Path) -> None:
    """Without --yes and without a terminal to ask on, it stays, and how many would go is said."""
    done = edge(home, "memory", "forget", "--all")
    assert done.returncode == 2 and "3 auctions would be forgotten; to forget without a question: --yes" in done.stderr
    assert len(history(home)) == 3


def test_a_damaged_memory_is_put_aside_by_name(home: Path) -> None:
    """The message says how, the file is kept, and then all goes on."""
    (home / "memory.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    done = edge(home, "memory", "stats")
    assert done.returncode == 1 and "edge-sale memory aside" in done.stderr
    kept = only_document(edge(home, "memory", "aside", "--json").stdout)
    assert Path(kept[0]).read_bytes().endswith(b"\xff" * 5000)
    assert history(home) == []


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("forget",), 2, "say what to forget"),
        (("forget", "--text", " "), 2, "--text is empty"),
        (("forget", "aa1", "--all"), 2, "AUCTION and --all exclude each other"),
        (("forget", "zz"), 1, "unknown auction 'zz'"),
        (("show", "zz"), 1, "unknown auction 'zz'"),
        (("import", "nowhere.jsonl"), 1, "nowhere.jsonl: cannot be read: No such file"),
        (("import", "config.toml"), 1, "line 1: not an export of an edge-sale memory"),
        (("export", "no/such/folder/x"), 1, "no/such/folder/x: cannot be written: No such file"),
    ],
)
def test_a_mistake_is_named(home: Path, args: tuple[str, ...], code: int, says: str) -> None:
    """One line, the right exit code, and the memory as it was."""
    args = tuple(str(home / arg) if arg == "config.toml" else arg for arg in args)
    done = edge(home, "memory", *args)
    assert says in done.stderr and "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (code, "")


@pytest.mark.models
def test_private_runs_leave_nothing_and_the_embedder_finds_and_is_exchanged(home: Path) -> None:
    """--private records nothing; another embedder asks for reembed, after which recall and search go on."""
    assert "edge-sale memory reembed" in edge(home, "bid", "Say yes.", "-a", "quick").stderr
    done = only_document(edge(home, "memory", "reembed", "--json").stdout)
    assert (done["vectors"], done["made"]) == (3, 3)
    before = json.dumps(history(home))
    done = edge(home, "bid", "Where does the grey heron breed?", "-a", "quick", "--private", "--json")
    assert done.returncode == 0 and only_document(done.stdout)["recorded"] is False
    assert json.dumps(history(home)) == before
    assert [p.name for p in home.rglob("*") if p.is_file() and b"grey heron" in p.read_bytes()] == []
    (first, *_) = only_document(edge(home, "memory", "search", "a bird near a mill", "--json").stdout)
    assert first["id"] == "bb2"
    done = edge(home, "bid", "Where does the grey heron breed?", "-a", "quick", "--json")
    assert only_document(done.stdout)["recorded"] and len(history(home)) == 4, "control: without it, it is recorded"
