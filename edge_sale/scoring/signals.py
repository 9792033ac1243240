"""The signals of a bid: a table of named numbers that can be read off it. A new signal is one entry.

Some signals are in every bid. Others cost a request, so a bid carries them only where that is asked for
(`[auction] extra_signals` in config.toml, or weights that read them). Experience is there where memory is on. A signal
that a bid does not carry is None, and its usual value counts instead (`Weights.usual`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge_sale.types import Bid

TOP = 5.0  # the highest score of a juror
MOST_ENTROPY = 14.0  # nats: log of 1.2 million, more tokens than any vocabulary has
MOST_ODDS = math.log(0.98 / 0.02)  # shares are kept within 0.02..0.98, so that no single signal decides alone

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Signal:
    """A number read off a bid, and whether it counts as cost or as value.

    `span` gives the range of the signal for a bid at a price, before anything else of the bid is known. Lazy clearing
    relies on it, so an unbounded end is infinite. `jury`: the signal depends on the jurors' scores, so it can still
    take any value in its span while scores are missing. `carried`: the extra signal that a bid must be asked to carry
    (see `agents.extra_signals`). `alike`: another signal says the same, so this one is not fitted.
    """

    side: Literal["cost", "value"]
    of: Callable[[Bid], float | None]
    about: str
    span: Callable[[float], Span]
    jury: bool = False
    carried: str = ""
    alike: bool = False


def carried_signal(name: str) -> Callable[[Bid], float | None]:
    """Read the extra signal with this name."""
    return lambda bid: bid.strategy.signals.get(name)


def within(low: float, high: float) -> Callable[[float], Span]:
    """The same span at any price."""
    return lambda price: (low, high)


def odds(bid: Bid) -> float | None:
    """log p / (1 - p) of the experience that the bid carries."""
    share = bid.strategy.signals.get("experience")
    return None if share is None else log_odds(share)


def log_odds(share: float) -> float:
    """log p / (1 - p), with p kept within 0.02..0.98."""
    p = min(0.98, max(0.02, share))
    return math.log(p / (1 - p))


def agreement(bid: Bid) -> float | None:
    """Minus the standard deviation of the jurors' scores; None with fewer than two."""
    scores = list(bid.scores.values())
    if len(scores) < 2:
        return None
    mean = math.fsum(scores) / len(scores)
    return -math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / len(scores))


SIGNALS: dict[str, Signal] = {
    "price_length": Signal(
        "cost",
        lambda bid: bid.price * bid.strategy.tokens,
        "price times plan length: dollars per million tokens x tokens (SALE, cost)",
        within(0.0, math.inf),
    ),
    "price": Signal(
        "cost", lambda bid: bid.price, "price alone, dollars per million tokens", lambda price: (price, price)
    ),
    "length": Signal(
        "cost", lambda bid: bid.strategy.tokens / 100, "plan length, hundreds of tokens", within(0.0, math.inf)
    ),
    "brevity": Signal(
        "value",
        lambda bid: -bid.strategy.tokens / 100,
        "plan length with its sign turned: what it says about the outcome, rather than what it costs",
        within(-math.inf, 0.0),
        alike=True,
    ),
    "entropy": Signal(
        "value",
        lambda bid: bid.strategy.entropy,
        "mean per-token entropy of the plan, nats (SALE, value)",
        within(0.0, MOST_ENTROPY),
    ),
    "certainty": Signal(
        "value",
        lambda bid: -bid.strategy.entropy,
        "entropy with its sign turned, for models whose certain plans are the good ones",
        within(-MOST_ENTROPY, 0.0),
        alike=True,
    ),
    "logprob": Signal(
        "value", carried_signal("logprob"), "mean log p of the plan's own tokens, nats", within(-math.inf, 0.0)
    ),
    "draft_entropy": Signal(
        "value",
        carried_signal("draft_entropy"),
        "mean per-token entropy of the first tokens of the work, nats",
        within(0.0, MOST_ENTROPY),
        carried="draft",
    ),
    "draft_logprob": Signal(
        "value",
        carried_signal("draft_logprob"),
        "mean log p of the first tokens of the work, nats",
        within(-math.inf, 0.0),
        carried="draft",
    ),
    "familiarity": Signal(
        "value",
        carried_signal("familiarity"),
        "mean log p of the task's words under the agent, nats a token: unfamiliar tasks are beyond its trade",
        within(-math.inf, 0.0),
        carried="familiarity",
    ),
    "recoverability": Signal(
        "value",
        carried_signal("recoverability"),
        "how much of the task the agent itself recovers from its plan, 0..5 (see auction/judging.py)",
        within(0.0, TOP),
        carried="recoverability",
    ),
    "likert": Signal(
        "value",
        carried_signal("likert"),
        "the agent's own answer to the paper's question about its plan, 0..5",
        within(0.0, TOP),
        carried="likert",
    ),
    "agreement": Signal(
        "value",
        agreement,
        "how much the jurors agree: minus the standard deviation of their scores",
        within(-TOP / 2, 0.0),
        jury=True,
    ),
    "experience": Signal(
        "value",
        odds,
        "log odds of the agent's success on the nearest past tasks, shrunk to its overall rate",
        within(-MOST_ODDS, MOST_ODDS),
    ),
    "chance": Signal(
        "value",
        carried_signal("chance"),
        "a chance of success given to the bid from outside, 0..1 (recorded bids: see evaluation/replay.py)",
        within(0.0, 1.0),
        alike=True,
    ),
}
