"""The auction's logic, with scripted agents: who wins, who refines, who sits out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sale.auction.hold import hold
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EngineError, NoBids, TimedOut
from edge_sale.event_bus import EventBus
from edge_sale.events import Judged, Led, Opened, Placed, Recalled, SatOut, Won
from edge_sale.scoring.scorer import rank
from edge_sale.scoring.weights import Weights
from edge_sale.types import Award, Lesson, Task
from tests.scripted import Heard, Scripted, ScriptedMemory, plan

TASK = Task("t1", "Sort a list.")
WEIGHTS = Weights("test", 1, "made up", {"price_length": 0.1, "entropy": 0.1}, juror=0.4)
LESSON = Lesson("a0", "Sort words.", "1. Better.", "1. Worse.", "large", "small", 0.9)


def market(*agents: Scripted) -> tuple[list[Scripted], Scheduler, Heard]:
    heard = Heard()
    return list(agents), Scheduler({}, events=EventBus(heard), agents={agent.name: agent for agent in agents}), heard


def sold(
    agents: list[Scripted], scheduler: Scheduler, memory: ScriptedMemory | None = None, k: int = 8, full: bool = False
) -> Award:
    return hold(TASK, agents, scheduler, WEIGHTS, memory, k=k, full=full)


def test_least_cost_minus_value_wins() -> None:
    """C = w_c * price * tokens, V = w_h * H + sum of w_j * score, and the least C - V is the winner."""
    small = Scripted("small", 0.05, [plan("a", tokens=100, entropy=1.0)], [{"a": 1, "b": 5}])
    large = Scripted("large", 0.5, [plan("b", tokens=20, entropy=2.0)], [{"a": 2, "b": 4}])
    award = sold(*market(small, large)[:2])
    by_agent = {scored.bid.agent: scored for scored in award.ranked}
    assert by_agent["small"].cost == pytest.approx(0.1 * 0.05 * 100)
    assert by_agent["small"].value == pytest.approx(0.1 * 1.0 + 0.4 * (1 + 2))
    assert by_agent["large"].asking == pytest.approx(0.1 * 0.5 * 20 - 0.1 * 2.0 - 0.4 * (5 + 4))
    assert award.winner is award.provisional is by_agent["large"]


def test_every_agent_judges_every_plan_its_own_included() -> None:
    """The jury is all agents over all plans."""
    small = Scripted("small", 0.05, [plan("a")], [{"a": 1, "b": 1}])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 1, "b": 1}])
    sold(*market(small, large)[:2])
    assert small.heard[1] == large.heard[1] == ("judge", ("a", "b"))


def test_only_the_cheaper_refine_and_win_with_less() -> None:
    """Agents cheaper than the leader refine from their lessons; a refined bid that asks less wins."""
    small = Scripted("small", 0.05, [plan("a"), plan("a2")], [{"a": 0, "b": 3, "c": 1}, {"a2": 5}])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 0, "b": 3, "c": 1}, {"a2": 5}])
    larger = Scripted("larger", 0.9, [plan("c")], [{"a": 0, "b": 3, "c": 1}, {"a2": 5}])
    memory = ScriptedMemory({"small": [LESSON], "larger": [LESSON]})
    agents, scheduler, heard = market(small, large, larger)
    award = sold(agents, scheduler, memory)
    assert award.provisional.bid.agent == "large"
    bid = award.winner.bid
    assert (bid.agent, bid.phase, bid.strategy.text) == ("small", "refined", "a2")
    assert small.heard[2] == ("bid", (LESSON,))
    assert heard.of(Recalled) == [
        Recalled("small", (LESSON,)),
        Recalled("large", ()),
        Recalled("larger", (LESSON,)),
    ]
    assert award.lessons == {"small": (LESSON,)}
    assert "underbid large" in heard.of(Won)[0].reason


def test_no_lesson_is_used_where_the_cheapest_leads() -> None:
    """What memory has is told to the trace even where nobody is cheaper than the leader."""
    small = Scripted("small", 0.05, [plan("a")], [{"a": 5, "b": 3}])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 5, "b": 3}])
    agents, scheduler, heard = market(small, large)
    award = sold(agents, scheduler, ScriptedMemory({"small": [LESSON], "large": [LESSON]}))
    assert award.winner.bid.agent == "small" and award.lessons == {}
    assert [event.lessons for event in heard.of(Recalled)] == [(LESSON,), (LESSON,)]


def test_refined_bid_that_asks_more_changes_nothing() -> None:
    """The provisional winner stays where no refined bid asks less."""
    small = Scripted("small", 0.05, [plan("a"), plan("a2")], [{"a": 0, "b": 3}, {"a2": 1}])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 0, "b": 3}, {"a2": 1}])
    award = sold(*market(small, large)[:2], ScriptedMemory({"small": [LESSON]}))
    assert award.winner is award.provisional
    assert {(s.bid.agent, s.bid.phase) for s in award.ranked} == {
        ("small", "opening"),
        ("small", "refined"),
        ("large", "opening"),
    }


@pytest.mark.parametrize("memory", [None, ScriptedMemory()])
def test_without_lessons_nobody_refines(memory: ScriptedMemory | None) -> None:
    """An empty memory has nothing to refine from: there is one round."""
    small = Scripted("small", 0.05, [plan("a")], [{"a": 0, "b": 3}])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 0, "b": 3}])
    assert sold(*market(small, large)[:2], memory).winner.bid.agent == "large"


def test_k_zero_turns_refinement_off() -> None:
    """With k = 0 the memory is not asked."""
    small = Scripted("small", 0.05, [plan("a")], [{"a": 0, "b": 3}])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 0, "b": 3}])
    agents, scheduler, heard = market(small, large)
    sold(agents, scheduler, ScriptedMemory({"small": [LESSON]}), k=0)
    assert heard.of(Recalled) == []


def test_agent_that_fails_sits_out() -> None:
    """A bidder that times out loses its turn, with its reason; the auction goes on."""
    small = Scripted("small", 0.05, [TimedOut("not finished after 60 s")], [{"b": 3}])
    large = Scripted("large", 0.5, [plan("b")], [{"b": 3}])
    agents, scheduler, heard = market(small, large)
    award = sold(agents, scheduler)
    assert award.winner.bid.agent == "large"
    assert award.sat_out == {"small": "not finished after 60 s"}
    assert heard.of(SatOut) == [SatOut("small", "not finished after 60 s", "bid")]


def test_no_bids_is_an_error_with_every_reason() -> None:
    """Where nobody bids, the error says why, agent by agent."""
    one = Scripted("one", 0.1, [EngineError("no memory")])
    two = Scripted("two", 0.2, [TimedOut("too slow")])
    with pytest.raises(NoBids, match="one: no memory; two: too slow"):
        sold(*market(one, two)[:2])


def test_juror_that_fails_counts_for_nobody() -> None:
    """A juror who gives no scores in one round is left out of the final comparison altogether."""
    small = Scripted("small", 0.05, [plan("a"), plan("a2")], [{"a": 0, "b": 3}, EngineError("broken")])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 0, "b": 3}, {"a2": 5}])
    agents, scheduler, heard = market(small, large)
    award = sold(agents, scheduler, ScriptedMemory({"small": [LESSON]}))
    assert award.winner.bid.strategy.text == "a2"
    assert award.winner.value == pytest.approx(0.1 * 1.0 + 0.4 * 5)
    assert award.provisional.value == pytest.approx(0.1 * 1.0 + 0.4 * 3)
    assert heard.of(SatOut) == [SatOut("small", "broken", "judge")]


def test_winner_and_provisional_are_entries_of_the_ranking() -> None:
    """What memory records of the winner is what the table shows."""
    small = Scripted("small", 0.05, [plan("a"), plan("a2")], [{"a": 0, "b": 3}, {"a2": 5}])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 0, "b": 3}, {"a2": 5}])
    award = sold(*market(small, large)[:2], ScriptedMemory({"small": [LESSON]}))
    assert award.winner in award.ranked and award.provisional in award.ranked
    assert [s.asking for s in award.ranked] == sorted(s.asking for s in award.ranked)


def test_events_tell_the_auction_in_order() -> None:
    """Bids are placed, then judged, then one leads, then one has won."""
    small = Scripted("small", 0.05, [plan("a")], [{"a": 4, "b": 3}])
    large = Scripted("large", 0.5, [plan("b")], [{"a": 4, "b": 3}])
    agents, scheduler, heard = market(small, large)
    sold(agents, scheduler)
    kinds = [type(event) for event in heard.events if isinstance(event, Opened | Placed | Judged | Led | Won)]
    assert kinds == [Placed, Placed, Judged, Judged, Led, Won]


scores = st.floats(0, 5)
bidders = st.lists(
    st.tuples(st.floats(0.01, 1), st.integers(1, 200), st.floats(0, 5), scores, scores, scores), min_size=2, max_size=6
)


@given(bidders)
def test_winner_never_asks_more_than_any_opening_bid(rows: list[tuple[float, int, float, float, float, float]]) -> None:
    """Whatever prices, lengths and scores: nobody in the opening round asked less than the winner."""
    names = [f"agent{i}" for i in range(len(rows))]
    verdicts = {name: row[3] for name, row in zip(names, rows, strict=True)}
    agents = [
        Scripted(name, price, [plan(name, tokens, entropy)], [verdicts])
        for name, (price, tokens, entropy, *_) in zip(names, rows, strict=True)
    ]
    award = sold(agents, Scheduler({}, agents={a.name: a for a in agents}), full=True)
    assert award.winner.asking == min(scored.asking for scored in award.ranked)
    assert rank([s.bid for s in award.ranked], WEIGHTS)[0].asking == award.winner.asking
