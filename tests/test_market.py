"""The market: work, verification and memory around the auction."""

from __future__ import annotations

import pytest

from edge_sale.engines.desk import Desk
from edge_sale.errors import EngineError, MemoryFault, NoBids
from edge_sale.events import Finished, Noted, Opened, Recorded, Wrote
from edge_sale.market import Market, Sale
from edge_sale.scoring.weights import Weights
from edge_sale.types import Outcome, Task
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
    desk = Desk({}, agents={"only": agent})
    market = Market([agent], desk, WEIGHTS, memory, passes=lambda task, answer: passes, run={"seed": 7})
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
        Market([agent], Desk({}, agents={"only": agent}), WEIGHTS, memory).solve(Task("t1", "x"), Heard())
    assert memory.recorded == []


def test_interrupted_work_records_nothing() -> None:
    """^C during the work goes on up, and memory holds nothing of the auction."""
    memory = ScriptedMemory()
    agent = Scripted("only", 0.1, [plan("p")], [{"p": 1}], Outcome("only", "done", "never"))

    def interrupted(event: object) -> None:
        if isinstance(event, Wrote):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Market([agent], Desk({}, agents={"only": agent}), WEIGHTS, memory).solve(Task("t1", "x"), interrupted)
    assert memory.recorded == []
