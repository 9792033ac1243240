"""Runs, in one file or several, to the figures of a table: streamed, so that ten million bids fit a laptop.

A runs file is JSON lines: one `set` line saying what was measured, `contender` lines, a `sold` line for each
task that a contender sold in each order, and `curve` lines. `bench replay` and `bench run` write them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_sale.evaluation import metrics
from edge_sale.evaluation.records import BadRecord, lines, take

SAME = ("set", "prompts", "models", "prices")  # what the files of one table must agree on


@dataclass(slots=True)
class Column:
    """All that a contender sold, as flat arrays: a few bytes a task."""

    task: array[int] = field(default_factory=lambda: array("I"))
    order: array[int] = field(default_factory=lambda: array("H"))
    bin: array[int] = field(default_factory=lambda: array("H"))
    agent: array[int] = field(default_factory=lambda: array("H"))  # whose answer counts
    largest: array[int] = field(default_factory=lambda: array("b"))  # whether the largest agent worked at all
    success: array[int] = field(default_factory=lambda: array("b"))
    tokens: array[float] = field(default_factory=lambda: array("d"))
    dollars: array[float] = field(default_factory=lambda: array("d"))
    seconds: array[float] = field(default_factory=lambda: array("d"))  # nan: not recorded
    extra_tokens: array[float] = field(default_factory=lambda: array("d"))
    extra_dollars: array[float] = field(default_factory=lambda: array("d"))
    extra_seconds: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class Runs:
    """What the files hold. `about` is the set line, `curves` contender -> points (share, dollars, pass@1)."""

    about: dict[str, Any] = field(default_factory=dict)
    contenders: dict[str, dict[str, Any]] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    curves: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    bins: dict[str, int] = field(default_factory=dict)
    agents: dict[str, int] = field(default_factory=dict)
    largest: str = ""  # the dearest agent
    bids: int = 0

    def clusters(self, tasks: NDArray[Any]) -> NDArray[Any] | None:
        """A mark for each of the tasks, the same for those that are alike; None where the files name no clusters."""
        known = self.about.get("clusters")
        if not known:
            return None
        names = {place: name for name, place in self.tasks.items()}
        return np.array([str(known.get(names[task], names[task])) for task in tasks])


def by_task(task: Any, success: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The tasks, each once and rising, and the mean success of each over the orders."""
    places, counts = np.bincount(task, success), np.bincount(task)
    there = np.flatnonzero(counts)
    return there, places[there] / counts[there]


def read(files: Sequence[Path], keep: Any = None) -> Runs:
    """Everything in the files. `keep(value)` hears each sold line, for those that want its bids.

    Raises BadRecord for a damaged line, and for files of different sets, prompts or models.
    """
    runs = Runs()
    for file in files:
        begun = False
        for where, value in lines(file):
            kind = value.get("kind")
            if kind == "set":
                _agree(runs, where, value)
                begun = True
            elif not begun:
                raise BadRecord(f"{where}: should be the 'set' line that begins a runs file; is this one?")
            elif kind == "sold":
                _add(runs, where, value)
                if keep is not None:
                    keep(value)
            elif kind == "contender":
                runs.contenders.setdefault(take(where, value, "name", str), value)
            elif kind == "curve":
                points = np.array(take(where, value, "points", list), dtype=float)
                runs.curves.setdefault(take(where, value, "contender", str), []).append(points)
            elif kind != "trial":
                raise BadRecord(f"{where}: 'kind' should be set, contender, sold, curve or trial, is {kind!r:.40}")
    if not runs.columns:
        raise BadRecord(f"{', '.join(map(str, files)) or 'no file'}: holds nothing that was sold")
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
    name = take(where, value, "contender", str)
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


