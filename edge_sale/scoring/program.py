"""The paper's fitting of the weights (SALE, arXiv 2602.02751): min over w, x of the largest z_t.

z_t is C - V of the agent that x chooses for training task t. As published nothing bounds w (w = 0, or an
unbounded w, is optimal), so here every signal is scaled to 0..1 over the training bids, w lies on the
simplex (each w_k in [0, 1], sum 1), and x may choose only among agents that solved t, or any where none
did. Given w the best x is the least C - V, so what is left is a search over the simplex: a full grid,
then halving steps around its best point. It finds the grid's optimum, not a proof of the integer program's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 20  # of the grid, along each edge of the simplex
HALVINGS = 4


def fit(signs: Any, solved: Any, how: Literal["minmax", "average"] = "minmax") -> Floats:
    """Weights on the simplex, shape (signals,).

    `signs` are the signals of each training bid with their sign in C - V (a cost positive, a value
    negative), scaled to -1..1, shape (tasks, agents, signals); `solved` is boolean, (tasks, agents).
    "average" minimises the mean of z_t instead of its maximum.
    """
    bids, allowed = np.asarray(signs, dtype=float), np.asarray(solved, dtype=bool)
    allowed = allowed | ~allowed.any(axis=1, keepdims=True)
    total = np.max if how == "minmax" else np.mean

    def loss(weights: Floats) -> float:
        return float(total(np.where(allowed, bids @ weights, np.inf).min(axis=1)))

    best = min(_grid(bids.shape[2], STEPS), key=loss)
    step = 1.0 / STEPS
    for _ in range(HALVINGS):
        step /= 2
        best = min([best, *_around(best, step)], key=loss)
    return best


def _grid(signals: int, steps: int) -> Iterator[Floats]:
    """Every point of the simplex whose parts are multiples of 1 / steps (fewer with more than 4 signals)."""
    steps = steps if signals <= 4 else max(2, 24 // signals)

    def parts(left: int, places: int) -> Iterator[tuple[int, ...]]:
        if places == 1:
            yield (left,)
            return
        for first in range(left + 1):
            yield from ((first, *rest) for rest in parts(left - first, places - 1))

    for part in parts(steps, signals):
        yield np.array(part, dtype=float) / steps


def _around(point: Floats, step: float) -> Iterator[Floats]:
    """The point with `step` moved from one weight to another, each way that stays on the simplex."""
    for giver in range(len(point)):
        for taker in range(len(point)):
            if giver != taker and point[giver] >= step:
                moved = point.copy()
                moved[giver] -= step
                moved[taker] += step
                yield moved
