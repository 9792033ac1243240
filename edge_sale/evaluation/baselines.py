"""Who is in the table: every contender learns from one recording and sells the tasks of another.

Each baseline names its source; `departs` says what is different here. All of them see the same tasks,
the same vectors and the same outcomes, and each one's dial is set on its training tasks alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from edge_sale.evaluation import replay
from edge_sale.evaluation.arrays import Floats, View
from edge_sale.evaluation.replay import Seal, Tries, tries_of
from edge_sale.scoring import success_chance
from edge_sale.scoring.experience import experience

Learned = Callable[[View, bool], "Bids"]  # the view to sell, and whether it is the training view itself
NONE = (0.0,)
DIALS = tuple(np.round(np.concatenate([np.arange(0, 1, 0.01), np.arange(1, 3.01, 0.25)]), 2).tolist())


@dataclass(frozen=True, slots=True)
class Bids:
    """What a contender would do at each dial: asking is dial x cost - value, and the least works."""

    cost: Floats  # (N, A)
    value: Floats
    tries: Callable[[float], list[Tries]] | None = None  # for those that do not choose by asking

    def at(self, view: View, dial: float, verified: bool) -> list[Tries]:
        if self.tries:
            return self.tries(dial)
        order = np.argsort(dial * self.cost - self.value, axis=1, kind="stable")
        return [tries_of(view, place, order[place].tolist(), verified) for place in range(len(order))]


@dataclass(frozen=True, slots=True)
class Contender:
    """A row of the table. `learn` is given the training view and the order's number."""

    name: str
    source: str
    learn: Callable[[View, int], Learned]
    dials: Sequence[float] = NONE
    departs: str = ""
    verified: bool = False
    budget: bool = False  # the dial keeps the largest agent's share within the budget, else it is the best one
    seal: Callable[[View], Seal] | None = None  # an auction of ours: sold by the product's own code
    live: bool = False  # every agent, the largest too, bids and is judged
    group: str = field(default="baseline")


def single(name: str) -> Contender:
    def learn(train: View, order: int) -> Learned:
        return lambda view, itself: _flat(view, [float(agent == name) for agent in view.agents])

    return Contender(name, "each agent alone", learn, group="alone")


def at_random(train: View, order: int) -> Learned:
    def bids(view: View, itself: bool) -> Bids:
        return Bids(np.zeros_like(view.success), np.random.default_rng(order).random(view.success.shape))

    return bids


def oracle(train: View, order: int) -> Learned:
    """The cheapest agent that will be right, the cheapest where none will."""
    return lambda view, itself: Bids(np.zeros_like(view.success), view.success - 1e-3 * _rank(view.prices))


def cheapest(train: View, order: int) -> Learned:
    return lambda view, itself: _flat(view, -_rank(view.prices))


def nearest(train: View, order: int) -> Learned:
    """The agent that did best on similar tasks, whatever it costs."""
    return lambda view, itself: Bids(np.zeros_like(view.success), _done(train, view, itself))


def wtp(train: View, order: int) -> Learned:
    return lambda view, itself: Bids(
        experience(view.near(train), _dear(train), but_itself=itself), _done(train, view, itself)
    )


def carrot(train: View, order: int) -> Learned:
    good, dear = _linear(train, train.success), _linear(train, _dear(train))
    return lambda view, itself: Bids(dear(view, itself), good(view, itself))


def to_router(train: View, order: int) -> Learned:
    """Similar tasks vote for the agent that was best for them: the cheapest that did them."""
    best = np.argmax(train.success - 1e-3 * _rank(train.prices), axis=1)
    votes = np.eye(len(train.agents))[best]
    return lambda view, itself: Bids(
        np.zeros_like(view.success), experience(view.near(train), votes, prior=0.0, but_itself=itself)
    )


def routellm(train: View, order: int) -> Learned:
    """Strong where its chance to beat the weak one, from battles on similar tasks, passes the dial."""
    means = train.success.mean(axis=0)
    weak, strong = max(train.local, key=lambda a: means[a]), train.largest
    battles = np.where(train.success[:, strong] > train.success[:, weak], 1.0, 0.0)
    ties = np.where(train.success[:, strong] == train.success[:, weak], 0.5, battles)

    def bids(view: View, itself: bool) -> Bids:
        near = view.near(train)
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
    """A cascade of three: the next agent is asked while the scorer trusts the answer less than the dial."""
    means = train.success.mean(axis=0)
    chain = sorted(sorted(range(len(means)), key=lambda a: -means[a])[:3], key=lambda a: train.prices[a])
    if train.largest not in chain:
        chain[-1] = train.largest

    def signals(view: View, itself: bool) -> list[Floats]:
        done = success_chance.log_odds(_done(train, view, itself))
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


def _auction(name: str, seal: Callable[[View], Seal], about: str = "", **more: Any) -> Contender:
    def learn(train: View, order: int) -> Learned:
        sealed = seal(train)

        def bids(view: View, itself: bool) -> Bids:
            one = sealed(view, itself)
            return Bids(one.cost, one.value)

        return bids

    return Contender(name, "SALE (arXiv 2602.02751)", learn, departs=about, seal=seal, **more)


