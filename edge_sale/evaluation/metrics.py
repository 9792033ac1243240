"""The figures of a table, as pure functions over arrays. Success is 0 or 1, shares are 0..1, prices are dollars.

Sources: RouteLLM `routellm/evals/evaluate.py` (PGR, APGR, CPT), RouterBench (AIQ; here divided by the
range of cost, as its paper writes and its code does not), LLMRouterBench (PerfGain, CostSave, Gap@O),
RouterArena `router_evaluation/compute_scores.py` (arena score), SALE (workload share, Shapley).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ARENA_BETA = 0.1
ARENA_MOST, ARENA_LEAST = 200.0, 0.0044  # dollars a thousand queries, RouterArena's own bounds


def pass_at_k(tries: int, right: int, k: int) -> float:
    """The chance that one of k of the tries is right, unbiased (Chen et al. 2021, arXiv 2107.03374)."""
    if not 0 <= right <= tries or not 1 <= k <= tries:
        raise ValueError(f"pass@{k} of {right} right in {tries} tries is not defined")
    return 1.0 - math.prod((tries - right - i) / (tries - i) for i in range(k))


def interval(
    values: Any, draws: int = 2000, seed: int = 0, level: float = 0.95, clusters: Any = None
) -> tuple[float, float]:
    """A percentile bootstrap interval of the mean of `values`, one a task.

    `clusters` has a label for each task. Tasks with the same label are not independent, so whole clusters are drawn.
    """
    data = np.asarray(values, dtype=float)
    if not len(data):
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    if clusters is not None:
        group = np.unique(np.asarray(clusters), return_inverse=True)[1]
        sums, sizes = np.bincount(group, data), np.bincount(group)
        drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=draws)
        means = (drawn @ sums) / (drawn @ sizes)
    elif len((different := np.unique(data, return_counts=True))[0]) <= 64:
        worth, counts = different  # few different values: drawing their counts is quick for millions of tasks
        means = rng.multinomial(len(data), counts / len(data), size=draws) @ worth / len(data)
    else:
        means = np.array([data[rng.integers(0, len(data), len(data))].mean() for _ in range(min(draws, 500))])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def per_million(dollars: float, tokens: float) -> float:
    """$/Mt: dollars per million tokens spent."""
    return dollars / tokens * 1e6 if tokens else math.nan


# --- curves: points (share or cost, quality) ----------------------------------------------


def recovered(quality: float, weak: float, strong: float) -> float:
    """PGR: how much of the gap between the weak and the strong agent is recovered."""
    return (quality - weak) / (strong - weak) if strong != weak else math.nan


def apgr(shares: Sequence[float], qualities: Sequence[float], weak: float, strong: float) -> float:
    """RouteLLM's average PGR: the area over the weak agent's line, as part of the strong agent's; random is 0.5."""
    x, y = _sorted(shares, qualities)
    if strong == weak or len(x) < 2 or x[0] == x[-1]:
        return math.nan
    area, span = float(np.trapezoid(y, x)), float(x[-1] - x[0])
    return (area - weak * span) / ((strong - weak) * span)


def cpt(part: float, shares: Sequence[float], qualities: Sequence[float], weak: float, strong: float) -> float:
    """RouteLLM's CPT: the least share of strong calls that recovers `part` of the gap; nan where none does."""
    x, y = _sorted(shares, qualities)
    goal = weak + part * (strong - weak)
    for i in range(len(x)):
        if y[i] >= goal:
            if i == 0:
                return float(x[0])
            return float(x[i - 1] + (goal - y[i - 1]) / (y[i] - y[i - 1]) * (x[i] - x[i - 1]))
    return math.nan


def aiq(costs: Sequence[float], qualities: Sequence[float], least: float, most: float) -> float:
    """RouterBench's AIQ: mean height over [least, most] of the non-decreasing convex hull of (cost, quality)."""
    if most <= least:
        return math.nan
    x, y = hull(costs, qualities)
    points = np.unique(np.concatenate([np.clip(x, least, most), [least, most]]))
    heights = np.interp(points, x, y, left=0.0)
    return float(np.trapezoid(heights, points)) / (most - least)


