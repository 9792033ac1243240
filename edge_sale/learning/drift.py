"""Drift: whether fitted weights still predict the outcomes that came after the fit, and how far off they are.

Weights fitted to outcomes predict a chance of success for every bid. From the outcomes since the fit, for each agent:

    off_a   the shift in log odds that makes these outcomes most likely, under a Gaussian prior around 0 with the
            weight of PRIOR outcomes (recalibration adds it to the agent's constant)
    e_a     the evidence for drift: the likelihood ratio of a shift against none, averaged over shifts from N(0, 1).
            While the predictions hold, the chance that e ever reaches 1 / ALARM is at most ALARM, however often
            it is computed (Ville's inequality).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_sale.learning.table import Floats, Table
from edge_sale.scoring.success_chance import sigmoid
from edge_sale.scoring.weights import Own, Weights

PRIOR = 10.0  # outcomes at even odds; each adds 1/4 to the curvature
ALARM = 0.01
SHIFTS = np.linspace(-4.0, 4.0, 81)


@dataclass(frozen=True, slots=True)
class Drift:
    """One agent's outcomes since the fit beside what was predicted."""

    agent: str
    tried: int
    right: int
    expected: float  # how many were predicted to be right
    shift: float  # log odds
    evidence: float  # e, capped at 1e12

    @property
    def drifted(self) -> bool:
        return self.evidence >= 1 / ALARM

    @property
    def words(self) -> str:
        return f"{self.agent}: {self.right} of {self.tried} right where {self.expected:.1f} were expected"


def drift_of(table: Table, weights: Weights) -> list[Drift]:
    """The drift of every agent with outcomes in `table`. `weights` must predict log odds (`odds`)."""
    _, value = table.sides(weights)
    found = []
    for place, agent in enumerate(table.agents):
        known = ~np.isnan(table.right[:, place])
        if known.any():
            found.append(_of(agent, value[known, place], table.right[known, place]))
    return found


def recalibrated(weights: Weights, drifts: Sequence[Drift]) -> Weights:
    """The weights with each agent's constant moved by its shift."""
    own = dict(weights.agents)
    for drift in drifts:
        before = own.get(drift.agent, Own())
        own[drift.agent] = replace(before, constant=before.constant + drift.shift)
    return replace(weights, agents=own)


def _of(agent: str, odds: Floats, right: Floats) -> Drift:
    shift = 0.0
    for _ in range(50):  # Newton on a concave log posterior of one number
        chance = sigmoid(odds + shift)
        slope = float((right - chance).sum()) - PRIOR / 4 * shift
        bend = float((chance * (1 - chance)).sum()) + PRIOR / 4
        step = max(-2.0, min(2.0, slope / bend))
        shift += step
        if abs(step) < 1e-9:
            break
    return Drift(agent, len(right), int(right.sum()), float(sigmoid(odds).sum()), shift, _evidence(odds, right))


def _evidence(odds: Floats, right: Floats) -> float:
    shifted = odds[None, :] + SHIFTS[:, None]
    # log likelihood of each shift: log p = -log(1 + exp(-x)) for right, with the sign turned for wrong
    signed = np.where(right > 0, shifted, -shifted)
    base = np.where(right > 0, odds, -odds)
    gain = (np.logaddexp(0.0, -base) - np.logaddexp(0.0, -signed)).sum(axis=1)
    weight = np.exp(-(SHIFTS**2) / 2)
    total = np.logaddexp.reduce(gain + np.log(weight / weight.sum()))
    return float(np.exp(min(float(total), np.log(1e12))))
