"""Read runs files into flat arrays, line by line, so that ten million bids fit a laptop.

The format of a runs file is described in `runs_file.py`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_sale.evaluation import runs_file
from edge_sale.evaluation.jsonl_store import BadRecord, take

SAME = ("set", "prompts", "models", "prices")  # what the files of one table must agree on


@dataclass(slots=True)
class Column:
    """All results of one method as flat arrays: a few bytes for each task."""

    task: array[int] = field(default_factory=lambda: array("I"))
    order: array[int] = field(default_factory=lambda: array("H"))
    bin: array[int] = field(default_factory=lambda: array("H"))
    agent: array[int] = field(default_factory=lambda: array("H"))  # the agent whose answer counts
    largest: array[int] = field(default_factory=lambda: array("b"))  # whether the largest agent worked on the task
    success: array[int] = field(default_factory=lambda: array("b"))
    tokens: array[float] = field(default_factory=lambda: array("d"))
    dollars: array[float] = field(default_factory=lambda: array("d"))
    seconds: array[float] = field(default_factory=lambda: array("d"))  # nan: not recorded
    extra_tokens: array[float] = field(default_factory=lambda: array("d"))
    extra_dollars: array[float] = field(default_factory=lambda: array("d"))
    extra_seconds: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class Runs:
    """The content of the files. `about` is the set line, `curves` method -> points (share, dollars, pass@1)."""

    about: dict[str, Any] = field(default_factory=dict)
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    curves: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    bins: dict[str, int] = field(default_factory=dict)
    agents: dict[str, int] = field(default_factory=dict)
    largest: str = ""  # the agent with the highest price
    bids: int = 0

    def group(self, name: str) -> str:
        """The group of a method: alone, baseline, sale or ablation; empty where the files do not say."""
        return str(self.methods.get(name, {}).get("group", ""))

    def clusters(self, tasks: NDArray[Any]) -> NDArray[Any] | None:
        """A label for each task, the same for tasks that are alike; None where the files name no clusters."""
        known = self.about.get("clusters")
        if not known:
            return None
        names = {place: name for name, place in self.tasks.items()}
        return np.array([str(known.get(names[task], names[task])) for task in tasks])


def by_task(task: Any, success: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The tasks, sorted and each once, and the mean success of each over the orders."""
    places, counts = np.bincount(task, success), np.bincount(task)
    there = np.flatnonzero(counts)
    return there, places[there] / counts[there]


def read(files: Sequence[Path], keep: Callable[[dict[str, Any]], None] | None = None) -> Runs:
    """Everything in the files. `keep` is called with each result line, for callers that need its bids.

    Raises BadRecord for a damaged line, and for files of different sets, prompts or models.
    """
    runs = Runs()
    for file in files:
        begun = False
        for where, value in runs_file.read(file):
            kind = value.get("kind")
            if kind == "set":
                _agree(runs, where, value)
                begun = True
            elif not begun:
                raise BadRecord(f"{where}: should be the 'set' line that begins a runs file; is this one?")
            elif kind == "result":
                _add(runs, where, value)
                if keep is not None:
                    keep(value)
            elif kind == "method":
                runs.methods.setdefault(take(where, value, "name", str), value)
            elif kind == "curve":
                points = np.array(take(where, value, "points", list), dtype=float)
                runs.curves.setdefault(take(where, value, "method", str), []).append(points)
            elif kind != "trial":
                raise BadRecord(f"{where}: 'kind' should be {', '.join(runs_file.KINDS)}, is {kind!r:.40}")
    if not runs.columns:
        raise BadRecord(f"{', '.join(map(str, files)) or 'no file'}: holds no results")
    return runs


def _agree(runs: Runs, where: str, value: dict[str, Any]) -> None:
    if not runs.about:
        prices = take(where, value, "prices", dict)
        runs.about, runs.largest = value, max(prices, key=lambda agent: float(prices[agent]), default="")
        return
    for name in SAME:
        if value.get(name) != runs.about.get(name):
            raise BadRecord(
                f"{where}: {name} is {value.get(name)!r:.80}, in the file before it {runs.about.get(name)!r:.80}: "
                "runs of different kinds do not share a table; print one each"
            )


def _add(runs: Runs, where: str, value: dict[str, Any]) -> None:
    name = take(where, value, "method", str)
    column = runs.columns.get(name)
    if column is None:
        column = runs.columns[name] = Column()
    tried, extra = take(where, value, "tried", list), take(where, value, "auction", list)
    if not tried or len(extra) != 3:
        raise BadRecord(f"{where}: 'tried' should name an agent and 'auction' hold tokens, dollars and seconds")
    task = take(where, value, "task", str)
    seconds = value.get("seconds")
    try:
        column.task.append(runs.tasks.setdefault(task, len(runs.tasks)))
        column.order.append(value.get("order", 0))
        column.bin.append(runs.bins.setdefault(str(value.get("bin", "")), len(runs.bins)))
        column.agent.append(runs.agents.setdefault(tried[-1], len(runs.agents)))
        column.largest.append(runs.largest in tried)
        column.success.append(take(where, value, "success", bool))
        column.tokens.append(value["tokens"])
        column.dollars.append(value["dollars"])
        column.seconds.append(np.nan if seconds is None else seconds)
        column.extra_tokens.append(extra[0])
        column.extra_dollars.append(extra[1])
        column.extra_seconds.append(extra[2])
    except (KeyError, TypeError, OverflowError) as error:
        raise BadRecord(f"{where}: tokens and dollars should be numbers: {error}") from error
    runs.bids += len(value.get("bids", ()))