def hull(costs: Sequence[float], qualities: Sequence[float]) -> tuple[Floats, Floats]:
    """The corners of the upper, non-decreasing, concave frontier, by rising cost."""
    x, y = _sorted(costs, qualities)
    corners: list[tuple[float, float]] = []
    for point in zip(x.tolist(), y.tolist(), strict=True):
        if corners and point[1] <= corners[-1][1]:
            continue
        if corners and point[0] == corners[-1][0]:
            corners.pop()
        while len(corners) > 1 and _bends_up(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    return np.array([c for c, _ in corners]), np.array([q for _, q in corners])


def _bends_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[1] - a[1]) * (c[0] - b[0]) <= (c[1] - b[1]) * (b[0] - a[0])


def perf_gain(qualities: Sequence[float], best_single: float) -> float:
    """LLMRouterBench's PerfGain: the most accurate setting against the best single agent, relative."""
    return max(qualities) / best_single - 1.0 if best_single else math.nan


def cost_save(costs: Sequence[float], qualities: Sequence[float], single_cost: float, single: float) -> float:
    """LLMRouterBench's CostSave: the largest saving with at least the best single agent's accuracy."""
    enough = [cost for cost, quality in zip(costs, qualities, strict=True) if quality >= single]
    return 1.0 - min(enough) / single_cost if enough and single_cost else math.nan


def arena(accuracy: float, dollars_per_task: float) -> float:
    """RouterArena's score of accuracy (0..1) and cost; nan for a cost of 0, whose logarithm is not defined."""
    if dollars_per_task <= 0:
        return math.nan
    top, bottom = math.log2(ARENA_MOST), math.log2(ARENA_LEAST)
    cheap = min(1.0, max(0.0, (top - math.log2(dollars_per_task * 1000)) / (top - bottom)))
    below = ARENA_BETA * accuracy + cheap
    return (1 + ARENA_BETA) * accuracy * cheap / below if below else 0.0


def _sorted(xs: Sequence[float], ys: Sequence[float]) -> tuple[Floats, Floats]:
    order = np.lexsort((np.asarray(ys), np.asarray(xs)))
    return np.asarray(xs, dtype=float)[order], np.asarray(ys, dtype=float)[order]


# --- agents -------------------------------------------------------------------------------


def shapley(agents: Sequence[str], worth: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Each agent's Shapley value, where `worth` is a pool's value. Exact, so feasible for about a dozen agents."""
    n = len(agents)
    weight = [math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n) for k in range(n)]
    known = {frozenset(c): worth(frozenset(c)) for k in range(n + 1) for c in combinations(agents, k)}
    return {
        agent: sum(
            weight[len(pool)] * (known[pool | {agent}] - value) for pool, value in known.items() if agent not in pool
        )
        for agent in agents
    }


def confusion(chosen: Sequence[str], oracle: Sequence[str]) -> dict[tuple[str, str], int]:
    """Counts of (oracle's agent, chosen agent). A chosen agent dearer than the oracle's is over-escalation."""
    found: dict[tuple[str, str], int] = {}
    for pair in zip(oracle, chosen, strict=True):
        found[pair] = found.get(pair, 0) + 1
    return found


def over_time(won: Any, parts: int = 10) -> list[float]:
    """The mean of 0/1 `won` in each of `parts` stretches of the order in which tasks came."""
    return [float(part.mean()) for part in np.array_split(np.asarray(won, dtype=float), parts) if len(part)]


# --- signals ------------------------------------------------------------------------------


def auc_error(area: float, right: int, wrong: int) -> float:
    """Standard error of an AUC (Hanley and McNeil 1982)."""
    if not right or not wrong or math.isnan(area):
        return math.nan
    one, two = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (right - 1) * (one - area * area) + (wrong - 1) * (two - area * area)
    return math.sqrt(max(spread, 0.0) / (right * wrong))


def calibration(chance: Any, success: Any, bins: int = 10) -> tuple[list[tuple[float, float, int]], float]:
    """(mean chance, share right, count) in bins of equal size by chance, and the expected calibration error."""
    p, y = np.asarray(chance, dtype=float), np.asarray(success, dtype=float)
    if not len(p):
        return [], math.nan
    parts = [part for part in np.array_split(np.argsort(p, kind="stable"), bins) if len(part)]
    rows = [(float(p[part].mean()), float(y[part].mean()), len(part)) for part in parts]
    return rows, sum(n * abs(a - b) for a, b, n in rows) / len(p)
