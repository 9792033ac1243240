"""What happens during a run, as typed records; everything that shows or counts listens here.

The live table, `--verbose`, `--trace FILE`, the ledger and the benches are all
listeners to this one stream. An event turns into one JSON object by `to_json`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from edge_sale.types import Award, Bid, Entry, Lesson, Outcome, Scored, Task


@dataclass(frozen=True, slots=True)
class Opened:
    """An auction begins: who may bid, and everything needed to repeat it."""

    task: Task
    agents: Mapping[str, float]  # name -> price
    run: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Began:
    """A stage begins: bid, judge, refine, work or record; `who` takes part in it."""

    stage: str
    who: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A bid was made, not yet judged."""

    bid: Bid


@dataclass(frozen=True, slots=True)
class SatOut:
    """An agent made no bid (or, as a juror, gave no scores), and why."""

    agent: str
    reason: str
    purpose: str = "bid"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody does the task: no bid reaches the reserve price. `reached` is how far each one came, 0..1."""

    reached: Mapping[str, float]
    reserve_price: float
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was not asked for, because no answer could have changed the winner.

    `what` is bid or judge; `who` was not asked, of a judgement about `agent`'s plan.
    """

    what: str
    who: tuple[str, ...]
    agent: str
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A bid with its jury's scores, cost and value."""

    scored: Scored


@dataclass(frozen=True, slots=True)
class Led:
    """The provisional winner is known."""

    scored: Scored


@dataclass(frozen=True, slots=True)
class Recalled:
    """What memory has for an agent on tasks like this one; only the leader's cheaper rivals refine from it."""

    agent: str
    lessons: tuple[Lesson, ...]


@dataclass(frozen=True, slots=True)
class Won:
    """The auction is over."""

    award: Award
    reason: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """The best local bid was held against what the remote would be expected to bid."""

    remote: str
    local: float  # C - V of the best local bid
    fallback: float  # and of the remote, as estimated
    margin: float  # how much worse than the fallback a local bid may be
    thrift: float
    seen: int  # past tasks that the estimate rests on
    lost: bool  # whether the local bids lose
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The user is asked whether this may leave the machine."""

    remote: str
    host: str
    bytes: int
    expected: float


@dataclass(frozen=True, slots=True)
class Searched:
    """The documents were searched, and this was found to read: places such as notes.md:3-9, best first."""

    question: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wrote:
    """A piece of the answer, as it is generated."""

    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class Stepped:
    """An agent did one thing: what it thought, its call, and what came back. `useful`: it brought something new."""

    agent: str
    number: int
    thought: str
    call: str
    seen: str
    useful: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the user should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Spent:
    """An entry for the ledger."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Finished:
    """The work is done, well or not."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of an agent's changes to the user's files; `applied` is the id for undo, or empty.

    `failed`: they were to be taken over and could not be.
    """

    files: tuple[str, ...]
    applied: str
    note: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """The auction stands in memory under this id."""

    auction: str


Event = (
    Opened
    | Began
    | Placed
    | SatOut
    | Refused
    | Skipped
    | Judged
    | Led
    | Recalled
    | Won
    | Weighed
    | Asked
    | Searched
    | Wrote
    | Stepped
    | Noted
    | Spent
    | Finished
    | Changed
    | Recorded
)
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that does nothing."""


class EventBus:
    """Passes each event on to everyone who listens at that moment.

    The parts of a market are given the bus when they are made; who listens may change from task to task.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)

    def __call__(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Lets `listener` hear every event inside the block."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain JSON values under its name in lower case: {"event": "placed", …}."""
    return {"event": type(event).__name__.lower(), **plain(event)}


def plain(value: Any) -> Any:
    """A record as plain JSON values."""
    if isinstance(value, Scored):
        return {
            "bid": plain(value.bid),
            "cost": value.cost,
            "value": value.value,
            "unheard": value.unheard,
            "risk": value.risk,
            "asking": value.asking,
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value
