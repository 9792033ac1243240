"""SALE over recordings: the product's own auction, held among agents that do as they are on record.

What a replay cannot do: nobody can refine a plan that was written years ago, so memory works through
experience alone (what agents did on similar tasks), never through lessons.

The largest agent stands in the auction as a fallback: it makes no live bid, so its plan, its length and
the jury know nothing of it; its chance comes from experience and from what the task itself says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from edge_sale.auction.hold import hold
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EngineError
from edge_sale.evaluation.arrays import Floats, View
from edge_sale.scoring import program, success_chance
from edge_sale.scoring.experience import experience
from edge_sale.scoring.weights import Weights
from edge_sale.types import Agent, Award, Bid, Job, Lesson, Outcome, Scored, Strategy, Task

PACE = 0.01  # added to the dial for each task beyond the budget
SLACK = 0.01  # of the budget is left alone, so that a stream ends within it
Tries = tuple[int, ...]  # agents in the order in which they worked; the last one's answer is the answer


@dataclass(frozen=True, slots=True)
class OnRecord:
    """An agent that bids and judges as it did; implements `types.Agent` for one task."""

    name: str
    price: float
    plan: Strategy | None  # None: it only judges
    verdicts: tuple[float, ...] | None = None  # its scores of the plans, in the order of the bidders
    model: str = "on record"

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        if self.plan is None:
            raise EngineError("only judges")
        return self.plan
        yield []

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        if self.verdicts is None:
            raise EngineError("gave no scores")
        return list(self.verdicts)
        yield []

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        raise EngineError("its work is on record")
        yield []


@dataclass(frozen=True, slots=True)
class Sealed:
    """Everything that makes the auctions of a view: cost and value of every bid, and the product's weights for them.

    `cost` and `value` have shape (N, A); asking is dial x cost - value. `chances` are handed to the bids
    as their signal; `weights` turns a dial into the weights that say the same to the product.
    """

    cost: Floats
    value: Floats
    weights: Callable[[float], Weights]
    scores: Mapping[str, Floats]  # juror -> (N, A), as they count here
    chances: Floats | None = None
    fallback: bool = True
    relative: bool = False  # dials are factors, so that a budget's pace is a share of the dial

    def asking(self, dial: float) -> Floats:
        return dial * self.cost - self.value


def award(view: View, sealed: Sealed, place: int, dial: float) -> Award:
    """The product's auction of one item; where no bid reaches the reserve price, all are let stand."""
    item, weights = view.of.items[place], sealed.weights(dial)
    plans: list[Strategy] = []
    stands: list[bool] = []
    for a, name in enumerate(view.agents):
        trial = view.of.trial(item, name)
        chance = {} if sealed.chances is None else {"chance": float(sealed.chances[place, a])}
        signals = {**trial.signals, **chance}
        kept_back = sealed.fallback and a == view.largest
        plans.append(
            Strategy("", 0, 0.0, signals)
            if kept_back
            else Strategy(trial.plan, trial.plan_tokens, trial.entropy or 0.0, signals)
        )
        bid = Bid(name, view.of.prices[name], plans[-1])
        stands.append(kept_back or not (weights.reserve_price and weights.reserve_price.refuses(bid)))
    stands = stands if any(stands) else [True] * len(stands)

    def verdicts(scores: Floats) -> tuple[float, ...]:
        """A juror's, on the plans that stand."""
        return tuple(float(score) for score, there in zip(scores[place], stands, strict=True) if there)

    agents: list[Agent] = []
    for name, plan, there in zip(view.agents, plans, stands, strict=True):
        own = sealed.scores.get(name)
        agents.append(
            OnRecord(name, view.of.prices[name], plan if there else None, None if own is None else verdicts(own))
        )
    agents += [OnRecord(who, 0.0, None, verdicts(own)) for who, own in sealed.scores.items() if who not in view.agents]
    return hold(
        item.task, agents, Scheduler({}), replace(weights, reserve_price=None), full=True
    )  # records answer in full


def tries_of(view: View, place: int, order: Sequence[int], verified: bool) -> Tries:
    """Who works, given the agents by rising asking.

    Without a check the first bid does the work and nobody knows how well. Where the environment checks
    work, and escalation is `verified`, a wrong local try costs its own tokens only: the local agents try
    in the order of their bids until one passes, and the largest agent is asked when none did.
    """
    if not (verified and view.checked[place]):
        return (order[0],)
    tried: list[int] = []
    for agent in [a for a in order if a != view.largest]:
        tried.append(agent)
        if view.success[place, agent]:
            return tuple(tried)
    return (*tried, view.largest)


def sell(
    view: View, sealed: Sealed, dial: float, verified: bool, budget: float | None = None
) -> list[tuple[Tries, tuple[Scored, ...]]]:
    """Every item of the view in turn, sold by the product's auction: who worked, and all bids by rising asking.

    With a budget the dial is paced: each task that the largest agent has worked on beyond its budget, less
    a little, makes it dearer for the next ones, and each below makes it cheaper. No outcome is looked at.
    """
    place_of = {name: a for a, name in enumerate(view.agents)}
    sold: list[tuple[Tries, tuple[Scored, ...]]] = []
    over = 0.0
    for place in range(len(view.of.items)):
        paced = dial + PACE * over * (dial if sealed.relative else 1.0)
        ranked = award(view, sealed, place, max(0.0, paced)).ranked
        order = [place_of[scored.bid.agent] for scored in ranked]
        sold.append((tries_of(view, place, order, verified), ranked))
        if budget is not None:
            over += (view.largest in sold[-1][0]) - max(0.0, budget - SLACK)
    return sold


