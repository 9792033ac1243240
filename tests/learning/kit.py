"""Worlds of bids and outcomes whose truth is known, for what learns from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_sale.learning.table import Table
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Strategy

SHIPPED = Weights("shipped", 1, "by hand", {"price_length": 0.1, "entropy": 0.0}, juror=0.3)
PRICES = {"small": 0.02, "middle": 0.05, "large": 0.5}
LEVELS = {"small": -0.5, "middle": 0.0, "large": 1.5}


def world(
    tasks: int,
    seed: int = 0,
    *,
    draft: float = -2.0,
    jury: float = 0.0,
    bandit: bool = False,
    levels: Mapping[str, float] = LEVELS,
) -> Table:
    """Tasks on which a draft's entropy tells, with this slope, and the jury with that one; plan entropy never does.

    `bandit`: as in a user's memory, only one agent's outcome, drawn, is known of every task.
    """
    rng = np.random.default_rng(seed)
    agents = tuple(levels)
    bids: list[dict[str, Bid]] = []
    right, dollars = (np.full((tasks, len(agents)), np.nan) for _ in range(2))
    for n in range(tasks):
        found: dict[str, Bid] = {}
        known = rng.integers(len(agents)) if bandit else None
        for a, agent in enumerate(agents):
            entropy, score = float(rng.gamma(4.0, 0.25)), float(rng.uniform(0, 5))
            plan = Strategy("p", int(rng.integers(20, 80)), float(rng.uniform(0.5, 2.0)), {"draft_entropy": entropy})
            found[agent] = Bid(agent, PRICES[agent], plan, {"j": score, "k": float(rng.uniform(0, 5))})
            odds = levels[agent] + draft * (entropy - 1.0) + jury * (score - 2.5)
            well = float(rng.random() < 1 / (1 + np.exp(-odds)))
            if known in (None, a):
                right[n, a], dollars[n, a] = well, PRICES[agent] * 1e-4
        bids.append(found)
    return Table("world", agents, tuple(bids), right, dollars, tuple(f"t{n}" for n in range(tasks)))
