"""What a bench works on: tasks, and each agent's recorded try at each of them.

A recording is a full grid: every agent has tried every task, or it is refused with what is
missing. Prices are US dollars per million tokens, times are seconds, entropies are nats.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_sale.errors import EdgeSaleError
from edge_sale.types import Task


class BadRecord(EdgeSaleError):
    """A recording that is not there, not what it should be, or not whole; names file and line."""


@dataclass(frozen=True, slots=True)
class Item:
    """A task of a set. `checked`: its environment tells at once, without the answer key, whether work is right."""

    task: Task
    bin: str
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One agent's recorded try at one task: its plan as it was bid, what the work spent, how it was graded."""

    task: str
    agent: str
    success: bool
    tokens_in: int
    tokens_out: int
    plan: str = ""
    plan_tokens: int = 0
    entropy: float | None = None  # of the plan; None where no logits were kept
    opening: str = ""  # what the agent said first, beyond its plan, where that was recorded
    seconds: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)  # juror -> 0..5, where the plan was judged live
    judged: tuple[float, ...] = (0, 0.0, 0.0)  # what judging all plans of the task took: tokens, dollars, seconds
    signals: Mapping[str, float] = field(default_factory=dict)  # what the bid carried besides

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Recording:
    """A grid of trials: `prices` names the agents, and every one has a trial at every item."""

    name: str
    items: tuple[Item, ...]
    prices: Mapping[str, float]
    trials: Mapping[tuple[str, str], Trial]  # (task, agent) -> trial

    @property
    def agents(self) -> tuple[str, ...]:
        return tuple(self.prices)

    def trial(self, item: Item, agent: str) -> Trial:
        return self.trials[item.task.id, agent]

    def part(self, items: Iterable[Item]) -> Recording:
        """The same recording with these items only."""
        return Recording(self.name, tuple(items), self.prices, self.trials)


def recording(name: str, items: Iterable[Item], prices: Mapping[str, float], trials: Iterable[Trial]) -> Recording:
    """The grid, proved whole. Raises BadRecord for a doubled, stray or missing trial."""
    kept = {item.task.id: item for item in items}
    grid: dict[tuple[str, str], Trial] = {}
    for trial in trials:
        if trial.task not in kept:
            raise BadRecord(f"{name}: agent {trial.agent!r} has a trial at {trial.task!r}, which is no task of the set")
        if (trial.task, trial.agent) in grid:
            raise BadRecord(f"{name}: agent {trial.agent!r} has two trials at {trial.task!r}")
        grid[trial.task, trial.agent] = trial
    for agent in prices:
        lacking = [task for task in kept if (task, agent) not in grid]
        if lacking:
            raise BadRecord(
                f"{name}: agent {agent!r} has no trial at {len(lacking)} of {len(kept)} tasks, the first "
                f"{lacking[0]!r}; record those too or leave the agent out: nothing is averaged over a part"
            )
    if not kept or not prices:
        raise BadRecord(f"{name}: holds no {'tasks' if not kept else 'agents'}")
    return Recording(name, tuple(kept.values()), dict(prices), grid)


def lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a JSON-lines file, gzipped or not, with "file, line n". Raises BadRecord."""
    try:
        name = str(file)
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
            for number, raw in enumerate(stream, start=1):
                where = f"{name}, line {number}"
                if raw.isspace():
                    continue
                try:
                    value = json.loads(raw.decode("utf-8"))
                except (ValueError, RecursionError) as error:
                    raise BadRecord(f"{where}: is not JSON: {error}") from error
                if not isinstance(value, dict):
                    raise BadRecord(f"{where}: should be a JSON object, is {type(value).__name__}")
                yield where, value
    except (OSError, EOFError) as error:
        raise BadRecord(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def take(where: str, value: Mapping[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
    """value[key], which must be there and of this kind. Raises BadRecord naming line and key."""
    if key not in value:
        raise BadRecord(f"{where}: has no {key!r}; it has {', '.join(sorted(value)) or 'nothing'}")
    found = value[key]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
        raise BadRecord(f"{where}: {key!r} should be {' or '.join(k.__name__ for k in kinds)}, is {found!r:.60}")
    return found
