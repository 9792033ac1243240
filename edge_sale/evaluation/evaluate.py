"""Contenders over a recording, as lines for the table: learned on training tasks, sold on others.

With one recording, five-fold cross-validation in several task orders; with two, learned on the first and
sold on the second, which nothing else looks at. A dial is set on the training tasks alone, each answered
as if it had been left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edge_sale.evaluation import replay
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.baselines import Bids, Contender
from edge_sale.evaluation.replay import Tries
from edge_sale.types import Scored

FOLDS = 5
CHARACTERS = 4.0  # a token, where only text is on record
CURVE = 21  # points of a curve, spread over the dials
EMBED = 0.01  # dollars per million tokens of the embedder


def cross_validated(view: View, contender: Contender, order: int, budget: float) -> Iterator[dict[str, Any]]:
    """Lines of one contender in one order of the tasks: each is sold by what the other folds taught."""
    places = np.random.default_rng(order).permutation(len(view.of.items))
    curves: list[list[tuple[float, float, float]]] = []
    folds = np.array_split(places, min(FOLDS, len(places)))
    for fold in folds:
        train = view.part(np.setdiff1d(places, fold, assume_unique=True))
        yield from _sold(train, view.part(fold), contender, order, budget, curves)
    yield from _curve(contender, order, curves, [len(fold) for fold in folds])


def held_out(train: View, test: View, contender: Contender, order: int, budget: float) -> Iterator[dict[str, Any]]:
    """Lines of one contender learned on `train` and sold on `test`, in one order of its tasks."""
    places = np.random.default_rng(order).permutation(len(test.of.items))
    curves: list[list[tuple[float, float, float]]] = []
    yield from _sold(train, test.part(places), contender, order, budget, curves)
    yield from _curve(contender, order, curves, [len(places)])


def dial_for(train: View, bids: Bids, contender: Contender, budget: float) -> float:
    """The dial that training asks for.

    With a budget, the dial that uses most of it (the least share where none is within): how much is
    bought is not itself fitted to outcomes. Else the best pass@1, of equals the cheapest.
    """
    if len(contender.dials) == 1:
        return contender.dials[0]
    points = [(dial, *score(train, bids.at(train, dial, contender.verified))) for dial in contender.dials]
    if contender.budget:
        within = [point for point in points if point[1] <= budget]
        return max(within, key=lambda point: point[1])[0] if within else min(points, key=lambda p: p[1])[0]
    return max(points, key=lambda point: (point[3], -point[2]))[0]


def score(view: View, tries: Sequence[Tries]) -> tuple[float, float, float]:
    """Share of the largest agent, dollars a task, pass@1."""
    share = np.mean([view.largest in one for one in tries])
    dollars = np.mean([view.dollars[n, list(one)].sum() for n, one in enumerate(tries)])
    return float(share), float(dollars), float(np.mean([view.success[n, one[-1]] for n, one in enumerate(tries)]))


def _sold(
    train: View,
    test: View,
    contender: Contender,
    order: int,
    budget: float,
    curves: list[list[tuple[float, float, float]]],
) -> Iterator[dict[str, Any]]:
    learned = contender.learn(train, order)
    dial = dial_for(train, learned(train, True), contender, budget)
    bids = learned(test, False)
    if contender.seal:
        paced = budget if contender.budget else None
        sold = replay.sell(test, contender.seal(train)(test, False), dial, contender.verified, paced)
    else:
        sold = [(tries, ()) for tries in bids.at(test, dial, contender.verified)]
    for place, (tries, ranked) in enumerate(sold):
        yield _line(test, place, contender, order, dial, tries, ranked)
    chosen = np.unique(np.linspace(0, len(contender.dials) - 1, CURVE).round().astype(int))
    curves.append([score(test, bids.at(test, contender.dials[i], contender.verified)) for i in chosen])


def _curve(
    contender: Contender, order: int, curves: Sequence[Sequence[tuple[float, float, float]]], sizes: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """What each dial gave over all folds: share, dollars a task, pass@1."""
    if len(contender.dials) == 1:
        return
    points = np.average(np.array(curves), axis=0, weights=sizes)
    yield {"kind": "curve", "contender": contender.name, "order": order, "points": points.round(6).tolist()}


def _line(
    view: View, place: int, contender: Contender, order: int, dial: float, tries: Tries, ranked: Sequence[Scored]
) -> dict[str, Any]:
    item, agents = view.of.items[place], view.agents
    tokens, dollars = float(view.tokens[place, list(tries)].sum()), float(view.dollars[place, list(tries)].sum())
    extra = _overhead(view, place, contender)
    timed = [view.of.trial(item, agents[a]).seconds for a in tries]
    return {
        "kind": "sold",
        "contender": contender.name,
        "order": order,
        "task": item.task.id,
        "bin": item.bin,
        "tried": [agents[a] for a in tries],
        "success": bool(view.success[place, tries[-1]]),
        "tokens": tokens,
        "dollars": dollars,
        "seconds": None if any(s is None for s in timed) else sum(s for s in timed if s is not None),
        "auction": extra,
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
        # nobody has seen a fallback's plan, so there is no score of it
        "scores": {name: round(float(x), 3) for name, x in bid.scores.items()} if bid.strategy.text else {},
    }


def _overhead(view: View, place: int, contender: Contender) -> list[float]:
    """What choosing took: tokens, dollars, seconds. Bids are read and written by every bidder, then judged."""
    if contender.group == "alone" or contender.name in ("random", "cheapest", "oracle"):
        return [0, 0.0, 0.0]
    item = view.of.items[place]
    read = len(item.task.text) / CHARACTERS
    tokens, dollars, seconds = read, read * EMBED / 1e6, 0.0
    if contender.seal:
        bidders = [a for a in range(len(view.agents)) if contender.live or a != view.largest]
        for a in bidders:
            tokens += read + view.plan_tokens[place, a]
            dollars += (read + view.plan_tokens[place, a]) * view.prices[a] / 1e6
        if view.opinions:
            spent = view.opinions[item.task.id].spent
            tokens, dollars, seconds = tokens + spent.tokens, dollars + spent.dollars, seconds + spent.seconds
    return [round(tokens), round(dollars, 8), round(seconds, 4)]
