"""Looking back at what was sold, and why this agent won."""

from __future__ import annotations

import json

import pytest

from edge_sale.errors import EdgeSaleError, UnknownName
from edge_sale.memory.history import History
from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Outcome, Task

from .kit import RUN, Grams, award, bid, done, run

SUM = "Write a function that returns the sum of the squares of the even numbers"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "memory.sqlite"


@pytest.fixture
def memory(path):
    with AuctionMemory.open(path, Grams()) as memory:
        yield memory


def test_a_memory_that_is_not_there_has_no_history_and_is_not_made(path):
    """Asking for history writes nothing."""
    assert History.open(path).list() == []
    with pytest.raises(UnknownName, match="unknown auction 'last'; known: none; see: edge-sale run"):
        History.open(path).get("last")
    assert list(path.parent.iterdir()) == []


def test_the_history_lists_the_newest_first(memory, path):
    """Each line has winner, outcome and the sums of tokens, seconds and dollars."""
    memory.record(award("a1", SUM), Outcome("quick", "passed", "x", True), run())
    memory.record(award("a2", "count words"), None, {})
    memory.record(award("a3", "sort lines"), done(), run())
    history = History.open(path)
    assert [row.id for row in history.list()] == ["a3", "a2", "a1"]
    assert [row.id for row in history.list(limit=1, offset=1)] == ["a2"]
    held, first = history.list(limit=2, offset=1)
    assert (held.status, held.verified, held.tokens, held.seconds, held.dollars) == (None, None, 0, 0.0, 0.0)
    assert (first.winner, first.pool, first.bids) == ("quick", "starter", 3)
    assert (first.status, first.verified) == ("passed", True)
    assert (first.tokens, first.seconds) == (392, 2.5)
    assert first.dollars == pytest.approx(392 * 0.05 / 1e6)
    assert json.loads(json.dumps(first.to_json()))["at"].endswith("+00:00")


def test_an_auction_is_found_by_id_by_its_beginning_or_as_the_last(memory, path):
    """Prefixes work where they mean one auction, and an exact id always wins."""
    for id in ("ab", "abc1", "abd2"):
        memory.record(award(id, SUM), done(), run())
    history = History.open(path)
    assert [history.get(name).id for name in ("ab", "abc", "abd2", "last")] == ["ab", "abc1", "abd2", "abd2"]


def test_a_beginning_of_several_ids_names_them(memory, path):
    """The error lists the auctions it could be."""
    for id in ("abc1", "abd2"):
        memory.record(award(id, SUM), done(), run())
    with pytest.raises(EdgeSaleError, match=r"auction 'ab' could be any of abd2, abc1; give more of its id"):
        History.open(path).get("ab")


@pytest.mark.parametrize("name", ["zz", "", "%", "a_"])
def test_an_unknown_auction_names_the_newest_ones(memory, path, name):
    """Ids are taken literally: no wildcards."""
    memory.record(award("abc1", SUM), done(), run())
    with pytest.raises(UnknownName, match=r"known: abc1.*see: edge-sale history"):
        History.open(path).get(name)


def test_show_explains_an_auction_bid_by_bid(memory, path):
    """Plans, prices, signals, scores, costs, who led, won or sat out, lessons, outcome, ledger, settings."""
    memory.record(award("old", SUM, bid("big", 1.0, price=0.2), bid("quick", 2.0)), done("big"), run())
    task = Task("new", SUM + " in a list")
    lessons = tuple(memory.recall(task, "quick"))
    bids = (bid("big", 1.0, price=0.2), bid("quick", 2.0), bid("quick", 0.5, "better plan", "refined"))
    new = award("new", task.text, *bids, sat_out={"slow": "timed out"}, lessons={"quick": lessons})
    outcome = Outcome("quick", "failed", "def f(: …", False, ("does not parse",), 2)
    memory.record(new, outcome, run())

    found = History.open(path).get("new")
    assert found.award == new
    told = json.loads(json.dumps(found.to_json()))
    assert (told["winner"], told["provisional"], told["sat_out"]) == ("quick", "big", {"slow": "timed out"})
    assert [(b["agent"], b["phase"], b["led"], b["won"]) for b in told["bids"]] == [
        ("quick", "refined", False, True),
        ("big", "opening", True, False),
        ("quick", "opening", False, False),
    ]
    first = told["bids"][0]
    assert (first["plan"], first["price"]) == ("better plan", 0.05)
    assert (first["tokens"], first["entropy"]) == (12, 1.25)
    assert (first["signals"], first["scores"]) == ({"length": 12.0}, {"quick": 3.0, "planner": 2.5})
    assert (first["cost"], first["value"], first["asking"]) == (1.5, 1.0, 0.5)
    [lesson] = told["lessons"]["quick"]
    assert (lesson["auction"], lesson["task"], lesson["winner"]) == ("old", SUM, "big")
    assert lesson["similarity"] == lessons[0].similarity
    assert told["outcome"]["notes"] == ["does not parse"]
    assert [e["purpose"] for e in told["entries"]] == ["bid", "work"]
    assert told["entries"][0]["dollars"] == pytest.approx(112 * 0.05 / 1e6)
    assert told["run"] == RUN


def test_looking_back_needs_no_embedder_and_changes_nothing(memory, path):
    """The view refuses to write, whoever asks."""
    memory.record(award("abc1", SUM), done(), run())
    before = path.read_bytes(), path.with_name("memory.sqlite-wal").read_bytes()
    history = History.open(path)
    history.list()
    history.get("last")
    assert (path.read_bytes(), path.with_name("memory.sqlite-wal").read_bytes()) == before
    with history.view() as db, pytest.raises(Exception, match="readonly"):
        db.execute("DELETE FROM auctions")
