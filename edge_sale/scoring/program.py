"""The paper's program for the weights (SALE, arXiv 2602.02751) as a mixed-integer program, solved by HiGHS.

    min Q   over w, x, z, Q
    z_t <= Q                                        for every training task t
    z_t >= sum_k w_k s_tik - M (1 - x_ti)           for every agent i that t may go to
    z_t <= sum_k w_k s_tik + M (1 - x_ti)
    sum_i x_ti = 1,  x_ti in {0, 1}

s_tik are the signals of agent i's bid for task t, with the sign they have in C - V. As published nothing bounds w:
w = 0 and an unbounded w are both optimal. Here w lies on the simplex (each w_k in [0, 1], sum 1), the signals are
scaled to -1..1, and x may choose only among agents that solved t, or among all agents where none did. On that scale
C - V lies within -1..1, so M = 2 says the same as the published 1e4 and gives the solver a far tighter relaxation.

The objective "average" minimises the mean of z_t instead of its maximum Q.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import ExtraMissing

Floats = NDArray[np.float64]

M = 2.0


@dataclass(frozen=True, slots=True)
class Optimum:
    """Weights on the simplex, the largest C - V that they leave (`reached`), and a lower bound on it."""

    weights: Floats
    reached: float
    bound: float
    seconds: float

    @property
    def proved(self) -> bool:
        return self.reached - self.bound <= 1e-6

    @property
    def how(self) -> str:
        """In words: solved to the optimum, or how far the solver came."""
        if self.proved:
            return f"solved to its optimum {self.reached:.4f}"
        return f"best found {self.reached:.4f}, optimum at least {self.bound:.4f} (stopped after {self.seconds:.0f} s)"


def installed() -> bool:
    """Whether the solver is installed (extra `fit`)."""
    return find_spec("highspy") is not None


def allowed_agents(solved: Any) -> NDArray[np.bool_]:
    """Agents that x may choose, (tasks, agents): those that solved the task, or all where none did."""
    right = np.asarray(solved, dtype=bool)
    return np.asarray(right | ~right.any(axis=1, keepdims=True))


def solve(signs: Any, allowed: Any, seconds: float, start: Any = None) -> Optimum:
    """Solve the program over `signs`, shape (tasks, agents, signals), values within -1..1.

    `allowed` is boolean, shape (tasks, agents). `start` are the weights to begin with; by default the best of equal
    weights and all weight on one signal. After `seconds` the solver stops with its best weights so far. Raises
    ExtraMissing without the solver, and ValueError for a task that no agent may be given.
    """
    bids, may = np.asarray(signs, dtype=float), np.asarray(allowed, dtype=bool)
    if not may.any(axis=1).all():
        raise ValueError("a task that no agent may be given")
    if not installed():
        raise ExtraMissing("highspy", "fit")
    import highspy

    tasks, count = np.nonzero(may)[0], bids.shape[2]
    rows = bids[may]  # (pairs, signals)
    pairs, n = len(rows), len(may)
    # columns: w (count), Q, z (n), x (pairs)
    q, z, x = count, count + 1, count + 1 + n
    total = x + pairs
    with _quiet():
        solver: Any = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("time_limit", float(seconds))
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", 1e-7)
    solver.setOptionValue("random_seed", 0)
    solver.setOptionValue("threads", 1)  # the same answer on every machine
    low, high = np.zeros(total), np.ones(total)
    low[q:x], high[q:x] = -1.0, 1.0
    cost = np.zeros(total)
    cost[q] = 1.0
    solver.addVars(total, low, high)
    every = np.arange(total, dtype=np.int32)
    solver.changeColsCost(total, every, cost)
    integer = np.array([highspy.HighsVarType.kInteger] * pairs)
    solver.changeColsIntegrality(pairs, every[x:], integer)
    lower, upper, starts, index, value = _constraints(rows, tasks, n, (q, z, x))
    solver.addRows(len(lower), lower, upper, len(index), starts, index, value)
    solution = highspy.HighsSolution()
    first = _start(bids, may) if start is None else np.asarray(start, dtype=float)
    solution.col_value = _columns(first, rows, tasks, n)
    solver.setSolution(solution)
    solver.run()
    info = solver.getInfo()
    found = np.clip(np.asarray(solver.getSolution().col_value)[:count], 0.0, 1.0)
    weights = found / found.sum() if found.sum() else first
    return Optimum(
        weights, float(_least(bids, may, weights).max()), float(info.mip_dual_bound), float(solver.getRunTime())
    )


def least_mean(signs: Any, allowed: Any) -> Floats:
    """Weights on the simplex that minimise the mean over tasks of the least C - V: all weight on one signal."""
    bids = np.asarray(signs, dtype=float)
    vertices = np.eye(bids.shape[2])
    return np.asarray(min(vertices, key=lambda weights: float(_least(bids, allowed, weights).mean())))


def _start(signs: Floats, allowed: Any) -> Floats:
    count = signs.shape[2]
    points = [np.full(count, 1.0 / count), *np.eye(count)]
    return min(points, key=lambda weights: float(_least(signs, allowed, weights).max()))


def _least(signs: Floats, allowed: Any, weights: Floats) -> Floats:
    """The least C - V of an allowed agent for each task, shape (tasks,)."""
    return np.asarray(np.where(allowed, signs @ weights, np.inf).min(axis=1))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep HiGHS' banner off stdout: the library prints it below Python, before any option can forbid it."""
    sys.stdout.flush()
    kept, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(null)


def _constraints(rows: Floats, tasks: Any, n: int, places: tuple[int, int, int]) -> tuple[Any, ...]:
    """Bounds and sparse entries of all constraints, in the form that HiGHS takes."""
    q, z, x = places
    lower: list[float] = []
    upper: list[float] = []
    starts: list[int] = []
    index: list[int] = []
    value: list[float] = []

    def add(low: float, high: float, entries: list[tuple[int, float]]) -> None:
        lower.append(low)
        upper.append(high)
        starts.append(len(index))
        index.extend(place for place, _ in entries)
        value.extend(factor for _, factor in entries)

    add(1.0, 1.0, [(k, 1.0) for k in range(q)])
    for t in range(n):
        add(-np.inf, 0.0, [(z + t, 1.0), (q, -1.0)])
        add(1.0, 1.0, [(x + int(i), 1.0) for i in np.nonzero(tasks == t)[0]])
    for i, (t, row) in enumerate(zip(tasks.tolist(), rows.tolist(), strict=True)):
        terms = [(k, -s) for k, s in enumerate(row) if s]
        add(-M, np.inf, [(z + t, 1.0), *terms, (x + i, -M)])
        add(-np.inf, M, [(z + t, 1.0), *terms, (x + i, M)])
    return (
        np.array(lower),
        np.array(upper),
        np.array(starts, dtype=np.int32),
        np.array(index, dtype=np.int32),
        np.array(value),
    )


def _columns(weights: Floats, rows: Floats, tasks: Any, n: int) -> list[float]:
    """A feasible value of every column at these weights: each task goes to the agent that asks least."""
    asking = rows @ weights
    chosen = np.zeros(len(rows))
    z = np.zeros(n)
    for t in range(n):
        mine = np.nonzero(tasks == t)[0]
        best = mine[np.argmin(asking[mine])]
        chosen[best], z[t] = 1.0, asking[best]
    return [*weights.tolist(), float(z.max()), *z.tolist(), *chosen.tolist()]
