"""Result lines of a runs file, from live auctions and from agents that worked alone."""

from __future__ import annotations

from typing import Any

from edge_sale.auction.ledger import Sum
from edge_sale.auction.market import Sale
from edge_sale.evaluation.grading import Question
from edge_sale.types import Outcome, Scored

KEPT = 2000  # characters of an answer or a plan
NO_AGENT = "nobody"  # in `tried`, where no agent bid


def result_line(
    question: Question,
    method: str,
    order: int,
    tried: list[str],
    right: bool,
    work: Sum,
    auction: Sum,
    *,
    score: float = 0.0,
    note: str = "",
) -> dict[str, Any]:
    """What came of one task: who worked, whether the answer is right, and what work and auction spent."""
    line = {
        "kind": "result",
        "method": method,
        "order": order,
        "task": question.item.task.id,
        "bin": question.item.bin,
        "tried": tried,
        "success": right,
        "score": round(score, 4),
        "tokens": work.tokens,
        "dollars": work.dollars,
        "seconds": round(work.seconds, 4),
        "auction": [auction.tokens, auction.dollars, round(auction.seconds, 4)],
        "bids": [],
    }
    return {**line, "note": note} if note else line


def who_tried(sale: Sale, outcome: Outcome) -> list[str]:
    """The agents that worked, in order; the one whose answer counts comes last."""
    tried = dict.fromkeys(entry.who for entry in sale.ledger.entries if entry.purpose in ("work", "escalate"))
    return [*(who for who in tried if who != outcome.agent), outcome.agent]


def bid_of(scored: Scored, *, all_signals: bool = True) -> dict[str, Any]:
    """A live bid as it stands in a result line."""
    bid = scored.bid
    extra = bid.strategy.signals if all_signals else {}
    return {
        "agent": bid.agent,
        "phase": bid.phase,
        "price": bid.price,
        "tokens": bid.strategy.tokens,
        "cost": round(scored.cost, 5),
        "value": round(scored.value, 5),
        "right": None,
        "signals": {"entropy": round(bid.strategy.entropy, 4), **extra},
        "plan": bid.strategy.text[:KEPT],
        "scores": {name: round(x, 3) for name, x in bid.scores.items()},
    }