# --- what the bids are worth --------------------------------------------------------------


SIGNALS = ("topic", "wording", "length", "jury")
Seal = Callable[[View, bool], Sealed]


def fitted(train: View, without: Sequence[str] = ()) -> Seal:
    """Value = the fitted chance of success, cost = price. `without` leaves signals out (see SIGNALS).

    Signals of a local bid: experience by topic and by wording, plan length, the jury's mean score, who it
    is. Of the fallback: experience alone. Training tasks are not their own neighbours.
    """

    def design(view: View, itself: bool) -> tuple[Floats, Floats]:
        topic = experience(view.near(train), train.success, but_itself=itself)
        words = experience(view.wording @ train.wording.T, train.success, but_itself=itself)
        columns = []
        for a in range(len(view.agents)):
            signals = {
                "topic": success_chance.log_odds(topic[:, a]),
                "wording": success_chance.log_odds(words[:, a]),
                "length": np.log(np.maximum(view.plan_tokens[:, a], 1.0)),
                "jury": np.mean([scores[:, a] for scores in view.scores.values()], axis=0) if view.scores else 0.0,
            }
            kept = [np.broadcast_to(signals[s], len(topic)) for s in SIGNALS if s not in without]
            who = [np.full(len(topic), float(a == other)) for other in view.local[1:]]
            columns.append(np.column_stack([*kept, *who]))
        kept_back = [s for s in SIGNALS[:2] if s not in without]
        return np.stack(columns, axis=1), columns[train.largest][:, : len(kept_back)]

    local = train.local
    bids, fallback = design(train, True)
    model = success_chance.fit(
        np.concatenate([bids[:, a] for a in local]), np.concatenate([train.success[:, a] for a in local])
    )
    last = success_chance.fit(fallback, train.success[:, train.largest])

    def seal(view: View, itself: bool = False) -> Sealed:
        bids, fallback = design(view, itself)
        chances = np.stack([model.of(bids[:, a]) for a in range(len(view.agents))], axis=1)
        chances[:, view.largest] = last.of(fallback)
        top = float(view.prices.max())
        cost = np.broadcast_to(view.prices / top, chances.shape)

        def weights(dial: float) -> Weights:
            return Weights("fitted", 1, "", {"price": dial / top, "chance": 1.0}, 0.0)

        return Sealed(cost, chances, weights, _unseen(view), chances)

    return seal


COSTS = {"": "price_length", "price": "length", "length": "price"}


def published(
    train: View, how: Literal["minmax", "average"] = "minmax", without: str = "", jurors: str = "all"
) -> Seal:
    """The paper's form: C = w_c x price x length, V = w_h x entropy + sum of w_j x score; all bid live.

    w is by the paper's program. Entropy counts where every plan on record has one. `without` price or
    length leaves that factor out of C, `without` entropy or jury that part of V. `jurors`: "self" counts
    each juror on its own plan alone, "peer" on all others; both need jurors that bid.
    """
    unsure = train.entropy is not None and without != "entropy"
    cost_signal = COSTS.get(without, "price_length")
    names = [] if without == "jury" else list(train.scores)

    def votes(view: View) -> dict[str, Floats]:
        if jurors == "all":
            return {juror: view.scores[juror] for juror in names}
        own = {juror: np.array([agent == juror for agent in view.agents]) for juror in names}
        return {j: np.where(own[j] if jurors == "self" else ~own[j], view.scores[j], 0.0) for j in names}

    def parts(view: View) -> Floats:
        costs = {"price_length": view.prices * view.plan_tokens, "length": view.plan_tokens / 100}
        costs["price"] = np.broadcast_to(view.prices, view.plan_tokens.shape)
        values = [view.entropy if view.entropy is not None else np.zeros_like(view.tokens)] if unsure else []
        return np.stack([costs[cost_signal], *(-v for v in [*values, *votes(view).values()])], axis=2)

    signs = parts(train)
    scale = np.maximum(np.abs(signs).max(axis=(0, 1)), 1e-12)
    w = program.fit(signs / scale, train.success > 0, how) / scale
    named = dict(zip([cost_signal, *(["entropy"] * unsure), *names], w.tolist(), strict=True))
    signals = {name: x for name, x in named.items() if name not in names}
    weights = Weights(f"published, {how}", 1, "", signals, 0.0, {juror: named[juror] for juror in names})

    def seal(view: View, itself: bool = False) -> Sealed:
        signs = parts(view)
        value = -(signs[:, :, 1:] @ w[1:])
        return Sealed(signs[:, :, 0] * w[0], value, lambda dial: weights, votes(view), fallback=False)

    return seal


def _unseen(view: View) -> dict[str, Floats]:
    """The jury's scores without those of the fallback's plan, which nobody has seen."""
    seen = np.arange(len(view.agents)) != view.largest
    return {juror: np.where(seen, scores, 0.0) for juror, scores in view.scores.items()}
