"""What similar past tasks say of an agent: its share of them done well, shrunk towards its overall share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEAREST = 40
PRIOR = 2.0  # how many like tasks its overall share counts for


def experience(
    similarity: Any, outcomes: Any, *, k: int = NEAREST, prior: float = PRIOR, but_itself: bool = False
) -> Floats:
    """The share of the `k` most similar past tasks that each agent did, shape (tasks, agents), within 0..1.

    `similarity` is the cosine of each task to each past one, shape (tasks, past); a neighbour counts by
    its square. `outcomes` is 1 done, 0 failed, nan not tried, shape (past, agents). `but_itself`: the
    tasks are the past ones, and none is its own neighbour (leave one out). An agent that never tried
    anything is given one half.
    """
    near, done = np.asarray(similarity, dtype=float), np.asarray(outcomes, dtype=float)
    tried = ~np.isnan(done)
    count = tried.sum(axis=0)
    overall = np.where(count > 0, np.where(tried, done, 0).sum(axis=0) / np.maximum(count, 1), 0.5)
    if not done.shape[0] or (but_itself and done.shape[0] < 2):
        return np.tile(overall, (near.shape[0], 1))
    if but_itself:
        near = near.copy()
        np.fill_diagonal(near, -1.0)
    k = min(k, done.shape[0] - but_itself)
    found = np.argpartition(-near, k - 1, axis=1)[:, :k]
    weight = np.clip(np.take_along_axis(near, found, axis=1), 0.0, 1.0) ** 2
    weights = weight[:, :, None] * tried[found]
    hits = (weights * np.where(tried, done, 0)[found]).sum(axis=1)
    return np.asarray((hits + prior * overall) / (weights.sum(axis=1) + prior), dtype=float)


def settled(past: Sequence[tuple[float, bool]], right: int, tried: int, *, prior: float = PRIOR) -> float:
    """The same of one agent for one task, live: `past` is (cosine, whether it succeeded) of its nearest past tasks.

    `right` of the `tried` tasks that its overall share is taken from; that share is itself shrunk towards one
    half, as much as two tasks count, so that a first success proves little.
    """
    overall = (right + 1.0) / (tried + 2.0)
    weights = [max(0.0, similarity) ** 2 for similarity, _ in past]
    hits = sum(weight for weight, (_, well) in zip(weights, past, strict=True) if well)
    return (hits + prior * overall) / (sum(weights) + prior)
