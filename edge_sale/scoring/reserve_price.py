"""The reserve price: the least that a bid must reach, so that specialists refuse tasks outside their trade.

reach = 1 / (1 + exp(-(constant + sum of w_k * signal_k))), the fitted chance that the task is of the
specialists' trade. It is read off the bid alone, before any juror is asked. `scoring/success_chance.py` fits it to
tasks of the trade and to others. The weights file names those tasks and gives both error rates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_sale.scoring.signals import SIGNALS
from edge_sale.types import Bid

MOST_EXPONENT = 50.0  # beyond it the chance is 0 or 1 in a float


@dataclass(frozen=True, slots=True)
class ReservePrice:
    """A bid of one of `agents` that reaches less than `least` (0..1) is refused. Bids of other agents are not."""

    least: float
    constant: float
    signals: Mapping[str, float]
    agents: tuple[str, ...]
    about: str = ""
    errors: Mapping[str, float] = field(
        default_factory=dict
    )  # error rates: shares of the trade refused, of other tasks let in

    def reached(self, bid: Bid) -> float:
        """The chance that the bid reaches, 0..1; 1 for an agent that the reserve price does not apply to."""
        if bid.agent not in self.agents:
            return 1.0
        x = self.constant + sum(weight * (SIGNALS[name].of(bid) or 0.0) for name, weight in self.signals.items())
        return 1.0 / (1.0 + math.exp(-max(-MOST_EXPONENT, min(MOST_EXPONENT, x))))

    def refuses(self, bid: Bid) -> str:
        """Why the bid is refused; empty where it is not."""
        reached = self.reached(bid)
        return (
            ""
            if reached >= self.least
            else f"not its trade: reaches {reached:.2f}, the reserve price is {self.least:.2f}"
        )
