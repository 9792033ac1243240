"""Cost and value of bids (SALE, arXiv 2602.02751): C - V, and the least asking wins."""

from __future__ import annotations

from collections.abc import Sequence

from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Scored


def rank(bids: Sequence[Bid], weights: Weights) -> list[Scored]:
    """The bids by rising asking; of equals the one listed first leads.

    C = sum of the cost signals, V = sum of the value signals + sum over jurors of w_j * score,
    each times its weight. Only jurors who scored every one of these bids count, so that a
    juror who failed half-way favours nobody.
    """
    jurors = set.intersection(*(set(bid.scores) for bid in bids)) if bids else set()
    return sorted((_score(bid, jurors, weights) for bid in bids), key=lambda scored: scored.asking)


def _score(bid: Bid, jurors: set[str], weights: Weights) -> Scored:
    sides = {"cost": 0.0, "value": 0.0}
    for name, weight in weights.signals.items():
        sides[SIGNALS[name].side] += weight * SIGNALS[name].of(bid)
    sides["value"] += sum(weights.of_juror(juror) * bid.scores[juror] for juror in sorted(jurors))
    return Scored(bid, sides["cost"], sides["value"])
