"""What the user says of an answer: kept, believed before any check, and taken back."""

from __future__ import annotations

import pytest

from edge_sale.errors import EdgeSaleError, UnknownName
from edge_sale.memory.feedback import give
from edge_sale.memory.history import History
from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Outcome, Task

from .kit import Grams, award, done, run

SUM = "add up the numbers in a list"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "memory.sqlite"


@pytest.mark.parametrize(
    "status, verified, verdict, right",
    [
        ("done", None, None, None),
        ("done", True, None, True),
        ("done", False, None, False),
        ("passed", True, None, True),
        ("passed", None, None, True),
        ("failed", None, None, False),
        ("cancelled", None, None, None),
        ("passed", True, False, False),
        ("failed", False, True, True),
        ("done", None, True, True),
        ("done", None, False, False),
    ],
)
def test_the_user_is_believed_before_the_check(status, verified, verdict, right):
    """An answer is right by the user's word, else by its check; else nobody knows."""
    assert Outcome("a", status, "x", verified, verdict=verdict).right is right


def test_a_verdict_changes_what_is_learned(path):
    """Bad: its plan is no lesson to copy. Taken back: it is one again. Good: known as passed."""
    with AuctionMemory.open(path, Grams()) as memory:
        memory.record(award("abc", SUM), done(), run())
        assert [memory.past(Task("new", SUM), "quick")[0].passed for _ in range(1)] == [None]
        assert give(path, "ab", False) == "abc"
        assert memory.recall(Task("new", SUM), "drafts") == []
        assert memory.past(Task("new", SUM), "quick")[0].passed is False
        give(path, "last", None)
        assert len(memory.recall(Task("new", SUM), "drafts")) == 1
        give(path, "abc", True)
        assert memory.past(Task("new", SUM), "quick")[0].passed is True
    assert History.open(path).get("abc").to_json()["outcome"]["verdict"] is True


def test_it_stands_on_the_work_that_stands(path):
    """Where a first try failed and another agent did it, the word is about the second."""
    with AuctionMemory.open(path, Grams()) as memory:
        memory.record(award("a1", SUM), Outcome("far", "done", "yes"), run(earlier=[Outcome("quick", "failed", "no")]))
    give(path, "a1", True)
    [auction] = History.open(path).auctions()
    assert [(o.agent, o.verdict, o.right) for o in auction.outcomes] == [("quick", None, False), ("far", True, True)]


def test_what_cannot_be_judged_is_said(path):
    """No memory, no such auction, several, or one without an answer: one line, and nothing is changed."""
    with pytest.raises(UnknownName, match="unknown auction 'last'"):
        give(path, "last", True)
    assert not path.exists()
    with AuctionMemory.open(path, Grams()) as memory:
        memory.record(award("ab1", SUM), None, run())
        memory.record(award("ab2", SUM), done(), run())
    with pytest.raises(EdgeSaleError, match="could be any of"):
        give(path, "ab", True)
    with pytest.raises(EdgeSaleError, match="auction ab1 was held and nothing executed"):
        give(path, "ab1", True)
    assert [a.outcome and a.outcome.verdict for a in History.open(path).auctions()] == [None, None]


def test_all_auctions_are_read_whole_and_in_order(path):
    """The oldest first, the same as asked for one by one."""
    with AuctionMemory.open(path, Grams()) as memory:
        for n in range(5):
            memory.record(award(f"t{n}", f"{SUM} {n}"), done(), run())
    history = History.open(path)
    assert list(history.auctions()) == [history.get(f"t{n}") for n in range(5)]
    assert list(History.open(path.with_name("none.sqlite")).auctions()) == []
