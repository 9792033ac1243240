"""SALE over recordings: the product's own auction, held among agents that bid and judge as they did on record.

A replay cannot refine plans that were written long ago. So memory acts through experience alone (how agents did on
similar tasks), never through lessons.

In the fitted methods the largest agent is a fallback: it makes no live bid, so its plan, its plan's length and the
jury's scores are not used. Its chance of success comes from experience and from the task's own text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_sale.auction.hold import hold
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EngineError
from edge_sale.evaluation.arrays import Floats, View
from edge_sale.protocols import Agent
from edge_sale.scoring.weights import Weights
from edge_sale.types import Award, Bid, Job, Lesson, Outcome, Scored, Strategy, Task

PACE = 0.01  # added to the dial for each task beyond the budget
SLACK = 0.01  # share of the budget that is left unused, so that a stream of tasks ends within it
Tries = tuple[int, ...]  # agents in the order in which they worked; the last one's answer counts


@dataclass(frozen=True, slots=True)
class RecordedAgent:
    """An agent that bids and judges as it did on record; implements `protocols.Agent` for one task."""

    name: str
    price: float
    plan: Strategy | None  # None: it only judges
    given: tuple[float, ...] | None = None  # its scores of the plans, in the order of the bidders
    model: str = "on record"

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        if self.plan is None:
            raise EngineError("only judges")
        return self.plan
        yield []

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        if self.given is None:
            raise EngineError("gave no scores")
        return list(self.given)
        yield []

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        raise EngineError("its work is on record")
        yield []


@dataclass(frozen=True, slots=True)
class Appraisal:
    """Cost and value of every bid in a view, and the product's weights that give the same.

    `cost` and `value` have shape (N, A); a bid asks dial x cost - value. `chances` are given to the bids as their
    signal. `weights` maps a dial to the product's weights that lead to the same order of bids.
    """

    cost: Floats
    value: Floats
    weights: Callable[[float], Weights]
    scores: Mapping[str, Floats]  # juror -> (N, A), as they count here
    chances: Floats | None = None
    fallback: bool = True  # the largest agent makes no live bid
    relative: bool = False  # dials are factors: a budget's pace is a share of the dial

    def asking(self, dial: float) -> Floats:
        return dial * self.cost - self.value


Appraise = Callable[[View, bool], Appraisal]  # the view, and whether it is the training view itself


def award(view: View, appraisal: Appraisal, place: int, dial: float) -> Award:
    """The product's auction of one item. Where no bid reaches the reserve price, all bids take part."""
    item, weights = view.of.items[place], appraisal.weights(dial)
    plans: list[Strategy] = []
    stands: list[bool] = []
    for a, name in enumerate(view.agents):
        trial = view.of.trial(item, name)
        chance = {} if appraisal.chances is None else {"chance": float(appraisal.chances[place, a])}
        signals = {**trial.signals, **chance}
        fallback = appraisal.fallback and a == view.largest
        plans.append(
            Strategy("", 0, 0.0, signals)
            if fallback
            else Strategy(trial.plan, trial.plan_tokens, trial.entropy or 0.0, signals)
        )
        bid = Bid(name, view.of.prices[name], plans[-1])
        stands.append(fallback or not (weights.reserve_price and weights.reserve_price.refuses(bid)))
    stands = stands if any(stands) else [True] * len(stands)

    def of_standing(scores: Floats) -> tuple[float, ...]:
        """A juror's scores of the plans that take part."""
        return tuple(float(score) for score, there in zip(scores[place], stands, strict=True) if there)

    agents: list[Agent] = []
    for name, plan, there in zip(view.agents, plans, stands, strict=True):
        own = appraisal.scores.get(name)
        given = None if own is None else of_standing(own)
        agents.append(RecordedAgent(name, view.of.prices[name], plan if there else None, given))
    others = {juror: scores for juror, scores in appraisal.scores.items() if juror not in view.agents}
    agents += [RecordedAgent(juror, 0.0, None, of_standing(scores)) for juror, scores in others.items()]
    # records hold every score, so all are used
    return hold(item.task, agents, Scheduler({}), replace(weights, reserve_price=None), full=True)


def tries_of(view: View, place: int, order: Sequence[int], verified: bool) -> Tries:
    """Who works on an item, given the agents by rising asking.

    Without a check the first agent works, and how well is not known. With `verified`, where the environment checks
    work, a failed local attempt costs only its own tokens: the local agents try in the order of their bids until one
    passes, and the largest agent works when none did.
    """
    if not (verified and view.checked[place]):
        return (order[0],)
    tried: list[int] = []
    for agent in [a for a in order if a != view.largest]:
        tried.append(agent)
        if view.success[place, agent]:
            return tuple(tried)
    return (*tried, view.largest)


def run_auctions(
    view: View, appraisal: Appraisal, dial: float, verified: bool, budget: float | None = None
) -> list[tuple[Tries, tuple[Scored, ...]]]:
    """Hold the product's auction for every item in turn: who worked, and all bids by rising asking.

    With a budget the dial follows what was spent: each task beyond the budget on which the largest agent worked
    makes it dearer for the next tasks, each task below makes it cheaper. No outcome is looked at.
    """
    place_of = {name: a for a, name in enumerate(view.agents)}
    found: list[tuple[Tries, tuple[Scored, ...]]] = []
    over = 0.0
    for place in range(len(view.of.items)):
        paced = dial + PACE * over * (dial if appraisal.relative else 1.0)
        ranked = award(view, appraisal, place, max(0.0, paced)).ranked
        order = [place_of[scored.bid.agent] for scored in ranked]
        found.append((tries_of(view, place, order, verified), ranked))
        if budget is not None:
            over += (view.largest in found[-1][0]) - max(0.0, budget - SLACK)
    return found