# --- figures ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TableRow:
    """One contender's figures; dollars include what choosing took."""

    name: str
    group: str
    tasks: int
    passed: float
    low: float
    high: float
    spread: float  # standard deviation of pass@1 over the task orders
    share: float  # of tasks on which the largest agent worked
    per_million: float
    per_task: float
    overhead: float  # auction's share of all tokens
    seconds: float  # of work and auction a task; nan where not recorded
    workload: Mapping[str, float]  # agent -> share of tasks it was the last to work on
    bins: Mapping[str, tuple[float, float, int, float]]  # bin -> pass@1, share of the largest, tasks, dollars a task
    apgr: float
    cpt50: float
    cpt80: float
    aiq: float
    perf_gain: float
    cost_save: float
    gap: float  # to the oracle, in points of pass@1
    arena: float


def rows(runs: Runs, common: bool = False) -> list[TableRow]:
    """A row a contender, in the order of the files.

    Raises BadRecord where contenders did not sell the same tasks, unless `common` asks for those all did,
    and where one sold a task twice in one order.
    """
    sets = {name: _tasks(runs, name, column) for name, column in runs.columns.items()}
    widest = max(sets.values(), key=len)
    shared = widest
    for name, tasks in sets.items():
        shared = np.intersect1d(shared, tasks, assume_unique=True)
        if not common and len(tasks) < len(widest):
            lacking = int(np.setdiff1d(widest, tasks)[0])
            first = next(task for task, place in runs.tasks.items() if place == lacking)
            raise BadRecord(
                f"{name!r} sold {len(tasks)} of {len(widest)} tasks, {first!r} is missing; go on with the command "
                "that wrote the file, or compare with --common on what all have sold"
            )
    if not len(shared):
        raise BadRecord("no task was sold by every contender")
    pooled = {name: _numbers(column, shared if common else None) for name, column in runs.columns.items()}
    singles = {n: c for n, c in pooled.items() if runs.contenders.get(n, {}).get("group") == "alone"}
    ideal = pooled.get("oracle")
    return [_row(runs, name, column, singles, ideal) for name, column in pooled.items()]


def _tasks(runs: Runs, name: str, column: Column) -> NDArray[Any]:
    """The tasks a contender sold, each once an order."""
    task, order = np.asarray(column.task), np.asarray(column.order)
    marks, counts = np.unique(order.astype(np.int64) << 32 | task, return_counts=True)
    if (counts > 1).any():
        twice = int(marks[counts > 1][0])
        what = next(t for t, place in runs.tasks.items() if place == twice & 0xFFFFFFFF)
        raise BadRecord(f"{name!r} sold task {what!r} twice in order {twice >> 32}: the same runs were read twice?")
    return np.unique(task)


Numbers = dict[str, NDArray[Any]]


def _numbers(column: Column, only: NDArray[Any] | None) -> Numbers:
    found = {name: np.asarray(getattr(column, name)) for name in Column.__slots__}
    if only is None:
        return found
    kept = np.isin(found["task"], only)
    return {name: values[kept] for name, values in found.items()}


def _row(runs: Runs, name: str, of: Numbers, singles: Mapping[str, Numbers], ideal: Numbers | None) -> TableRow:
    tasks, each = by_task(of["task"], of["success"])
    low, high = metrics.interval(each, clusters=runs.clusters(tasks))
    passed = float(of["success"].mean())
    orders = [of["success"][of["order"] == order].mean() for order in np.unique(of["order"])]
    tokens, extra = of["tokens"].sum(), of["extra_tokens"].sum()
    paid = of["dollars"] + of["extra_dollars"]
    dollars = paid.sum()
    agents, bins = list(runs.agents), list(runs.bins)
    work = np.bincount(of["agent"], minlength=len(agents)) / len(of["agent"])
    by_bin = {}
    for place in np.unique(of["bin"]):
        here = of["bin"] == place
        by_bin[bins[place]] = (
            float(of["success"][here].mean()),
            float(of["largest"][here].mean()),
            len(np.unique(of["task"][here])),
            float(paid[here].mean()),
        )
    return TableRow(
        name=name,
        group=str(runs.contenders.get(name, {}).get("group", "")),
        tasks=len(each),
        passed=passed,
        low=low,
        high=high,
        spread=float(np.std(orders)),
        share=float(of["largest"].mean()),
        per_million=metrics.per_million(dollars, tokens + extra),
        per_task=float(dollars / len(of["task"])),
        overhead=float(extra / (tokens + extra)) if tokens + extra else 0.0,
        seconds=float((of["seconds"] + of["extra_seconds"]).mean()),
        workload={agent: float(work[place]) for place, agent in enumerate(agents) if work[place]},
        bins=by_bin,
        gap=float(ideal["success"].mean() - passed) if ideal is not None else np.nan,
        arena=metrics.arena(passed, float(dollars / len(of["task"]))),
        **_curve_figures(runs, name, singles, (of["largest"].mean(), dollars / len(of["task"]), passed)),
    )


