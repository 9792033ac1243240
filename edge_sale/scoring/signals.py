"""What can be read off a bid: a table of named signals. A new one is one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge_sale.types import Bid

MOST_ENTROPY = 14.0  # nats: log of 1.2 million, more tokens than any vocabulary has


@dataclass(frozen=True, slots=True)
class Signal:
    """A number read off a bid, and whether it counts as cost or as value.

    `best` is the most favourable it can be for a bid at a price before its plan is known; where there
    is none, a bid under this signal is always asked for.
    """

    side: Literal["cost", "value"]
    of: Callable[[Bid], float]
    about: str
    best: Callable[[float], float] | None = None


SIGNALS: dict[str, Signal] = {
    "price_length": Signal(
        "cost",
        lambda bid: bid.price * bid.strategy.tokens,
        "price times plan length: dollars per million tokens x tokens (SALE, cost)",
        best=lambda price: 0.0,
    ),
    "price": Signal(
        "cost",
        lambda bid: bid.price,
        "price alone, dollars per million tokens",
        best=lambda price: price,
    ),
    "length": Signal(
        "cost",
        lambda bid: bid.strategy.tokens / 100,
        "plan length, hundreds of tokens",
        best=lambda price: 0.0,
    ),
    "entropy": Signal(
        "value",
        lambda bid: bid.strategy.entropy,
        "mean per-token entropy of the plan, nats (SALE, value)",
        best=lambda price: MOST_ENTROPY,
    ),
    "certainty": Signal(
        "value",
        lambda bid: -bid.strategy.entropy,
        "the entropy with its sign turned, for models whose sure plans are the good ones",
        best=lambda price: 0.0,
    ),
    "familiarity": Signal(
        "value",
        lambda bid: bid.strategy.signals.get("familiarity", 0.0),
        "mean log p of the task's own text under the agent, nats a token: what is strange to it is below its trade",
    ),
    "chance": Signal(
        "value",
        lambda bid: bid.strategy.signals.get("chance", 0.0),
        "the fitted chance that the agent's work on this task succeeds, 0..1 (see scoring/chance.py)",
    ),
}
