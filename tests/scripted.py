"""Scripted agents and memories for tests of the auction. They fail if their script runs out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_sale.errors import EngineError
from edge_sale.events import Event
from edge_sale.types import Award, Job, Lesson, Outcome, Strategy, Task


def plan(text: str = "1. Do it.", tokens: int = 10, entropy: float = 1.0) -> Strategy:
    return Strategy(text, tokens, entropy)


@dataclass
class Scripted:
    """An agent that bids, judges and works by its script. An exception in the script is raised.

    `heard` lists its calls with their arguments.
    """

    name: str
    price: float
    bids: list[Strategy | EngineError] = field(default_factory=list)
    verdicts: list[Mapping[str, float] | EngineError] = field(default_factory=list)  # plan text -> score
    outcome: Outcome | EngineError | None = None
    model: str = "none"
    heard: list[Any] = field(default_factory=list)

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        self.heard.append(("bid", tuple(lessons)))
        return self._play(self.bids, "bid")

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        self.heard.append(("judge", tuple(plans)))
        scores = yield from self._play(self.verdicts, "judge")
        return [scores[text] for text in plans]

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        self.heard.append(("execute", plan))
        if isinstance(self.outcome, EngineError):
            raise self.outcome
        assert self.outcome is not None, f"{self.name} was not scripted to work"
        show(self.outcome.answer)
        return self.outcome
        yield []

    def _play(self, script: list[Any], what: str) -> Generator[Any, Any, Any]:
        assert script, f"{self.name} ran out of script at {what}"
        line = script.pop(0)
        if isinstance(line, Exception):
            raise line
        return line
        yield []


@dataclass
class ScriptedMemory:
    """A memory with scripted lessons. It keeps what is recorded, or raises `fault`."""

    lessons: Mapping[str, list[Lesson]] = field(default_factory=dict)
    recorded: list[tuple[Award, Outcome | None, Mapping[str, Any]]] = field(default_factory=list)
    fault: Exception | None = None

    def recall(self, task: Task, agent: str, k: int = 8) -> list[Lesson]:
        return list(self.lessons.get(agent, []))[:k]

    def record(self, award: Award, outcome: Outcome | None, run: Mapping[str, Any]) -> None:
        if self.fault:
            raise self.fault
        self.recorded.append((award, outcome, run))


@dataclass
class Heard:
    """A listener that keeps every event."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]
