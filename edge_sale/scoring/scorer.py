"""Cost C and value V of bids (SALE, arXiv 2602.02751). A bid asks C - V, and the bid that asks least wins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from edge_sale.scoring.signals import SIGNALS, TOP, Span
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Scored

__all__ = ["TOP", "appraise", "best_case", "by_asking", "rank"]


def rank(bids: Sequence[Bid], weights: Weights) -> list[Scored]:
    """The bids by rising asking; equal bids stay in the order given.

    Only jurors that scored all of these bids count, so that a juror that failed part-way favours no bid.
    """
    jurors = set.intersection(*(set(bid.scores) for bid in bids)) if bids else set()
    return by_asking(appraise(bid, jurors, weights) for bid in bids)


def by_asking(scored: Iterable[Scored]) -> list[Scored]:
    """Sort by rising asking; equal bids stay in their order."""
    return sorted(scored, key=lambda one: one.asking)


def appraise(bid: Bid, jurors: Collection[str], weights: Weights) -> Scored:
    """The bid's cost and value by these jurors.

    C is the weighted sum of the cost signals. V is the agent's constant, plus the weighted sum of the value signals,
    plus the sum over jurors of w_j * score. Jurors that have not scored the bid yet add nothing to V: `unheard` is the
    most that they could add, and `risk` the most that they could take away.
    """
    given = {name: bid.scores[name] for name in sorted(jurors) if name in bid.scores}
    missing = [name for name in jurors if name not in bid.scores]
    known = replace(bid, scores=given)
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
    value += sum(weights.of_juror(juror) * score for juror, score in given.items())
    for juror in missing:
        low, high = _reach(weights.of_juror(juror), (0.0, TOP))
        gain, loss = gain + high, loss - low
    return Scored(bid, cost, value, gain, loss)


def best_case(agent: str, price: float, jurors: Collection[str], weights: Weights) -> float:
    """The least that a bid of this agent can ask, whatever its plan and scores; -inf where it has no bound."""
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
    """The range of weight times a signal in `span`; (0, 0) for a weight of 0, even if the span is infinite."""
    if weight == 0:
        return 0.0, 0.0
    ends = (weight * span[0], weight * span[1])
    return min(ends), max(ends)
