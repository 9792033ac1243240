from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import pytest

from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import PromptTooLong, TimedOut
from edge_sale.event_bus import EventBus
from edge_sale.events import Spent
from edge_sale.types import Choice, Choose, Entry, Generate, LogLik, LogProb
from tests.llama.kit import ScriptedEngine, chat, generation
from tests.scripted import Heard, Scripted

LATE = TimedOut("not finished after 1 s")


def request(text: str, **more: Any) -> Generate:
    return Generate(chat(text), **more)


def job(*rounds: list[Any]) -> Generator[list[Any], list[Any], list[Any]]:
    """Asks each round in turn and returns every reply."""
    replies = []
    for requests in rounds:
        replies.append((yield requests))
    return replies


def forgiving(*requests: Any) -> Generator[list[Any], list[Any], str]:
    try:
        yield list(requests)
    except TimedOut as error:
        return f"carried on after: {error}"
    return "nothing happened"


@dataclass
class Room:
    """A desk with two agents on model `small` and one on `large`."""

    small: list[list[Any]] = field(default_factory=list)
    large: list[list[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.heard = Heard()
        self.engines = {
            "small": ScriptedEngine("small", self.small),
            "large": ScriptedEngine("large", self.large),
        }
        agents = [
            Scripted("a", 1.0, model="small"),
            Scripted("b", 3.0, model="small"),
            Scripted("c", 5.0, model="large"),
        ]
        self.scheduler = Scheduler(
            self.engines, EventBus(self.heard), seconds=9.0, agents={agent.name: agent for agent in agents}
        )

    def asked(self, model: str) -> list[tuple[str, list[Any]]]:
        return [(kind, requests) for kind, requests, _ in self.engines[model].asked]

    @property
    def entries(self) -> list[Entry]:
        return [event.entry for event in self.heard.events if isinstance(event, Spent)]


def test_agents_on_the_same_weights_share_a_batch():
    """Asks of two agents on one model make one batch, in the order of the jobs; another model has its own."""
    one, two, three = [generation("one")], [generation("two")], [generation("three")]
    room = Room(small=[[one, two]], large=[[three]])
    jobs = {"a": job([request("1")]), "c": job([request("3")]), "b": job([request("2")])}
    assert room.scheduler.drive(jobs, "bid") == {"a": [[one]], "c": [[three]], "b": [[two]]}
    assert room.asked("small") == [("generate", [request("1"), request("2")])]
    assert room.asked("large") == [("generate", [request("3")])]


def test_results_keep_the_order_of_the_jobs():
    """The result is in the order of the jobs, however many rounds each of them takes."""
    room = Room(small=[[[generation()], [generation()]], [[generation()]]])
    jobs = {"b": job([request("1")], [request("2")]), "a": job([request("3")])}
    assert list(room.scheduler.drive(jobs, "bid")) == ["b", "a"]


def test_replies_come_back_in_the_order_of_the_asks():
    """A job that mixes kinds of asks gets each reply at its ask's place."""
    read, choice, drawn = LogProb(-2.0, 2, 10, 0.1), Choice((0.4, 0.6), 8, 0.1), [generation()]
    room = Room(small=[[drawn], [read], [choice]])
    requests = [Choose(chat("?"), ("0", "1")), request("!"), LogLik(chat("."), "text")]
    assert room.scheduler.drive({"a": job(requests)}, "judge") == {"a": [[choice, drawn, read]]}
    assert [kind for kind, _ in room.asked("small")] == ["generate", "loglik", "choose"]


def test_equal_asks_of_one_model_are_answered_once_and_paid_once():
    """What two jurors ask of the same weights is read once; the first of them pays."""
    reply = LogProb(-3.0, 3, 20, 0.25)
    room = Room(small=[[reply]])
    question = LogLik(chat("which?"), "that")
    results = room.scheduler.drive({"a": job([question, question]), "b": job([question])}, "judge")
    assert results == {"a": [[reply, reply]], "b": [[reply]]}
    assert room.asked("small") == [("loglik", [question])]
    assert room.entries == [Entry("a", "judge", 23, 0, 0.25, 1.0)]


def test_a_failed_ask_fails_its_own_job_alone():
    """The agent whose prompt is too long has its error for a result; the other has its answer."""
    error = PromptTooLong("small", 9000, 8192)
    room = Room(small=[[error, [generation()]]])
    results = room.scheduler.drive({"a": job([request("long")]), "b": job([request("short")])}, "bid")
    assert results == {"a": error, "b": [[[generation()]]]}
    assert [entry.who for entry in room.entries] == ["b"]


def test_a_job_may_go_on_after_a_failed_ask():
    """A failed ask is raised where the job asked, so that the job can choose another way."""
    room = Room(small=[[LATE, [generation()]]])
    assert room.scheduler.drive({"a": forgiving(request("1"), request("2"))}, "work") == {
        "a": "carried on after: not finished after 1 s"
    }


def test_a_mistake_of_ours_is_not_taken_for_an_agents_failure():
    """An exception that edge-sale does not raise on purpose goes up to the door."""
    room = Room(small=[[ZeroDivisionError("ours")]])
    with pytest.raises(ZeroDivisionError):
        room.scheduler.drive({"a": job([request("1")])}, "bid")


def test_a_job_that_asks_nothing_has_its_result_at_once():
    """A job may end without a question, or ask an empty list."""
    room = Room()
    assert room.scheduler.drive({"a": job(), "b": job([])}, "bid") == {"a": [], "b": [[]]}


def test_samples_of_one_prompt_are_paid_for_reading_it_once():
    """The ledger counts a prompt's tokens once, its samples' tokens and seconds all."""
    room = Room(large=[[[generation(tokens=5), generation(tokens=6)]]])
    room.scheduler.drive({"c": job([request("1", samples=2)])}, "work")
    assert room.entries == [Entry("c", "work", tokens_in=7, tokens_out=11, seconds=1.0, price=5.0)]


def test_a_choice_is_paid_as_reading():
    """A choice among tokens reads its prompt and writes nothing."""
    room = Room(large=[[Choice((1.0,), 30, 0.5)]])
    room.scheduler.drive({"c": job([Choose(chat("?"), ("1",))])}, "judge")
    assert room.entries == [Entry("c", "judge", 30, 0, 0.5, 5.0)]


@pytest.mark.parametrize(("given", "limit"), [(None, 9.0), (2.5, 2.5)])
def test_every_batch_has_a_time_limit(given: float | None, limit: float):
    """A batch runs under the limit given for the drive, else under the scheduler's own."""
    room = Room(small=[[[generation()]]])
    room.scheduler.drive({"a": job([request("1")])}, "bid", given)
    assert [seconds for _, _, seconds in room.engines["small"].asked] == [limit]


def test_the_script_complains_when_it_runs_out():
    """The scripted engine of these tests fails a test that asks more than it says."""
    room = Room(small=[])
    with pytest.raises(AssertionError, match="ran out of script"):
        room.scheduler.drive({"a": job([request("1")])}, "bid")
