"""`edge-sale bench own`: rank the user's recorded auctions again under other weights. No model runs.

A recorded auction holds every bid with its scores, so other weights say at once which bid would have won. What
the new winner's work would have cost, and whether it would have been right, is unknown. Both are estimated from that
agent's record, and called estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_sale.auction.ledger import AUCTION, total
from edge_sale.memory.history import Auction
from edge_sale.scoring.experience import experience
from edge_sale.scoring.scorer import rank
from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Weights

THRIFT = (0.0, 0.25, 0.5, 2.0, 4.0, 16.0)


@dataclass(frozen=True, slots=True)
class Shadow:
    """The outcome under other weights. Dollars and passes of changed auctions are estimates."""

    weights: str
    auctions: int
    changed: int  # auctions with another winner
    dollars: float  # of work, all auctions
    saved: float  # compared with what was spent
    passes: float  # expected right answers among auctions whose work was checked
    gained: float  # compared with those that did pass
    checked: int  # auctions whose work has a verdict


def shadows(auctions: Sequence[Auction], weights: Sequence[Weights]) -> list[Shadow]:
    """A Shadow for each set of weights, over the auctions whose work was done."""
    done = [one for one in auctions if one.outcome is not None]
    means, chances = _means(done), _chances(done)
    return [_shadow(done, one, means, chances) for one in weights]


def variants(weights: Weights) -> list[Weights]:
    """The weights as they are, and with lighter or heavier cost signals."""
    changed = [
        replace(weights, name=f"{weights.name}, cost × {factor:g}", signals=_with_cost(weights, factor))
        for factor in THRIFT
    ]
    return [weights, *changed]


def _with_cost(weights: Weights, factor: float) -> Mapping[str, float]:
    return {n: w * (factor if SIGNALS[n].side == "cost" else 1.0) for n, w in weights.signals.items()}


def _shadow(
    done: Sequence[Auction], weights: Weights, means: Mapping[str, float], chances: Mapping[str, float]
) -> Shadow:
    changed, spent, would_cost, passed, expected, checked = 0, 0.0, 0.0, 0, 0.0, 0
    for auction in done:
        old, paid = auction.award.winner.bid.agent, _work(auction)
        new = rank([scored.bid for scored in auction.award.ranked], weights)[0].bid.agent
        changed += new != old
        spent += paid
        would_cost += paid if new == old else means.get(new, paid)
        verdict = _verdict(auction)
        if verdict is not None:
            checked += 1
            passed += verdict
            expected += float(verdict) if new == old else chances.get(new, 0.5)
    return Shadow(
        weights.name, len(done), changed, would_cost, spent - would_cost, expected, expected - passed, checked
    )


def _work(auction: Auction) -> float:
    return total(entry for entry in auction.entries if entry.purpose not in AUCTION).dollars


def _verdict(auction: Auction) -> bool | None:
    assert auction.outcome is not None
    return auction.outcome.right


def _means(done: Sequence[Auction]) -> dict[str, float]:
    """Mean dollars of each agent's work, for agents that have worked."""
    costs: dict[str, list[float]] = {}
    for auction in done:
        costs.setdefault(auction.award.winner.bid.agent, []).append(_work(auction))
    return {agent: float(np.mean(paid)) for agent, paid in costs.items()}


def _chances(done: Sequence[Auction]) -> dict[str, float]:
    """Each agent's share of checked work that passed, shrunk towards the share of all agents."""
    judged = [(one.award.winner.bid.agent, verdict) for one in done if (verdict := _verdict(one)) is not None]
    agents = sorted({scored.bid.agent for one in done for scored in one.award.ranked})
    if not judged:
        return {}
    everybody = float(np.mean([verdict for _, verdict in judged]))
    outcomes = np.array([[float(v) if agent == name else np.nan for name in agents] for agent, v in judged])
    prior = np.tile(everybody, (2, len(agents)))  # as if each agent had done two tasks with everybody's share
    same = np.ones((1, len(judged) + 2))
    found = experience(same, np.vstack([outcomes, prior]), k=len(judged) + 2, prior=0.0)[0]
    return dict(zip(agents, found.tolist(), strict=True))
