"""Cost and value of bids (SALE, arXiv 2602.02751): C - V, and the least asking wins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from edge_sale.scoring.signals import SIGNALS, TOP, Span
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Scored

__all__ = ["TOP", "appraise", "best_case", "by_asking", "rank"]


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

    C = sum of the cost signals, V = the agent's constant + sum of the value signals + sum over jurors of
    w_j * score, each times its weight. Of jurors who have not scored it, V has nothing; `unheard` is the most
    that they could add to it and `risk` the most that they could take away.
    """
    heard = {name: bid.scores[name] for name in sorted(jurors) if name in bid.scores}
    missing = [name for name in jurors if name not in bid.scores]
    known = replace(bid, scores=heard)
    own = weights.of(bid.agent)
    cost, value, gain, loss = 0.0, own.constant, 0.0, 0.0
    for name, weight in own.signals.items():
        signal = SIGNALS[name]
        found = signal.of(known)
        worth = weight * (weights.usual.get(name, 0.0) if found is None else found)
        if signal.side == "cost":
            cost += worth
            continue
        value += worth
        if signal.jury and missing:
            low, high = _reach(weight, signal.span(bid.price))
            gain, loss = gain + high - worth, loss + worth - low
    value += sum(weights.of_juror(juror) * score for juror, score in heard.items())
    for juror in missing:
        low, high = _reach(weights.of_juror(juror), (0.0, TOP))
        gain, loss = gain + high, loss - low
    return Scored(bid, cost, value, gain, loss)


def best_case(agent: str, price: float, jurors: Collection[str], weights: Weights) -> float:
    """The least that a bid can ask whatever its plan and its scores: -inf where nothing bounds it."""
    own = weights.of(agent)
    most = own.constant + sum(_reach(weights.of_juror(juror), (0.0, TOP))[1] for juror in jurors)
    least = 0.0
    for name, weight in own.signals.items():
        low, high = _reach(weight, SIGNALS[name].span(price))
        if SIGNALS[name].side == "cost":
            least += low
        else:
            most += high
    return least - most


def _reach(weight: float, span: Span) -> Span:
    """Between what a signal in `span` can come to with this weight; nothing without a weight, however far it goes."""
    if weight == 0:
        return 0.0, 0.0
    ends = (weight * span[0], weight * span[1])
    return min(ends), max(ends)
