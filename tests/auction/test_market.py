"""The market: work, verification and memory around the auction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sale.agents.checks import verifier
from edge_sale.auction.market import Market, Sale
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import BelowReservePrice, EngineError, MemoryFault, NoBids
from edge_sale.events import Finished, Noted, Opened, Recorded, Refused, Wrote
from edge_sale.scoring.reserve_price import ReservePrice
from edge_sale.scoring.weights import Weights
from edge_sale.types import Lesson, Outcome, Strategy, Task
from tests.scripted import Heard, Scripted, ScriptedMemory, plan

TASK = Task("t1", "Say yes.")
WEIGHTS = Weights("test", 1, "made up", {"price_length": 0.1}, juror=0.4)


def solve(
    outcome: Outcome | EngineError | None,
    *,
    task: Task = TASK,
    memory: ScriptedMemory | None = None,
    passes: bool | None = None,
    execute: bool = True,
) -> tuple[Sale, Heard]:
    agent = Scripted("only", 0.1, [plan("1. Say it.")], [{"1. Say it.": 5}], outcome)
    heard = Heard()
    scheduler = Scheduler({}, agents={"only": agent})
    market = Market([agent], scheduler, WEIGHTS, memory, verify=verifier(lambda task, answer: passes), run={"seed": 7})
    return market.solve(task, heard, execute=execute), heard


def test_winner_works_along_its_plan_and_the_sale_is_recorded() -> None:
    """The answer, its events and the record belong to one auction."""
    memory = ScriptedMemory()
    sale, heard = solve(Outcome("only", "done", "yes"), memory=memory)
    assert (sale.outcome, sale.recorded) == (Outcome("only", "done", "yes"), True)
    assert heard.of(Wrote) == [Wrote("only", "yes")]
    assert heard.of(Recorded) == [Recorded("t1")]
    award, outcome, run = memory.recorded[0]
    assert (award, outcome, run["seed"], run["entries"]) == (sale.award, sale.outcome, 7, sale.ledger.entries)
    assert heard.of(Opened)[0].agents == {"only": 0.1}


def test_bid_alone_executes_nothing_and_is_recorded() -> None:
    """An auction without execution is recorded without an outcome."""
    memory = ScriptedMemory()
    sale, heard = solve(None, memory=memory, execute=False)
    assert sale.outcome is None and heard.of(Finished) == []
    assert memory.recorded[0][1] is None


def test_work_that_fails_is_an_outcome() -> None:
    """An engine that breaks during the work does not lose the auction: the failure is recorded."""
    memory = ScriptedMemory()
    sale, heard = solve(EngineError("out of room"), memory=memory)
    assert sale.outcome is not None and sale.outcome.status == "failed"
    assert "out of room" in heard.of(Noted)[0].text
    assert memory.recorded[0][1] == sale.outcome


def test_python_that_does_not_parse_is_told_and_failed() -> None:
    """A broken answer is named with its line and is no lesson to copy."""
    task = Task("t1", "Write f in Python.", "python")
    sale, heard = solve(Outcome("only", "done", "def f(:\n  pass"), task=task)
    assert sale.outcome is not None
    assert (sale.outcome.status, sale.outcome.verified) == ("failed", False)
    assert "does not parse (line 1:" in heard.of(Noted)[0].text


@pytest.mark.parametrize(
    ("verdict", "status", "verified"), [(True, "passed", True), (False, "failed", False), (None, "done", None)]
)
def test_check_decides_the_outcome(verdict: bool | None, status: str, verified: bool | None) -> None:
    """Where a check ran, its verdict is the outcome; where there is none, the work is just done."""
    sale, _ = solve(Outcome("only", "done", "x = 1"), task=Task("t1", "x", "python"), passes=verdict)
    assert sale.outcome is not None
    assert (sale.outcome.status, sale.outcome.verified) == (status, verified)


def test_answer_survives_a_memory_that_cannot_record() -> None:
    """A full disk at the end costs the record, not the answer, and the user is told."""
    memory = ScriptedMemory(fault=MemoryFault("disk is full"))
    sale, heard = solve(Outcome("only", "done", "yes"), memory=memory)
    assert sale.outcome is not None and sale.outcome.answer == "yes" and not sale.recorded
    assert "not recorded: disk is full" in heard.of(Noted)[0].text


def test_nothing_is_recorded_where_nobody_bids() -> None:
    """An auction without bids leaves no trace in memory."""
    memory = ScriptedMemory()
    agent = Scripted("only", 0.1, [EngineError("broken")])
    with pytest.raises(NoBids):
        Market([agent], Scheduler({}, agents={"only": agent}), WEIGHTS, memory).solve(Task("t1", "x"), Heard())
    assert memory.recorded == []


def test_interrupted_work_records_nothing() -> None:
    """^C during the work goes on up, and memory holds nothing of the auction."""
    memory = ScriptedMemory()
    agent = Scripted("only", 0.1, [plan("p")], [{"p": 1}], Outcome("only", "done", "never"))

    def interrupted(event: object) -> None:
        if isinstance(event, Wrote):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Market([agent], Scheduler({}, agents={"only": agent}), WEIGHTS, memory).solve(Task("t1", "x"), interrupted)
    assert memory.recorded == []


RESERVE_PRICE = ReservePrice(0.5, 0.0, {"certainty": 1.0}, ("only",))  # a plan of entropy 1 reaches 0.27


def test_nobody_does_what_is_below_the_floor() -> None:
    """No bid reaches it: an error that says how near one came and what to do, an event, and no record."""
    agent = Scripted("only", 0.1, [plan("1. Say it.")])
    heard, memory = Heard(), ScriptedMemory()
    weights = replace(WEIGHTS, reserve_price=RESERVE_PRICE)
    market = Market(
        [agent], Scheduler({}, agents={"only": agent}), weights, memory, beyond="for the rest: edge-sale pull x"
    )
    with pytest.raises(BelowReservePrice) as raised:
        market.solve(TASK, heard)
    says = "no bid reaches the reserve price: only comes nearest with 0.27 of 0.50; for the rest: edge-sale pull x"
    assert str(raised.value) == says == heard.of(Refused)[0].reason
    assert raised.value.details["refused"] == {
        "reached": heard.of(Refused)[0].reached,
        "reserve_price": 0.5,
        "sat_out": {"only": "not its trade: reaches 0.27, the reserve price is 0.50"},
    }
    assert [name for name, _ in agent.heard] == ["bid"] and memory.recorded == []


def test_the_rest_of_the_market_does_it() -> None:
    """Who is not held to the reserve price takes the task, and only bids that stand are judged."""
    low = Scripted("only", 0.1, [plan("1. Guess.")], [{"1. Say it.": 5}])
    other = Scripted("other", 0.3, [plan("1. Say it.")], [{"1. Say it.": 1}], Outcome("other", "done", "yes"))
    heard = Heard()
    scheduler = Scheduler({}, agents={"only": low, "other": other})
    sale = Market([low, other], scheduler, replace(WEIGHTS, reserve_price=RESERVE_PRICE)).solve(TASK, heard)
    assert sale.award.winner.bid.agent == "other"
    assert sale.award.sat_out == {"only": "not its trade: reaches 0.27, the reserve price is 0.50"}
    assert ("judge", ("1. Say it.",)) in low.heard


def test_a_refined_plan_is_held_to_the_reserve_price_too() -> None:
    """A refiner whose refined plan falls below it does not win by it."""
    refiner = Scripted(
        "only",
        0.1,
        [Strategy("a", 10, 0.0), Strategy("b", 1, 9.0)],
        [{"a": 0, "c": 5}],
    )
    other = Scripted("other", 0.3, [Strategy("c", 10, 0.0)], [{"a": 0, "c": 5}], Outcome("other", "done", "yes"))
    lesson = Lesson("a1", "Say no.", "1. Say it.", "1. Guess.", "other", "only", 0.9)
    scheduler = Scheduler({}, agents={"only": refiner, "other": other})
    memory = ScriptedMemory({"only": [lesson]})
    sale = Market([refiner, other], scheduler, replace(WEIGHTS, reserve_price=RESERVE_PRICE), memory).solve(
        TASK, Heard()
    )
    assert [scored.bid.phase for scored in sale.award.ranked] == ["opening", "opening"]
    assert sale.award.winner.bid.agent == "other"


class Far:
    """A fallback that does what it is given, or nothing."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, []

    def work(self, award: object, why: str) -> Outcome | None:
        self.asked.append(why)
        return Outcome("far", "done", self.answer) if self.answer else None


@pytest.mark.parametrize("answer", ["yes", ""])
def test_a_fallback_does_what_is_below_the_reserve_price(answer: str) -> None:
    """It is asked at once, whatever the margin; where it does not answer either, nobody does the task."""
    agent = Scripted("only", 0.1, [plan("1. Say it.")], [{"1. Say it.": 5}])
    far, heard, memory = Far(answer), Heard(), ScriptedMemory()
    scheduler = Scheduler({}, agents={"only": agent})
    market = Market([agent], scheduler, replace(WEIGHTS, reserve_price=RESERVE_PRICE), memory, fallback=far)  # type: ignore[arg-type]
    if answer:
        sale = market.solve(TASK, heard)
        assert sale.outcome == Outcome("far", "done", "yes") and heard.of(Refused) == []
    else:
        with pytest.raises(BelowReservePrice, match=r"only comes nearest with 0\.27 of 0\.50"):
            market.solve(TASK, heard)
        assert len(heard.of(Refused)) == 1 and memory.recorded == []
    assert far.asked == ["no local bid reaches the reserve price"]
