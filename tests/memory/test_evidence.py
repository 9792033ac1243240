"""What memory knows of one agent: its plans, how its work ended and what it cost, on tasks like the one at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.memory.costs import compare
from edge_sale.memory.history import History
from edge_sale.memory.store import AuctionMemory
from edge_sale.remote.config import Remote
from edge_sale.types import Entry, Outcome, Past, Task
from tests.memory.kit import Grams, award, bid, run

SUM = "add up the numbers in a list"
ESCALATED = [
    Entry("quick", "bid", 1000, 0, 1.0, 1.0),
    Entry("quick", "work", 1000, 1000, 1.0, 1.0),
    Entry("far", "escalate", 100, 300, 1.0, 7.5),
]


@pytest.fixture
def memory(tmp_path: Path):
    with AuctionMemory.open(tmp_path / "memory.sqlite", Grams()) as memory:
        yield memory


def test_work_away_is_known_with_its_verdict_and_price(memory: AuctionMemory) -> None:
    """An agent that made no bid but did the work: whether it passed, and what a token of it cost."""
    home = Outcome("quick", "failed", "no", verified=False)
    remotes_ready = Outcome("far", "passed", "yes", verified=True)
    memory.record(award("a1", SUM), remotes_ready, run(entries=ESCALATED, earlier=[home]))
    (known,) = memory.past(Task("now", "add up the numbers in a tuple"), "far")
    assert known == Past(known.similarity, True, None, None, None, pytest.approx(7.5))
    assert 0.35 <= known.similarity <= 1
    (quick,) = memory.past(Task("now", SUM), "quick")
    assert (quick.passed, quick.score, quick.plan_tokens) == (False, 2.75, 12)


def test_both_outcomes_are_kept_and_the_last_one_stands(memory: AuctionMemory) -> None:
    """Local work that failed is no lesson, though the task was solved elsewhere afterwards."""
    home = Outcome("quick", "failed", "no", verified=False)
    remotes_ready = Outcome("far", "passed", "yes", verified=True)
    memory.record(award("a1", SUM), remotes_ready, run(earlier=[home]))
    assert History.open(memory.path).get("a1").outcome == remotes_ready
    assert memory.recall(Task("now", SUM), "quick") == []


def test_strangers_and_the_task_itself_say_nothing(memory: AuctionMemory) -> None:
    """Tasks under the cosine of likeness are left out, and so is the auction being held."""
    memory.record(award("a1", "compose a sonnet about winter storms at sea"), Outcome("far", "done", "x"), run())
    memory.record(award("a2", SUM), Outcome("far", "done", "x"), run())
    assert memory.past(Task("a2", SUM), "far") == []
    assert [p.passed for p in memory.past(Task("now", SUM), "far")] == [None]


def test_a_live_bid_counts_as_a_bid(memory: AuctionMemory) -> None:
    """Where it bid, its plan's length and score are known."""
    memory.record(award("a1", SUM, bid("quick", 1.0), bid("far", 2.0, price=6.0)), Outcome("quick", "done", "x"), run())
    (known,) = memory.past(Task("now", SUM), "far")
    assert (known.passed, known.score, known.plan_tokens, known.price) == (None, 2.75, 12, None)


def test_costs_are_compared_with_the_remote_alone(memory: AuctionMemory) -> None:
    """One task done away, one at home: sums by purpose, and what the remote alone would have cost."""
    far = Remote("far", "https://far/v1", "m", price_in=3.0, price_out=9.0)
    memory.record(award("a1", SUM), Outcome("far", "done", "yes"), run(entries=ESCALATED))
    memory.record(award("a2", "x" * 400), Outcome("quick", "done", "y" * 800), run(entries=ESCALATED[:2]))
    memory.record(award("a3", "held and not carried out"), None, run(entries=ESCALATED[:1]))
    sums = compare(memory.path, far)
    assert (sums.tasks, sums.escalated) == (2, 1)
    assert (sums.auction, sums.local, sums.remote) == pytest.approx((0.002, 0.004, 0.003))
    assert sums.everything == pytest.approx(far.cost(100, 300) + far.cost(101, 201))
    assert sums.saved == pytest.approx((sums.everything or 0) - 0.009)
    assert compare(memory.path, None).everything is None
    assert compare(memory.path.with_name("none.sqlite"), far).tasks == 0
