"""A user's history under other weights: who would have won, and what that may have cost."""

from datetime import UTC, datetime

import pytest

from edge_sale.evaluation import own
from edge_sale.memory.history import Auction
from edge_sale.scoring.scorer import rank
from edge_sale.scoring.weights import Weights
from edge_sale.types import Award, Bid, Entry, Outcome, Strategy, Task

WEIGHTS = Weights("w", 1, "", {"price": 0.1}, 1.0)


def auction(name: str, verified: bool | None, small=1.0, large=4.0) -> Auction:
    """Two bids; the jury likes the large one better, and it is ten times as dear."""
    bids = [
        Bid("small", 1.0, Strategy("s", 5, 1.0), {"j": small}),
        Bid("large", 10.0, Strategy("l", 5, 1.0), {"j": large}),
    ]
    ranked = tuple(rank(bids, WEIGHTS))
    winner = ranked[0].bid
    who, price = winner.agent, winner.price
    entries = (Entry(who, "bid", 9, 9, 1.0, price), Entry(who, "work", 0, 10**6, 1.0, price))
    award = Award(Task(name, "x"), ranked[0], ranked[0], ranked)
    return Auction(name, datetime.now(UTC), award, (Outcome(winner.agent, "done", "a", verified),), entries, {})


def test_other_weights_are_worked_by_hand():
    """Cost four times as heavy hands the large one's task over: 10 $ of work become the small one's mean of 1 $."""
    history = [auction("1", True), auction("2", True, small=4.0), auction("3", False, small=4.0)]
    as_was, *changed = own.shadows(history, own.variants(WEIGHTS))
    assert (as_was.changed, as_was.dollars, as_was.saved, as_was.passes, as_was.gained) == (0, 12.0, 0.0, 2.0, 0.0)
    dear = next(one for one in changed if one.weights == "w, cost × 4")
    assert (dear.changed, dear.dollars, dear.saved, dear.checked) == (1, 3.0, 9.0, 3)
    assert dear.gained == pytest.approx((1 + 2 * 2 / 3) / 4 - 1)  # small: 1 of 2, and two tasks at everybody's 2/3


def test_what_was_not_checked_or_not_done_is_not_counted():
    """Auctions without work are left out; work without a verdict counts in dollars alone."""
    held = auction("1", None)
    bare = Auction(held.id, held.at, held.award, (), (), {})
    (found, *_) = own.shadows([held, bare], [WEIGHTS])
    assert (found.auctions, found.checked, found.dollars) == (1, 0, 10.0)
