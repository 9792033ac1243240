"""Cost and value of bids (SALE, arXiv 2602.02751): C - V, and the least asking wins."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Scored

TOP = 5.0  # the most that a juror gives


def rank(bids: Sequence[Bid], weights: Weights) -> list[Scored]:
    """The bids by rising asking; of equals the one listed first leads.

    Only jurors who scored every one of these bids count, so that a juror who failed half-way favours nobody.
    """
    jurors = set.intersection(*(set(bid.scores) for bid in bids)) if bids else set()
    return by_asking(appraise(bid, jurors, weights) for bid in bids)


def by_asking(scored: Iterable[Scored]) -> list[Scored]:
    """By rising asking; equals stay in their order."""
    return sorted(scored, key=lambda one: one.asking)


def appraise(bid: Bid, jurors: Collection[str], weights: Weights) -> Scored:
    """The bid's cost and value by these jurors.

    C = sum of the cost signals, V = sum of the value signals + sum over jurors of w_j * score, each times
    its weight. Of jurors who have not scored it, V has nothing and `unheard` the most that they could add.
    """
    sides = {"cost": 0.0, "value": 0.0}
    for name, weight in weights.signals.items():
        sides[SIGNALS[name].side] += weight * SIGNALS[name].of(bid)
    heard = sorted(set(jurors) & set(bid.scores))
    sides["value"] += sum(weights.of_juror(juror) * bid.scores[juror] for juror in heard)
    unheard = TOP * sum(weights.of_juror(juror) for juror in jurors if juror not in bid.scores)
    return Scored(bid, sides["cost"], sides["value"], unheard)


def best_case(price: float, jurors: Collection[str], weights: Weights) -> float:
    """The least that a bid at `price` can ask whatever its plan and its scores: -inf where nothing bounds it."""
    least = -TOP * sum(weights.of_juror(juror) for juror in jurors)
    for name, weight in weights.signals.items():
        signal = SIGNALS[name]
        if weight == 0:
            continue
        if signal.best is None:
            return -math.inf
        least += weight * signal.best(price) * (1 if signal.side == "cost" else -1)
    return least
