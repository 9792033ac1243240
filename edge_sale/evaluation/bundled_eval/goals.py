"""The goals of the bundled pool: what a runs file of `bench bundled` says of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_sale.evaluation.bundled_eval import methods
from edge_sale.evaluation.metrics import interval, over_time
from edge_sale.evaluation.report import Figure
from edge_sale.evaluation.runs import Column, Runs, by_task
from edge_sale.evaluation.table import TableRow
from edge_sale.scoring.auc import auc

LARGEST, SMALLEST = "senior", "junior"
SPAN, PART = 500, 100  # tasks of an order over which small agents should win more, and tasks at each end of it


def figures(runs: Runs, table: Sequence[TableRow]) -> Iterator[Figure]:
    """Figures with their goals."""
    row = {one.name: one for one in table}
    senior, junior, sale = row[LARGEST], row[SMALLEST], row[methods.SALE]
    steps = sorted(senior.bins, key=int)
    easy, hard = [s for s in steps if int(s) <= 2], steps[-1]
    reach = [s for s in steps if int(s) <= 6]
    yield Figure("senior, pass@1 to 6 steps", 100 * _passed(senior, reach), "%", 95, "least")
    yield Figure("senior, its worst of those bins", 100 * min(senior.bins[s][0] for s in reach), "%")
    yield Figure("junior, of the senior's pass@1 on 1-2 steps", _part(junior, senior, easy), "%", 92, "least")
    yield Figure(f"junior, of the senior's on {hard} steps", _part(junior, senior, [hard]), "%", 25)
    yield Figure("senior, pass@1", 100 * senior.passed, "%")
    for name in (methods.WITHOUT_MEMORY, methods.SALE):
        one, goal = row[name], name == methods.SALE
        yield Figure(f"{name}, pass@1", 100 * one.passed, "%", 100 * senior.passed if goal else None, "least")
        yield Figure(f"{name}, tasks that the senior works on", 100 * one.share, "%", 48 if goal else None)
        yield Figure(f"{name}, dollars of the work, of the senior's", _cost(runs, name), "%", 65 if goal else None)
        yield Figure(f"{name}, $/Mt, of the senior's", 100 * one.per_million / senior.per_million, "%")
        yield Figure(f"{name}, dollars with the auction, of the senior's", 100 * one.per_task / senior.per_task, "%")
        yield Figure(f"{name}, auction, of all tokens", 100 * one.overhead, "%")
    for name in (LARGEST, methods.WITHOUT_MEMORY):
        gain, low, high = beyond(runs, methods.SALE, name)
        yield Figure(f"{methods.SALE}, pass@1 beyond {name}", 100 * gain, "points")
        yield Figure(f"{methods.SALE}, pass@1 beyond {name}, 95 % from", 100 * low, "points")
        yield Figure(f"{methods.SALE}, pass@1 beyond {name}, 95 % to", 100 * high, "points")
    as_good = [name for name in methods.ROUTERS if name in row and _as_good(row[name], sale)]
    yield Figure("routers with at least SALE's pass@1 and no more of the senior", len(as_good), "", 0)
    for name, found in runs.about.get("recall", {}).items():
        yield Figure(f"{name}: nearest other task has the same structure", 100 * found["first"], "%")
        yield Figure(f"{name}: one of the 8 nearest has it", 100 * found["any"], "%")
    yield from _growth(runs)


def _growth(runs: Runs) -> Iterator[Figure]:
    """Whether small agents win more as memory fills, compared with the same orders without memory."""
    grown = []
    for name in (methods.SALE, methods.WITHOUT_MEMORY):
        first, last = growth(runs.columns[name], runs)
        grown.append(last - first)
        yield Figure(f"{name}, small agents win of the first {PART} tasks", 100 * float(first.mean()), "%")
        yield Figure(f"{name}, more of tasks {SPAN - PART + 1} to {SPAN}", 100 * float(grown[-1].mean()), "points")
    by_memory = 100 * (grown[0] - grown[1])  # both had the same tasks late in an order
    if len(by_memory) > 1:
        mean, error = float(by_memory.mean()), float(by_memory.std(ddof=1)) / len(by_memory) ** 0.5
        yield Figure("growth that is memory's", mean, "points")
        yield Figure("growth that is memory's, standard error over orders", error, "points")
        yield Figure("growth that is memory's, less two of these", mean - 2 * error, "points", 0, "least")


def beyond(runs: Runs, name: str, other: str) -> tuple[float, float, float]:
    """How much higher one method's pass@1 is than another's, with the 95 % interval, from each task's difference."""
    (tasks, mine), (_, theirs) = (by_task(runs.columns[one].task, runs.columns[one].success) for one in (name, other))
    gain = mine - theirs
    return (float(gain.mean()), *interval(gain, clusters=runs.clusters(tasks)))


