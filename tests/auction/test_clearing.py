"""Lazy clearing: what is not asked for could not have changed the winner."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from edge_sale.auction.hold import hold
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EngineError, NoBids
from edge_sale.event_bus import EventBus
from edge_sale.events import Placed, Skipped
from edge_sale.scoring.scorer import TOP, appraise, best_case
from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Own, Weights
from edge_sale.types import Award, Bid, Job, Lesson, Outcome, Strategy, Task
from tests.scripted import Heard, ScriptedMemory, plan

TASK = Task("t1", "Sort a list.")
MARKETS = 5_000


@dataclass
class Fixed:
    """An agent that always bids and judges alike, however often and in whatever order it is asked."""

    name: str
    price: float
    model: str
    plans: dict[bool, Strategy | None]  # refined or not -> plan; None: it fails
    scores: dict[str, float] | None  # plan text -> score; None: it fails as a juror
    asked: list[Any] = field(default_factory=list)

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        yield []
        self.asked.append("bid")
        if (strategy := self.plans[bool(lessons)]) is None:
            raise EngineError("no plan")
        return strategy

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        yield []
        self.asked += plans
        if self.scores is None:
            raise EngineError("no verdict")
        return [self.scores[text] for text in plans]

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        raise AssertionError("nobody works here")


CARRIED = {
    "draft_entropy": (0.0, 3.0),
    "draft_logprob": (-3.0, 0.0),
    "familiarity": (-4.0, 0.0),
    "likert": (0.0, 5.0),
    "experience": (0.0, 1.0),
    "logprob": (-2.0, 0.0),
}


def refitted(weights: Weights, names: Sequence[str], dice: random.Random) -> Weights:
    """The same as fitting may leave them: of either sign, other ones for some agents, with what is usual."""

    def some(*names: str) -> dict[str, float]:
        return {name: dice.choice([-0.5, -0.05, 0.02, 0.3]) for name in names if dice.random() < 0.25}

    own = {name: Own(dice.uniform(-0.5, 0.5), some(*SIGNALS)) for name in names if dice.random() < 0.5}
    return dataclasses.replace(
        weights,
        signals={**weights.signals, **some(*(name for name in SIGNALS if dice.random() < 0.5))},
        juror=weights.juror * dice.choice([1, 1, -1]),
        jurors={name: weight * dice.choice([1, 1, -1]) for name, weight in weights.jurors.items()},
        agents=own,
        usual={name: dice.uniform(*span) for name, span in CARRIED.items() if dice.random() < 0.5},
    )


def market(seed: int, fitted: bool) -> tuple[Callable[[], list[Fixed]], Weights, ScriptedMemory]:
    """A random market, made anew at each call: prices, plans and scores with ties, failures and lessons."""
    dice = random.Random(seed)
    names = [f"a{i}" for i in range(dice.randint(1, 6))]
    coarse = dice.random() < 0.5  # whole numbers tie often
    texts = [f"{name}{phase}" for name in names for phase in ("", "+")]

    def number(most: float) -> float:
        return float(dice.randint(0, 3)) * most / 3 if coarse else dice.uniform(0, most)

    def strategy(text: str) -> Strategy | None:
        carried = {
            name: low + number(high - low)
            for name, (low, high) in CARRIED.items()
            if dice.random() < 0.7  # the others count as what is usual
        }
        return None if dice.random() < 0.06 else Strategy(text, dice.randint(1, 120), number(4.0), carried)

    rows = [
        (
            name,
            number(1.0),
            f"m{dice.randint(0, 2)}",
            {False: strategy(name), True: strategy(f"{name}+")},
            None if dice.random() < 0.08 else {text: number(TOP) for text in texts},
        )
        for name in names
    ]
    signals = {
        name: dice.choice([0.0, 0.02, 0.3, 1.0])
        for name in ("price_length", "price", "length", "entropy", "certainty")
        if dice.random() < 0.6
    }
    jurors = {name: dice.choice([0.0, 0.05, 0.3, 1.0]) for name in names if dice.random() < 0.4}
    weights = Weights("random", 1, "drawn", signals, juror=dice.choice([0.0, 0.02, 0.1, 0.4]), jurors=jurors)
    if fitted:
        weights = refitted(weights, names, dice)
    lesson = Lesson("x", "Sort words.", "1. Better.", "1. Worse.", "a0", "a1", 0.9)
    memory = ScriptedMemory({name: [lesson] for name in names if dice.random() < 0.7})
    return lambda: [Fixed(*row) for row in rows], weights, memory


def sell(seed: int, *, full: bool, fitted: bool) -> tuple[Award | None, list[Fixed], Heard]:
    agents, weights, memory = market(seed, fitted)
    bidders, heard = agents(), Heard()
    scheduler = Scheduler({}, events=EventBus(heard), agents={agent.name: agent for agent in bidders})
    try:
        return hold(TASK, bidders, scheduler, weights, memory, full=full), bidders, heard
    except NoBids:
        return None, bidders, heard


@pytest.mark.parametrize("fitted", [False, True], ids=["by hand", "fitted"])
def test_the_winner_and_its_asking_are_those_of_the_full_auction(fitted: bool):
    """Over 5,000 random markets lazy clearing has the same winner, plan and C - V, and asks for less.

    So it is too with weights as fitting leaves them: negative, an agent's own, of signals that nothing bounds,
    of one that depends on the whole jury, and of some that a bid does not carry.
    """
    asked = {True: 0, False: 0}
    skipped = dict.fromkeys(("bid", "judge"), 0)
    for seed in range(MARKETS):
        lazy, some, heard = sell(seed, full=False, fitted=fitted)
        full, everyone, _ = sell(seed, full=True, fitted=fitted)
        asked[False] += sum(len(agent.asked) for agent in some)
        asked[True] += sum(len(agent.asked) for agent in everyone)
        for event in heard.of(Skipped):
            skipped[event.what] += 1
        if full is None or lazy is None:
            assert lazy is full, seed
            continue
        won, expected = lazy.winner, full.winner
        assert (won.bid, won.asking) == (expected.bid, expected.asking), seed
        assert won.least == won.asking == won.most, seed
        assert lazy.provisional.bid == full.provisional.bid, seed
        assert lazy.provisional.asking == full.provisional.asking, seed
        assert min(scored.least for scored in lazy.ranked) == pytest.approx(won.asking, abs=1e-9), seed
    assert asked[False] < (0.95 if fitted else 0.9) * asked[True]
    assert min(skipped.values()) > 100  # the control: each kind of thing was skipped


def test_everything_asked_of_the_full_auction_is_asked_once():
    """With `full` every agent bids and every juror hears every plan once; nothing is skipped."""
    agents, heard = market(3, False)[0](), Heard()
    weights = Weights("dear", 1, "made up", {"price": 1.0}, juror=0.0)
    for agent, price in zip(agents, (0.0, 1.0, 1.0, 1.0, 1.0, 1.0), strict=False):
        agent.price, agent.scores = price, {other.name: 1.0 for other in agents}
        agent.plans[False] = plan(agent.name)
    scheduler = Scheduler({}, events=EventBus(heard), agents={agent.name: agent for agent in agents})
    hold(TASK, agents, scheduler, weights, full=True)
    names = [agent.name for agent in agents]
    assert [sorted(agent.asked) for agent in agents] == [sorted([*names, "bid"])] * len(agents)
    assert heard.of(Skipped) == []


def test_an_agent_too_dear_to_win_is_not_asked_for_a_plan():
    """Where even full marks could not make up for its price an agent writes no plan, and the trace says why."""
    cheap = Fixed("cheap", 0.1, "m0", {False: plan("c")}, {"c": 4.0, "d": 5.0})
    dear = Fixed("dear", 9.0, "m1", {False: plan("d")}, {"c": 4.0, "d": 5.0})
    heard = Heard()
    scheduler = Scheduler({}, events=EventBus(heard), agents={"cheap": cheap, "dear": dear})
    award = hold(TASK, [dear, cheap], scheduler, Weights("w", 1, "made up", {"price": 1.0}, juror=0.1))
    assert award.winner.bid.agent == "cheap"
    assert [event.bid.agent for event in heard.of(Placed)] == ["cheap"]
    assert "bid" not in dear.asked
    assert award.sat_out == {"dear": "not asked: even its best bid would ask 8.000, cheap asks 0.100"}
    assert heard.of(Skipped)[0] == Skipped(
        "bid", ("dear",), "dear", "even its best bid would ask 8.000, cheap asks 0.100"
    )


def test_a_plan_that_has_lost_is_not_read_by_the_dear_juror():
    """The cheap juror hears both plans; the dear one only the plan that can still win, and the trace says so."""
    cheap = Fixed("cheap", 0.1, "m0", {False: plan("c")}, {"c": 5.0, "d": 0.0})
    dear = Fixed("dear", 0.2, "m1", {False: plan("d")}, {"c": 1.0, "d": 5.0})
    heard = Heard()
    scheduler = Scheduler({}, events=EventBus(heard), agents={"cheap": cheap, "dear": dear})
    weights = Weights("w", 1, "made up", {}, juror=0.1, jurors={"cheap": 0.6})
    award = hold(TASK, [cheap, dear], scheduler, weights)
    assert (award.winner.bid.agent, award.winner.value) == ("cheap", pytest.approx(3.1))
    assert (cheap.asked, dear.asked) == (["bid", "c", "d"], ["bid", "c"])
    lost = award.ranked[1]
    assert (lost.asking, lost.least) == (0.0, pytest.approx(-0.5))
    assert heard.of(Skipped) == [
        Skipped("judge", ("dear",), "dear", "even if all spoke for it, it would ask -0.500, cheap asks -3.100")
    ]


@pytest.mark.parametrize(
    ("signals", "least"),
    [
        ({}, -1.0),
        ({"price": 0.5}, 0.0),
        ({"entropy": 0.1}, -2.4),
        ({"price_length": 1.0}, -1.0),
        ({"entropy": -0.1}, -1.0),
        ({"agreement": 1.0}, -1.0),
        ({"agreement": -1.0}, -3.5),
        ({"likert": 0.2}, -2.0),
        ({"familiarity": 0.1}, -1.0),
        ({"familiarity": -0.1}, -math.inf),
        ({"price_length": -1.0}, -math.inf),
    ],
)
def test_the_best_case_bounds_every_bid(signals: dict[str, float], least: float):
    """At price 2 with two jurors of weight 0.1 no bid asks less than this; -inf: nobody is skipped."""
    assert best_case("x", 2.0, ["a", "b"], Weights("w", 1, "", signals, juror=0.1)) == pytest.approx(least)


def test_an_agent_of_whom_nothing_bounds_the_bid_is_always_asked():
    """With a weight on a signal without bounds a dear agent bids all the same; the control is the test above it."""
    cheap = Fixed("cheap", 0.1, "m0", {False: plan("c")}, {"c": 4.0, "d": 5.0})
    dear = Fixed("dear", 9.0, "m1", {False: plan("d")}, {"c": 4.0, "d": 5.0})
    scheduler = Scheduler({}, agents={"cheap": cheap, "dear": dear})
    weights = Weights("w", 1, "made up", {"price": 1.0, "familiarity": -0.1}, juror=0.1)
    hold(TASK, [dear, cheap], scheduler, weights)
    assert "bid" in dear.asked


def test_what_jurors_still_to_be_heard_can_do_is_bounded_both_ways():
    """A juror with a negative weight, and agreement among jurors, can take from a value as well as add to it."""
    bid = Bid("a", 0.0, plan(), {"x": 3.0})
    weights = Weights("w", 1, "", {"agreement": 0.2}, juror=0.1, jurors={"y": -0.4})
    scored = appraise(bid, ["x", "y"], weights)
    assert (scored.value, scored.least, scored.most) == (pytest.approx(0.3), pytest.approx(-0.3), pytest.approx(2.2))
    for score in (0.0, 3.0, 5.0):
        heard = appraise(dataclasses.replace(bid, scores={"x": 3.0, "y": score}), ["x", "y"], weights)
        assert scored.least <= heard.asking <= scored.most and heard.least == heard.most == heard.asking
