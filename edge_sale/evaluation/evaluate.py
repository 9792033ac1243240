"""Methods over a recording, as lines of a runs file: learned on training tasks, measured on other tasks.

With one recording, five-fold cross-validation in several task orders. With two, learned on the first and measured on
the second, which nothing else looks at. A dial is set on the training tasks alone, each predicted without itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edge_sale.evaluation import replay
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.baselines import Bids, Learned, Method
from edge_sale.evaluation.replay import Appraise, Tries
from edge_sale.types import Scored

FOLDS = 5
CHARACTERS = 4.0  # a token, where only text is on record
CURVE = 21  # points of a curve, spread over the dials
EMBED = 0.01  # dollars per million tokens of the embedder

Point = tuple[float, float, float]  # share of the largest agent, dollars a task, pass@1


def cross_validated(view: View, method: Method, order: int, budget: float) -> Iterator[dict[str, Any]]:
    """Lines of one method in one order of the tasks: each task is assigned by what the other folds taught."""
    places = np.random.default_rng(order).permutation(len(view.of.items))
    curves: list[list[Point]] = []
    folds = np.array_split(places, min(FOLDS, len(places)))
    for fold in folds:
        train = view.subset(np.setdiff1d(places, fold, assume_unique=True))
        yield from _results(train, view.subset(fold), method, order, budget, curves)
    yield from _curve(method, order, curves, [len(fold) for fold in folds])


def held_out(train: View, test: View, method: Method, order: int, budget: float) -> Iterator[dict[str, Any]]:
    """Lines of one method learned on `train` and measured on `test`, in one order of its tasks."""
    places = np.random.default_rng(order).permutation(len(test.of.items))
    curves: list[list[Point]] = []
    yield from _results(train, test.subset(places), method, order, budget, curves)
    yield from _curve(method, order, curves, [len(places)])


def dial_for(train: View, bids: Bids, method: Method, budget: float) -> float:
    """The dial that the training tasks call for.

    With a budget, the dial that uses most of the budget; the one with the least share where none is within it. So
    how much is bought is not fitted to outcomes. Without a budget, the best pass@1, and of equals the cheapest.
    """
    if len(method.dials) == 1:
        return method.dials[0]
    points = [(dial, *score(train, bids.at(train, dial, method.verified))) for dial in method.dials]
    if method.budget:
        within = [point for point in points if point[1] <= budget]
        return max(within, key=lambda point: point[1])[0] if within else min(points, key=lambda p: p[1])[0]
    return max(points, key=lambda point: (point[3], -point[2]))[0]


def score(view: View, tries: Sequence[Tries]) -> Point:
    """Share of the largest agent, dollars a task, pass@1."""
    share = np.mean([view.largest in one for one in tries])
    dollars = np.mean([view.dollars[n, list(one)].sum() for n, one in enumerate(tries)])
    return float(share), float(dollars), float(np.mean([view.success[n, one[-1]] for n, one in enumerate(tries)]))


def _results(
    train: View, test: View, method: Method, order: int, budget: float, curves: list[list[Point]]
) -> Iterator[dict[str, Any]]:
    appraise = method.appraise(train) if method.appraise else None
    learned = _bids_of(appraise) if appraise else method.learn(train, order) if method.learn else None
    assert learned is not None
    dial = dial_for(train, learned(train, True), method, budget)
    bids = learned(test, False)
    if appraise:
        paced = budget if method.budget else None
        found = replay.run_auctions(test, appraise(test, False), dial, method.verified, paced)
    else:
        found = [(tries, ()) for tries in bids.at(test, dial, method.verified)]
    for place, (tries, ranked) in enumerate(found):
        yield _line(test, place, method, order, dial, tries, ranked)
    chosen = np.unique(np.linspace(0, len(method.dials) - 1, CURVE).round().astype(int))
    curves.append([score(test, bids.at(test, method.dials[i], method.verified)) for i in chosen])


def _bids_of(appraise: Appraise) -> Learned:
    def bids(view: View, itself: bool) -> Bids:
        appraisal = appraise(view, itself)
        return Bids(appraisal.cost, appraisal.value)

    return bids


def _curve(
    method: Method, order: int, curves: Sequence[Sequence[Point]], sizes: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """What each dial gave, a mean over the folds."""
    if len(method.dials) == 1:
        return
    points = np.average(np.array(curves), axis=0, weights=sizes)
    yield {"kind": "curve", "method": method.name, "order": order, "points": points.round(6).tolist()}


def _line(
    view: View, place: int, method: Method, order: int, dial: float, tries: Tries, ranked: Sequence[Scored]
) -> dict[str, Any]:
    item, agents = view.of.items[place], view.agents
    tokens, dollars = float(view.tokens[place, list(tries)].sum()), float(view.dollars[place, list(tries)].sum())
    timed = [view.of.trial(item, agents[a]).seconds for a in tries]
    return {
        "kind": "result",
        "method": method.name,
        "order": order,
        "task": item.task.id,
        "bin": item.bin,
        "tried": [agents[a] for a in tries],
        "success": bool(view.success[place, tries[-1]]),
        "tokens": tokens,
        "dollars": dollars,
        "seconds": None if any(s is None for s in timed) else sum(s for s in timed if s is not None),
        "auction": _overhead(view, place, method),
        "dial": dial,
        "bids": [_bid(view, place, scored) for scored in ranked],
    }


def _bid(view: View, place: int, scored: Scored) -> dict[str, Any]:
    bid = scored.bid
    trial = view.of.trial(view.of.items[place], bid.agent)
    return {
        "agent": bid.agent,
        "price": bid.price,
        "tokens": bid.strategy.tokens,
        "cost": round(scored.cost, 5),
        "value": round(scored.value, 5),
        "right": trial.success,
        "signals": {name: round(x, 4) for name, x in bid.strategy.signals.items()},
        # no juror has seen a fallback's plan, so it has no scores
        "scores": {name: round(float(x), 3) for name, x in bid.scores.items()} if bid.strategy.text else {},
    }


def _overhead(view: View, place: int, method: Method) -> list[float]:
    """What choosing an agent took: tokens, dollars, seconds. Every bidder reads the task and writes its plan."""
    if method.group == "alone" or method.name in ("random", "cheapest", "oracle"):
        return [0, 0.0, 0.0]
    item = view.of.items[place]
    read = len(item.task.text) / CHARACTERS
    tokens, dollars, seconds = read, read * EMBED / 1e6, 0.0
    if method.appraise:
        bidders = [a for a in range(len(view.agents)) if method.live or a != view.largest]
        for a in bidders:
            tokens += read + view.plan_tokens[place, a]
            dollars += (read + view.plan_tokens[place, a]) * view.prices[a] / 1e6
        if view.opinions:
            spent = view.opinions[item.task.id].spent
            tokens, dollars, seconds = tokens + spent.tokens, dollars + spent.dollars, seconds + spent.seconds
    return [round(tokens), round(dollars, 8), round(seconds, 4)]
