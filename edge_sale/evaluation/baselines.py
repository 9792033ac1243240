"""The methods that SALE is compared with. Each learns from one recording and assigns the tasks of another.

Each baseline names its source, and `departs` says what is different here. All methods see the same tasks, vectors
and outcomes. A method's dial is set on its training tasks alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_sale.evaluation.arrays import Floats, View
from edge_sale.evaluation.replay import Appraise, Tries, tries_of
from edge_sale.scoring import success_chance
from edge_sale.scoring.experience import experience

Learned = Callable[[View, bool], "Bids"]  # the view to assign, and whether it is the training view itself
NO_DIAL = (0.0,)
DIALS = tuple(np.round(np.concatenate([np.arange(0, 1, 0.01), np.arange(1, 3.01, 0.25)]), 2).tolist())


@dataclass(frozen=True, slots=True)
class Bids:
    """What a method does at each dial: the agent with the least dial x cost - value works."""

    cost: Floats  # (N, A)
    value: Floats
    tries: Callable[[float], list[Tries]] | None = None  # for methods that choose otherwise

    def at(self, view: View, dial: float, verified: bool) -> list[Tries]:
        if self.tries:
            return self.tries(dial)
        order = np.argsort(dial * self.cost - self.value, axis=1, kind="stable")
        return [tries_of(view, place, order[place].tolist(), verified) for place in range(len(order))]


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table. A baseline has `learn`, which gets the training view and the number of the task order; an
    auction has `appraise`."""

    name: str
    source: str
    learn: Callable[[View, int], Learned] | None = None  # None for an auction
    dials: Sequence[float] = NO_DIAL
    departs: str = ""
    verified: bool = False
    budget: bool = False  # the dial keeps the largest agent's share within the budget; else it is the best one
    appraise: Callable[[View], Appraise] | None = None  # for an auction, held by the product's own code
    live: bool = False  # all agents bid and are judged, the largest too
    group: str = "baseline"
    needs_solver: bool = False  # it solves the paper's program, which takes HiGHS (extra `fit`)


def single(name: str) -> Method:
    """One agent does every task."""

    def learn(train: View, order: int) -> Learned:
        return lambda view, itself: _flat(view, [float(agent == name) for agent in view.agents])

    return Method(name, "each agent alone", learn, group="alone")


def at_random(train: View, order: int) -> Learned:
    def bids(view: View, itself: bool) -> Bids:
        return Bids(np.zeros_like(view.success), np.random.default_rng(order).random(view.success.shape))

    return bids


def oracle(train: View, order: int) -> Learned:
    """The cheapest agent that will succeed; the cheapest of all where none will."""
    return lambda view, itself: Bids(np.zeros_like(view.success), view.success - 1e-3 * _rank(view.prices))


def cheapest(train: View, order: int) -> Learned:
    return lambda view, itself: _flat(view, -_rank(view.prices))


def nearest(train: View, order: int) -> Learned:
    """The agent that did best on similar tasks, whatever it costs."""
    return lambda view, itself: Bids(np.zeros_like(view.success), _success_share(train, view, itself))


def wtp(train: View, order: int) -> Learned:
    return lambda view, itself: Bids(
        experience(view.similarity_to(train), _relative_dollars(train), leave_one_out=itself),
        _success_share(train, view, itself),
    )


def carrot(train: View, order: int) -> Learned:
    quality, cost = _linear(train, train.success), _linear(train, _relative_dollars(train))
    return lambda view, itself: Bids(cost(view, itself), quality(view, itself))


def to_router(train: View, order: int) -> Learned:
    """Similar tasks vote for the agent that was best for them: the cheapest that succeeded."""
    best = np.argmax(train.success - 1e-3 * _rank(train.prices), axis=1)
    votes = np.eye(len(train.agents))[best]
    return lambda view, itself: Bids(
        np.zeros_like(view.success), experience(view.similarity_to(train), votes, prior=0.0, leave_one_out=itself)
    )


def routellm(train: View, order: int) -> Learned:
    """The strong agent where its chance to beat the weak one, from battles on similar tasks, exceeds the dial."""
    means = train.success.mean(axis=0)
    weak, strong = max(train.local, key=lambda a: means[a]), train.largest
    battles = np.where(train.success[:, strong] > train.success[:, weak], 1.0, 0.0)
    ties = np.where(train.success[:, strong] == train.success[:, weak], 0.5, battles)

    def bids(view: View, itself: bool) -> Bids:
        near = view.similarity_to(train)
        if itself:
            np.fill_diagonal(near, -1.0)
        weight = 10.0 ** (near / near.max(axis=1, keepdims=True))
        value = np.full(view.success.shape, -9.0)
        value[:, weak], value[:, strong] = 0.0, (weight @ ties) / weight.sum(axis=1)
        cost = np.zeros_like(value)
        cost[:, strong] = 1.0
        return Bids(cost, value)

    return bids