def growth(column: Column, runs: Runs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The small agents' share of the first PART and the last PART tasks of the span, in each order."""
    large = np.asarray(column.agent) == runs.agents[LARGEST]
    order = np.asarray(column.order)
    spans = [~large[order == one][:SPAN] for one in np.unique(order)]
    return np.array([s[:PART].mean() for s in spans]), np.array([s[-PART:].mean() for s in spans])


def win_rates(column: Column, runs: Runs, parts: int = 8) -> dict[str, list[float]]:
    """Each agent's share of the tasks in each part of an order, a mean over the orders."""
    agent, order = np.asarray(column.agent), np.asarray(column.order)
    return {
        name: np.mean([over_time(agent[order == one] == place, parts) for one in np.unique(order)], axis=0).tolist()
        for name, place in runs.agents.items()
        if (agent == place).any()
    }


def signals(trials: Sequence[dict[str, object]]) -> list[tuple[str, dict[str, float]]]:
    """AUC of each of the paper's signals for telling right from wrong: over all bids, by agent, and within tasks.

    Within a task it is the share of (right, wrong) pairs of bids that the signal puts in order. Above 0.5 a high
    value is good.
    """
    jurors = sorted(trials[0]["scores"])  # type: ignore[call-overload]
    of = {
        "plan entropy": [float(t["entropy"]) for t in trials],  # type: ignore[arg-type]
        "plan length": [float(t["plan_tokens"]) for t in trials],  # type: ignore[arg-type]
        **{f"juror {j}": [float(t["scores"][j]) for t in trials] for j in jurors},  # type: ignore[index]
        "jury's mean": [float(np.mean(list(t["scores"].values()))) for t in trials],  # type: ignore[attr-defined]
    }
    right = np.array([bool(t["success"]) for t in trials])
    agents = np.array([str(t["agent"]) for t in trials])
    tasks = np.unique([str(t["task"]) for t in trials], return_inverse=True)[1]
    found = []
    for name, listed in of.items():
        values = np.array(listed)
        row = {"all": auc(values, right), "within a task": _within(values, right, tasks)}
        row |= {a: auc(values[agents == a], right[agents == a]) for a in dict.fromkeys(agents.tolist())}
        found.append((name, row))
    return found


def _within(values: np.ndarray, right: np.ndarray, tasks: np.ndarray) -> float:
    won = pairs = 0.0
    for task in np.unique(tasks):
        here = tasks == task
        good, bad = values[here & right], values[here & ~right]
        pairs += len(good) * len(bad)
        won += (good[:, None] > bad).sum() + 0.5 * (good[:, None] == bad).sum()
    return float(won / pairs) if pairs else float("nan")


def _passed(row: TableRow, bins: Sequence[str]) -> float:
    counts = [row.bins[b][2] for b in bins]
    return float(np.average([row.bins[b][0] for b in bins], weights=counts))


def _part(row: TableRow, of: TableRow, bins: Sequence[str]) -> float:
    return 100 * _passed(row, bins) / (_passed(of, bins) or float("nan"))


def _cost(runs: Runs, name: str) -> float:
    column, senior = runs.columns[name], runs.columns[LARGEST]
    return float(100 * np.mean(column.dollars) / np.mean(senior.dollars))


def _as_good(router: TableRow, sale: TableRow) -> bool:
    """Whether a router has at least SALE's pass@1 and at most its share of the largest agent."""
    return router.passed >= sale.passed and router.share <= sale.share
