"""AUC: how well a signal tells right work from wrong, with an interval that accounts for bids on the same task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 1.959964  # standard deviations to each side of a 95 % interval


@dataclass(frozen=True, slots=True)
class Area:
    """An AUC with its 95 % interval (nan: not defined), and the numbers of bids and tasks it is taken over."""

    auc: float
    low: float
    high: float
    bids: int
    tasks: int


def auc(signal: Any, success: Any) -> float:
    """The chance that a right attempt has a higher signal than a wrong one; ties count half (Mann-Whitney)."""
    values, right = np.asarray(signal, dtype=float), np.asarray(success, dtype=bool)
    good, bad = int(right.sum()), int((~right).sum())
    if not good or not bad:
        return math.nan
    return float((_below(values, values)[right].sum() - good * good / 2) / (good * bad))


def clustered(signal: Any, success: Any, task: Any) -> Area:
    """AUC over bids grouped by task, because bids on one task are not independent.

    Variance by Obuchowski (1997, Biometrics 53, 567-578): DeLong's structural components summed over the tasks.
    The interval is taken on log odds, so it stays within 0..1.
    """
    x, right = np.asarray(signal, dtype=float), np.asarray(success, dtype=bool)
    groups, group = np.unique(np.asarray(task), return_inverse=True)
    area, count = auc(x, right), len(groups)
    if math.isnan(area):
        return Area(area, math.nan, math.nan, len(x), count)
    good, bad = x[right], x[~right]
    m, n = len(good), len(bad)
    # how often each right bid beats the wrong ones, and each wrong one is beaten, minus the expected share
    wins = np.bincount(group[right], _below(bad, good) / n - area, count)
    losses = np.bincount(group[~right], 1.0 - _below(good, bad) / m - area, count)
    ones, zeros = len(np.unique(group[right])), len(np.unique(group[~right]))
    variance = (
        _spread(ones) * (wins**2).sum() / m**2
        + _spread(zeros) * (losses**2).sum() / n**2
        + 2 * _spread(count) * (wins * losses).sum() / (m * n)
    )
    low, high = _between(area, math.sqrt(max(float(variance), 0.0)))
    return Area(area, low, high, len(x), count)


def within(signal: Any, success: Any, task: Any) -> Area:
    """The mean over tasks of the AUC among the bids on one task: does it tell bids apart, rather than tasks?

    Tasks on which all bids were right, or all wrong, have no AUC and are left out.
    """
    x, right, of = np.asarray(signal, dtype=float), np.asarray(success, dtype=bool), np.asarray(task)
    areas: list[float] = []
    bids = 0
    for one in np.unique(of):
        mine = of == one
        if not math.isnan(area := auc(x[mine], right[mine])):
            areas.append(area)
            bids += int(mine.sum())
    if not areas:
        return Area(math.nan, math.nan, math.nan, 0, 0)
    mean = float(np.mean(areas))
    error = float(np.std(areas, ddof=1) / math.sqrt(len(areas))) if len(areas) > 1 else math.nan
    low, high = max(0.0, mean - LEVEL * error), min(1.0, mean + LEVEL * error)
    return Area(mean, low, high, bids, len(areas))


def _below(many: Floats, each: Floats) -> Floats:
    """How many of `many` are below each of `each`; equal values count half."""
    ordered = np.sort(many)
    return np.asarray((np.searchsorted(ordered, each, "left") + np.searchsorted(ordered, each, "right")) / 2)


def _spread(groups: int) -> float:
    return groups / (groups - 1) if groups > 1 else math.nan


def _between(area: float, error: float) -> Sequence[float]:
    """The ends of the interval. An AUC of 0 or 1, or of a single task, has none."""
    if not 0 < area < 1 or math.isnan(error):
        return math.nan, math.nan
    odds, wide = math.log(area / (1 - area)), LEVEL * error / (area * (1 - area))
    return tuple(1 / (1 + math.exp(-min(max(end, -50), 50))) for end in (odds - wide, odds + wide))