def frugal(train: View, order: int) -> Learned:
    """A cascade of three agents: the next one works while the scorer's trust in the answer is below the dial."""
    means = train.success.mean(axis=0)
    chain = sorted(sorted(range(len(means)), key=lambda a: -means[a])[:3], key=lambda a: train.prices[a])
    if train.largest not in chain:
        chain[-1] = train.largest

    def signals(view: View, itself: bool) -> list[Floats]:
        done = success_chance.log_odds(_success_share(train, view, itself))
        length = np.log(np.maximum(view.plan_tokens, 1.0))
        return [np.column_stack([done[:, a], length[:, a]]) for a in chain]

    trust = [success_chance.fit(s, train.success[:, a]) for s, a in zip(signals(train, True), chain, strict=True)]

    def bids(view: View, itself: bool) -> Bids:
        believed = [t.of(s) for t, s in zip(trust, signals(view, itself), strict=True)]

        def tries(dial: float) -> list[Tries]:
            last = len(chain) - 1
            ends = [next((k for k in range(last) if believed[k][n] >= dial), last) for n in range(len(believed[0]))]
            return [tuple(chain[: end + 1]) for end in ends]

        return Bids(np.zeros_like(view.success), np.zeros_like(view.success), tries)

    return bids


BASELINES = (
    Method("random", "a uniform draw", at_random),
    Method("cheapest", "the least price", cheapest),
    Method(
        "k-NN",
        "k-NN router of RouterBench (arXiv 2403.12031)",
        nearest,
        departs="neighbours weigh by cosine squared and are shrunk to the agent's mean",
    ),
    Method(
        "WTP",
        "RouterBench's willingness to pay (arXiv 2403.12031)",
        wtp,
        DIALS,
        departs="quality and cost by the same k-NN",
    ),
    Method(
        "CARROT",
        "arXiv 2502.03261",
        carrot,
        DIALS,
        departs="quality and cost by ridge regression on MiniLM vectors instead of RoBERTa",
    ),
    Method(
        "TO-Router",
        "TensorOpera Router (arXiv 2408.12320)",
        to_router,
        departs="the k-NN variant, hard labels of the cheapest right agent",
    ),
    Method(
        "FrugalGPT",
        "arXiv 2305.05176",
        frugal,
        DIALS[:100],
        departs="scorer: logistic regression on experience and length of the opening, not DistilBERT on "
        "the answer; chain: the three best by accuracy, one threshold",
    ),
    Method(
        "RouteLLM",
        "SW ranking (arXiv 2406.18665)",
        routellm,
        DIALS[:100],
        departs="battles are recorded outcomes, not Arena votes; weights 10^similarity, MiniLM vectors",
    ),
    Method("WTP, same budget", "as WTP", wtp, DIALS, budget=True),
    Method("CARROT, same budget", "as CARROT", carrot, DIALS, budget=True),
    Method("FrugalGPT, same budget", "as FrugalGPT", frugal, DIALS[:100], budget=True),
    Method("RouteLLM, same budget", "as RouteLLM", routellm, DIALS[:100], budget=True),
    Method("oracle", "the cheapest right agent", oracle),
)


def _success_share(train: View, view: View, itself: bool) -> Floats:
    return experience(view.similarity_to(train), train.success, leave_one_out=itself)


def _relative_dollars(view: View) -> Floats:
    """Dollars of the work, as a share of the largest agent's mean."""
    return np.asarray(view.dollars / view.dollars[:, view.largest].mean(), dtype=float)


def _linear(train: View, targets: Floats, ridge: float = 3.0) -> Callable[[View, bool], Floats]:
    """Ridge regression on the vectors. A training task's prediction leaves that task out."""
    mean = targets.mean(axis=0)
    kernel = train.vectors @ train.vectors.T
    inverse = np.linalg.inv(kernel + ridge * np.eye(len(kernel)))
    weights = inverse @ (targets - mean)

    def predict(view: View, itself: bool) -> Floats:
        if itself:
            return np.asarray(targets - weights / np.diag(inverse)[:, None], dtype=float)
        return np.asarray(mean + view.similarity_to(train) @ weights, dtype=float)

    return predict


def _flat(view: View, values: Any) -> Bids:
    return Bids(np.zeros_like(view.success), np.tile(np.asarray(values, dtype=float), (len(view.success), 1)))


def _rank(prices: Floats) -> Floats:
    """0 for the cheapest agent, 1 for the next and so on; equal prices by the order of listing."""
    return np.asarray(np.argsort(np.argsort(prices, kind="stable"), kind="stable"), dtype=float)
