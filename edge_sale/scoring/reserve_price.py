"""The reserve price: what a bid must reach to stand, so that specialists say no to what is not their trade.

reach = 1 / (1 + exp(-(constant + sum of w_k * signal_k))), the fitted chance that the task is of the trade of
those who are held to it, read off the bid alone, before any juror is asked. `scoring/success_chance.py` fits it,
on tasks of the trade and on others; the weights file says on which, and both error rates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_sale.scoring.signals import SIGNALS
from edge_sale.types import Bid

FAR = 50.0  # of the exponent: beyond it the chance is 0 or 1 in a float


@dataclass(frozen=True, slots=True)
class ReservePrice:
    """`agents` are held to it, nobody else; a bid that reaches less than `least` (0..1) does not stand."""

    least: float
    constant: float
    signals: Mapping[str, float]
    agents: tuple[str, ...]
    about: str = ""
    errors: Mapping[str, float] = field(default_factory=dict)  # shares refused of the trade, let in of the rest

    def reached(self, bid: Bid) -> float:
        """How far the bid comes, 0..1; 1 for an agent that is not held to it."""
        if bid.agent not in self.agents:
            return 1.0
        x = self.constant + sum(weight * (SIGNALS[name].of(bid) or 0.0) for name, weight in self.signals.items())
        return 1.0 / (1.0 + math.exp(-max(-FAR, min(FAR, x))))

    def refuses(self, bid: Bid) -> str:
        """Why the bid does not stand; empty where it does."""
        reached = self.reached(bid)
        return (
            ""
            if reached >= self.least
            else f"not its trade: reaches {reached:.2f}, the reserve price is {self.least:.2f}"
        )
