"""An agent's share of successes on similar past tasks, shrunk towards its share on all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEAREST = 40
PRIOR = 2.0  # the overall share counts as much as this many identical tasks


def experience(
    similarity: Any, outcomes: Any, *, k: int = NEAREST, prior: float = PRIOR, leave_one_out: bool = False
) -> Floats:
    """Each agent's shrunk share of successes on the `k` most similar past tasks, (tasks, agents), within 0..1.

    `similarity` is the cosine of each task to each past one, shape (tasks, past). A neighbour counts by its squared
    cosine. `outcomes` is 1 for success, 0 for failure and nan where the agent did not try, shape (past, agents).
    With `leave_one_out` the tasks are the past ones, and no task is its own neighbour. An agent that never tried
    anything gets one half.
    """
    near, done = np.asarray(similarity, dtype=float), np.asarray(outcomes, dtype=float)
    tried = ~np.isnan(done)
    count = tried.sum(axis=0)
    overall = np.where(count > 0, np.where(tried, done, 0).sum(axis=0) / np.maximum(count, 1), 0.5)
    if not done.shape[0] or (leave_one_out and done.shape[0] < 2):
        return np.tile(overall, (near.shape[0], 1))
    if leave_one_out:
        near = near.copy()
        np.fill_diagonal(near, -1.0)
    k = min(k, done.shape[0] - leave_one_out)
    found = np.argpartition(-near, k - 1, axis=1)[:, :k]
    weight = np.clip(np.take_along_axis(near, found, axis=1), 0.0, 1.0) ** 2
    weights = weight[:, :, None] * tried[found]
    hits = (weights * np.where(tried, done, 0)[found]).sum(axis=1)
    return np.asarray((hits + prior * overall) / (weights.sum(axis=1) + prior), dtype=float)


def settled(past: Sequence[tuple[float, bool]], right: int, tried: int, *, prior: float = PRIOR) -> float:
    """The same for one agent and one task. `past` holds (cosine, success) of its nearest past tasks.

    The overall share is `right` of `tried` tasks. It is itself shrunk towards one half, with the weight of two
    tasks, so that a first success proves little.
    """
    overall = (right + 1.0) / (tried + 2.0)
    weights = [max(0.0, similarity) ** 2 for similarity, _ in past]
    hits = sum(weight for weight, (_, well) in zip(weights, past, strict=True) if well)
    return (hits + prior * overall) / (sum(weights) + prior)
