"""The events of a run as typed records. Everything that displays or counts listens to them.

The live table, `--verbose`, `--trace FILE`, the ledger and the benchmarks are listeners to this one stream.
`to_json` turns an event into one JSON object.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_sale.types import Award, Bid, Entry, Lesson, Outcome, Scored, Task


@dataclass(frozen=True, slots=True)
class Opened:
    """An auction begins. `run` holds everything that is needed to repeat it."""

    task: Task
    agents: Mapping[str, float]  # name -> US dollars per million tokens
    run: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Began:
    """A stage begins: bid, judge, refine, work or escalate. The agents in `who` take part in it."""

    stage: str
    who: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """An agent made a bid. The jury has not scored it yet."""

    bid: Bid


@dataclass(frozen=True, slots=True)
class SatOut:
    """An agent made no bid or, as a juror, gave no scores."""

    agent: str
    reason: str
    purpose: str = "bid"


@dataclass(frozen=True, slots=True)
class Refused:
    """No bid reaches the reserve price, so no agent does the task. `reached` maps each agent to 0..1."""

    reached: Mapping[str, float]
    reserve_price: float
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A request was not made, because no reply could have changed the winner.

    `what` is bid or judge. The agents in `who` were not asked; for judge, it is about the plan of `agent`.
    """

    what: str
    who: tuple[str, ...]
    agent: str
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The jury scored a bid, which now has a cost and a value."""

    scored: Scored


@dataclass(frozen=True, slots=True)
class Led:
    """The provisional winner is known."""

    scored: Scored


@dataclass(frozen=True, slots=True)
class Recalled:
    """The memory returned lessons to an agent. Only agents cheaper than the leader refine their bids from them."""

    agent: str
    lessons: tuple[Lesson, ...]


@dataclass(frozen=True, slots=True)
class Won:
    """The auction is over. `reason` says why the winner won."""

    award: Award
    reason: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """The best local bid was compared with the bid that the remote is expected to make."""

    remote: str
    local: float  # C - V of the best local bid
    fallback: float  # estimated C - V of the remote
    margin: float  # how much worse than the fallback a local bid may be
    thrift: float
    seen: int  # past tasks that the estimate uses
    lost: bool  # whether the local bids lose against the remote
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The user is asked whether a request may leave the machine. `expected`: its cost at most, in US dollars."""

    remote: str
    host: str
    bytes: int
    expected: float


@dataclass(frozen=True, slots=True)
class Searched:
    """The documents were searched. `places` are the passages that were found, such as notes.md:3-9, best first."""

    question: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wrote:
    """An agent generated a piece of the answer."""

    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class Stepped:
    """An agent took one step: its thought, its tool call and the call's result. `useful`: the result was new."""

    agent: str
    number: int
    thought: str
    call: str
    seen: str
    useful: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """A note for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens were spent. `entry` is the line for the ledger."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Finished:
    """The work has ended, with success or without."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Changed:
    """An agent's changes to the user's files were applied or discarded; `note` says which.

    `applied` is the id for undo, or empty. `failed`: the changes should have been applied and could not be.
    """

    files: tuple[str, ...]
    applied: str
    note: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """The auction was recorded in memory under this id."""

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
    """Do nothing: the listener for runs that nobody watches."""


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, with the class name in lower case: {"event": "placed", …}."""
    return {"event": type(event).__name__.lower(), **plain(event)}


def plain(value: Any) -> Any:
    """A record, mapping or sequence as plain JSON values; other values unchanged."""
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