BASELINES = (
    Contender("random", "a uniform draw", at_random),
    Contender("cheapest", "the least price", cheapest),
    Contender(
        "k-NN",
        "k-NN router of RouterBench (arXiv 2403.12031)",
        nearest,
        departs="neighbours weigh by cosine squared and are shrunk to the agent's mean",
    ),
    Contender(
        "WTP",
        "RouterBench's willingness to pay (arXiv 2403.12031)",
        wtp,
        DIALS,
        departs="quality and cost by the same k-NN",
    ),
    Contender(
        "CARROT",
        "arXiv 2502.03261",
        carrot,
        DIALS,
        departs="quality and cost by ridge regression on MiniLM vectors instead of RoBERTa",
    ),
    Contender(
        "TO-Router",
        "TensorOpera Router (arXiv 2408.12320)",
        to_router,
        departs="the k-NN variant, hard labels of the cheapest right agent",
    ),
    Contender(
        "FrugalGPT",
        "arXiv 2305.05176",
        frugal,
        DIALS[:100],
        departs="scorer: logistic regression on experience and length of the opening, not DistilBERT on "
        "the answer; chain: the three best by accuracy, one threshold",
    ),
    Contender(
        "RouteLLM",
        "SW ranking (arXiv 2406.18665)",
        routellm,
        DIALS[:100],
        departs="battles are recorded outcomes, not Arena votes; weights 10^similarity, MiniLM vectors",
    ),
    Contender("WTP, same budget", "as WTP", wtp, DIALS, budget=True),
    Contender("CARROT, same budget", "as CARROT", carrot, DIALS, budget=True),
    Contender("FrugalGPT, same budget", "as FrugalGPT", frugal, DIALS[:100], budget=True),
    Contender("RouteLLM, same budget", "as RouteLLM", routellm, DIALS[:100], budget=True),
    Contender("oracle", "the cheapest right agent", oracle),
)

RESERVE: dict[str, Any] = {"dials": DIALS, "budget": True}
CHECKED: dict[str, Any] = {**RESERVE, "verified": True}
SALE = "SALE with verified escalation"
SALES = (
    _auction(
        "SALE as published",
        replay.published,
        "entropy only where the records hold it; no refinement",
        live=True,
        group="sale",
    ),
    _auction(
        "SALE without memory",
        partial(replay.fitted, without=("topic", "wording")),
        "value: a chance fitted from outcomes",
        **RESERVE,
        group="sale",
    ),
    _auction("SALE", replay.fitted, "memory is experience: plans on record cannot be refined", **RESERVE, group="sale"),
    _auction(SALE, replay.fitted, "where the environment checks work, local agents try first", **CHECKED, group="sale"),
)

ABLATIONS = (
    _auction("published, without price", partial(replay.published, without="price"), live=True, group="ablation"),
    _auction("published, without length", partial(replay.published, without="length"), live=True, group="ablation"),
    _auction("published, without entropy", partial(replay.published, without="entropy"), live=True, group="ablation"),
    _auction("published, without jury", partial(replay.published, without="jury"), live=True, group="ablation"),
    _auction("published, average fitting", partial(replay.published, how="average"), live=True, group="ablation"),
    _auction("published, self-only jury", partial(replay.published, jurors="self"), live=True, group="ablation"),
    _auction("published, peer-only jury", partial(replay.published, jurors="peer"), live=True, group="ablation"),
    *(
        _auction(f"verified, without {what}", partial(replay.fitted, without=(what,)), **CHECKED, group="ablation")
        for what in replay.SIGNALS
    ),
    _auction("verified, without price", replay.fitted, verified=True, group="ablation"),
)


def contenders(view: View) -> list[Contender]:
    """All that can stand on this recording; a jury of strangers has no self and no peers."""
    bidding_jury = any(juror in view.agents for juror in view.scores)
    ablations = [c for c in ABLATIONS if bidding_jury or "-only" not in c.name]
    if not view.scores:
        ablations = [c for c in ablations if "jury" not in c.name]
    if view.entropy is None:
        ablations = [c for c in ablations if "entropy" not in c.name]
    return [*(single(name) for name in view.agents), *BASELINES, *SALES, *ablations]


def _done(train: View, view: View, itself: bool) -> Floats:
    return experience(view.near(train), train.success, but_itself=itself)


def _dear(view: View) -> Floats:
    """Dollars of the work, as part of the largest agent's mean."""
    return np.asarray(view.dollars / view.dollars[:, view.largest].mean(), dtype=float)


def _linear(train: View, targets: Floats, ridge: float = 3.0) -> Callable[[View, bool], Floats]:
    """Ridge regression on the vectors; a training task is answered as if it had been left out."""
    mean = targets.mean(axis=0)
    kernel = train.vectors @ train.vectors.T
    inverse = np.linalg.inv(kernel + ridge * np.eye(len(kernel)))
    weights = inverse @ (targets - mean)

    def predict(view: View, itself: bool) -> Floats:
        if itself:
            return np.asarray(targets - weights / np.diag(inverse)[:, None], dtype=float)
        return np.asarray(mean + view.near(train) @ weights, dtype=float)

    return predict


def _flat(view: View, values: Any) -> Bids:
    return Bids(np.zeros_like(view.success), np.tile(np.asarray(values, dtype=float), (len(view.success), 1)))


def _rank(prices: Floats) -> Floats:
    """0 for the cheapest agent, 1 for the next, …: of equals the one listed first."""
    return np.asarray(np.argsort(np.argsort(prices, kind="stable"), kind="stable"), dtype=float)