def _curve_figures(
    runs: Runs, name: str, singles: Mapping[str, Numbers], point: tuple[float, float, float]
) -> dict[str, float]:
    """What a curve says beside the best single agent; of a contender without a dial its one point is the curve."""
    nothing = dict.fromkeys(("apgr", "cpt50", "cpt80", "aiq", "perf_gain", "cost_save"), float("nan"))
    if not singles:
        return nothing
    quality = {n: float(s["success"].mean()) for n, s in singles.items()}
    cost = {n: float(s["dollars"].mean()) for n, s in singles.items()}
    best = max(quality, key=lambda n: (quality[n], -cost[n]))
    locals_ = [n for n in singles if n != runs.largest]
    weak = max((quality[n] for n in locals_), default=0.0)
    strong = quality.get(runs.largest, quality[best])
    drawn = runs.curves.get(name)
    points = np.mean(drawn, axis=0) if drawn else np.array([point], dtype=float)
    shares, costs, qualities = points.T
    figures = {
        "aiq": metrics.aiq(costs, qualities, min(cost.values()), max(cost.values())),
        "perf_gain": metrics.perf_gain(qualities, quality[best]),
        "cost_save": metrics.cost_save(costs, qualities, cost[best], quality[best]),
    }
    if drawn:
        figures["apgr"] = metrics.apgr(shares, qualities, weak, strong)
        figures["cpt50"] = metrics.cpt(0.5, shares, qualities, weak, strong)
        figures["cpt80"] = metrics.cpt(0.8, shares, qualities, weak, strong)
    return {**nothing, **figures}


def escalations(runs: Runs, name: str) -> tuple[float, float, dict[str, int]]:
    """Against the oracle: shares of sales over- and under-escalated, and counts of "oracle's agent > ours".

    Over-escalated: a smaller agent would have been right, and the largest worked. Under-escalated: only
    the largest would have been right, and it was not asked. Empty without an oracle in the runs.
    """
    ideal, ours = runs.columns.get("oracle"), runs.columns[name]
    if ideal is None:
        return np.nan, np.nan, {}
    named = list(runs.agents)
    best = {task: (named[a], ok) for task, a, ok in zip(ideal.task, ideal.agent, ideal.success, strict=True)}
    mine = [named[a] for a in ours.agent]
    theirs = [best[task] for task in ours.task]
    large = runs.largest
    pairs = list(zip(theirs, mine, ours.largest, strict=True))
    over = np.mean([ok and who != large and bool(asked) for (who, ok), _, asked in pairs])
    under = np.mean([ok and who == large and not asked for (who, ok), _, asked in pairs])
    table = metrics.confusion(mine, [who for who, _ in theirs])
    return float(over), float(under), {f"{a} > {b}": n for (a, b), n in sorted(table.items())}


def pool_value(runs: Runs) -> dict[str, float]:
    """The Shapley value of each agent for the oracle's pass@1 of the pool, from the agents' lines alone."""
    alone = {n: c for n, c in runs.columns.items() if runs.contenders.get(n, {}).get("group") == "alone"}
    if not 1 < len(alone) <= 12:
        return {}
    won: dict[str, set[int]] = {}
    for name, column in alone.items():
        won[name] = set(np.asarray(column.task)[np.asarray(column.success) > 0].tolist())
    total = len(set().union(*(set(column.task) for column in alone.values())))

    def worth(pool: Iterable[str]) -> float:
        return len(set().union(*(won[name] for name in pool))) / total

    return metrics.shapley(list(alone), worth)
