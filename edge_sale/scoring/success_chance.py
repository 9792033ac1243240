"""The chance that work succeeds, from the signals of its bid: a ridge logistic regression on outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RIDGE = 3.0  # on standardised signals: a weight takes a few hundred outcomes to grow
ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Chance:
    """Weights of standardised signals; `weights[0]` is the constant."""

    weights: Floats
    centre: Floats
    scale: Floats

    def of(self, signals: Any) -> Floats:
        """The chance of success for each row of signals, shape (rows,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-self._design(signals) @ self.weights)), dtype=float)

    def _design(self, signals: Any) -> Floats:
        rows = (np.asarray(signals, dtype=float) - self.centre) / self.scale
        return np.column_stack([np.ones(len(rows)), rows])


def fit(signals: Any, success: Any, *, ridge: float = RIDGE) -> Chance:
    """The most likely weights under a Gaussian prior, by Newton's method.

    `signals` has shape (outcomes, signals), `success` is 0 or 1. The constant is hardly shrunk, just enough to keep it
    finite where all outcomes are the same. A signal that never varies gets no weight.
    """
    rows, right = np.asarray(signals, dtype=float), np.asarray(success, dtype=float)
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    model = Chance(np.zeros(rows.shape[1] + 1), centre, scale)
    design = model._design(rows)
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 1e-3
    return Chance(most_likely(design, right, penalty), centre, scale)


def most_likely(design: Any, success: Any, penalty: Any, offset: Any = 0.0) -> Floats:
    """Weights w of log odds = offset + design @ w that are most likely under a Gaussian prior, by Newton's method.

    `design` has shape (outcomes, weights); `penalty` is a weight's precision under the prior, around 0.
    """
    rows, right = np.asarray(design, dtype=float), np.asarray(success, dtype=float)
    signs = np.where(right > 0, -1.0, 1.0)

    def loss(weights: Floats) -> float:
        """Minus the log posterior up to a constant; convex."""
        surprise = np.logaddexp(0.0, signs * (offset + rows @ weights)).sum()
        return float(surprise + (penalty * weights**2).sum() / 2)

    weights = np.zeros(rows.shape[1])
    now = loss(weights)
    for _ in range(ROUNDS):
        chance = sigmoid(offset + rows @ weights)
        slope = rows.T @ (chance - right) + penalty * weights
        bend = (rows.T * (chance * (1 - chance))) @ rows + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        while (then := loss(weights - step)) > now and np.abs(step).max() > 1e-9:
            step = step / 2  # far from the optimum a whole step overshoots
        weights, now = weights - step, min(then, now)
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(weights, dtype=float)


def sigmoid(odds: Any) -> Floats:
    """The chance with these log odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0))), dtype=float)


def log_odds(chance: Any) -> Floats:
    """log p / (1 - p), with p kept within 0.02..0.98 so that no single signal decides alone."""
    p = np.clip(np.asarray(chance, dtype=float), 0.02, 0.98)
    return np.asarray(np.log(p / (1 - p)), dtype=float)
