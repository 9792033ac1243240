"""The table of all methods: one row of figures for each, from the arrays of the runs files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_sale.evaluation import metrics
from edge_sale.evaluation.jsonl_store import BadRecord
from edge_sale.evaluation.runs import Column, Runs, by_task


@dataclass(frozen=True, slots=True)
class TableRow:
    """One method's figures. Dollars include the cost of choosing an agent."""

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
    overhead: float  # the auction's share of all tokens
    seconds: float  # of work and auction, a task; nan where not recorded
    workload: Mapping[str, float]  # agent -> share of tasks whose answer is its
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
    """A row for each method, in the order of the files.

    Raises BadRecord where methods did not handle the same tasks, unless `common` restricts the table to the tasks
    that all handled, and where a method handled a task twice in one order.
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
                f"{name!r} has results for {len(tasks)} of {len(widest)} tasks, {first!r} is missing; go on with the "
                "command that wrote the file, or compare the tasks that all methods have with --common"
            )
    if not len(shared):
        raise BadRecord("no task has results of every method")
    pooled = {name: _numbers(column, shared if common else None) for name, column in runs.columns.items()}
    singles = {n: c for n, c in pooled.items() if runs.group(n) == "alone"}
    ideal = pooled.get("oracle")
    return [_row(runs, name, column, singles, ideal) for name, column in pooled.items()]


def _tasks(runs: Runs, name: str, column: Column) -> NDArray[Any]:
    """The tasks that a method handled. Raises BadRecord for a task that is twice in one order."""
    task, order = np.asarray(column.task), np.asarray(column.order)
    marks, counts = np.unique(order.astype(np.int64) << 32 | task, return_counts=True)
    if (counts > 1).any():
        twice = int(marks[counts > 1][0])
        what = next(t for t, place in runs.tasks.items() if place == twice & 0xFFFFFFFF)
        raise BadRecord(f"{name!r} has task {what!r} twice in order {twice >> 32}: were the same runs read twice?")
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
        group=runs.group(name),
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
    """Figures of a method's curve beside the best single agent. A method without a dial has a curve of one point."""
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
    """Against the oracle: the shares of tasks over- and under-escalated, and counts of "oracle's agent > ours".

    Over-escalated: a smaller agent would have been right, and the largest worked. Under-escalated: only the largest
    would have been right, and it did not work. Without an oracle in the runs the shares are nan.
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
    """Each agent's Shapley value for the pool's oracle pass@1, from the results of the agents alone."""
    alone = {n: c for n, c in runs.columns.items() if runs.group(n) == "alone"}
    if not 1 < len(alone) <= 12:
        return {}
    won: dict[str, set[int]] = {}
    for name, column in alone.items():
        won[name] = set(np.asarray(column.task)[np.asarray(column.success) > 0].tolist())
    total = len(set().union(*(set(column.task) for column in alone.values())))

    def worth(pool: Iterable[str]) -> float:
        return len(set().union(*(won[name] for name in pool))) / total

    return metrics.shapley(list(alone), worth)
