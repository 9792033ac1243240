"""Bids and outcomes as arrays: the signals of every bid, and whether its work was right.

Axes: N tasks, A agents. nan means unknown. Of an agent that bid twice the table has the bid that was worked on, or else
the one that asked less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_sale.auction.ledger import AUCTION, total
from edge_sale.memory.history import Auction
from edge_sale.scoring.experience import experience
from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """Bids and outcomes. `vectors` are the tasks' unit vectors, where experience is computed from them."""

    name: str
    agents: tuple[str, ...]
    bids: tuple[Mapping[str, Bid], ...]  # a task's bids by agent
    right: Floats  # (N, A): 1 right, 0 wrong
    dollars: Floats  # (N, A): of the work
    tasks: tuple[str, ...] = ()  # ids
    newest: str = ""  # when the last of the tasks was auctioned
    vectors: Floats | None = None  # (N, D)
    columns: dict[str, Floats] = field(
        default_factory=dict, repr=False, compare=False
    )  # signals read off the bids so far

    @property
    def outcomes(self) -> int:
        return int((~np.isnan(self.right)).sum())

    @property
    def complete(self) -> bool:
        """Whether the outcome of every agent on every task is known, as in recorded runs."""
        return not np.isnan(self.right).any()

    def part(self, places: Places | Sequence[int]) -> Table:
        """The same with these tasks only, in this order."""
        chosen = [int(place) for place in places]
        vectors = None if self.vectors is None else self.vectors[chosen]
        return replace(
            self,
            bids=tuple(self.bids[i] for i in chosen),
            right=self.right[chosen],
            dollars=self.dollars[chosen],
            tasks=tuple(self.tasks[i] for i in chosen),
            vectors=vectors,
            columns={name: column[chosen] for name, column in self.columns.items()},
        )

    def of(self, agents: Sequence[str]) -> Table:
        """The same with these agents only; tasks for which none of them bid are left out."""
        columns = [self.agents.index(agent) for agent in agents]
        kept = [i for i, bids in enumerate(self.bids) if any(agent in bids for agent in agents)]
        table = self.part(kept)
        return replace(
            table,
            agents=tuple(agents),
            right=table.right[:, columns],
            dollars=table.dollars[:, columns],
            bids=tuple({a: bids[a] for a in agents if a in bids} for bids in table.bids),
            columns={},
        )

    def signal(self, name: str) -> Floats:
        """A signal of the table SIGNALS in every bid, (N, A)."""
        return self._kept(name, SIGNALS[name].of)

    def score(self, juror: str) -> Floats:
        """A juror's score of every plan, (N, A)."""
        return self._kept(f"juror {juror}", lambda bid: bid.scores.get(juror))

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which agents bid for which tasks, (N, A)."""
        return ~np.isnan(self.signal("price"))

    def _kept(self, name: str, of: Callable[[Bid], float | None]) -> Floats:
        if name not in self.columns:
            found = np.full(self.right.shape, np.nan)
            for row, bids in zip(found, self.bids, strict=True):
                for place, agent in enumerate(self.agents):
                    if agent in bids and (value := of(bids[agent])) is not None:
                        row[place] = value
            self.columns[name] = found
        return self.columns[name]

    @cached_property
    def jurors(self) -> list[str]:
        """All jurors that scored a plan of this table."""
        return sorted({juror for bids in self.bids for bid in bids.values() for juror in bid.scores})

    def sides(self, weights: Weights) -> tuple[Floats, Floats]:
        """C and V of every bid as `scorer.appraise` has them, (N, A); C is infinite where there is no bid.

        A juror that was not asked about a plan, because it could not have changed the winner, counts with its average
        score.
        """
        cost, value = np.zeros(self.right.shape), np.zeros(self.right.shape)
        for place, agent in enumerate(self.agents):
            own = weights.of(agent)
            value[:, place] += own.constant
            for name, weight in own.signals.items():
                if weight:
                    found = self.signal(name)[:, place]
                    side = cost if SIGNALS[name].side == "cost" else value
                    side[:, place] += weight * np.where(np.isnan(found), weights.usual.get(name, 0.0), found)
        for juror in self.jurors:
            if weight := weights.of_juror(juror):
                scores = self.score(juror)
                value += weight * np.where(np.isnan(scores), np.nanmean(scores), scores)
        return np.where(self.present, cost, np.inf), value

    def digest(self) -> str:
        """A digest that tells whether weights were fitted to the same numbers. It reveals nothing of the tasks."""
        digest = hashlib.sha256(repr((self.agents, self.tasks)).encode())
        digest.update(self.right.tobytes())
        for bids in self.bids:
            numbers = [(agent, bid.price, bid.strategy.tokens, bid.strategy.entropy) for agent, bid in bids.items()]
            digest.update(repr(sorted(numbers)).encode())
        return digest.hexdigest()[:16]


def experienced(table: Table, past: Table) -> Table:
    """`table` with each agent's experience from `past`, which may be the table itself, as a signal of its bids.

    Without vectors the bids keep the experience that they were made with.
    """
    if table.vectors is None or past.vectors is None:
        return table
    near = np.asarray(table.vectors @ past.vectors.T, dtype=float)
    share = np.clip(experience(near, past.right, leave_one_out=table is past), 0.02, 0.98)
    odds = np.where(table.present, np.log(share / (1 - share)), np.nan)
    return replace(table, columns={**table.columns, "experience": odds})


def from_history(auctions: Iterable[Auction], pool: str = "") -> Table:
    """The recorded auctions of one pool or of all, oldest first. Work that was not done has no outcome."""
    kept = [one for one in auctions if not pool or one.run.get("pool") in (None, "", pool)]
    agents = tuple(dict.fromkeys(scored.bid.agent for one in kept for scored in one.award.ranked))
    right, dollars = (np.full((len(kept), len(agents)), np.nan) for _ in range(2))
    bids: list[dict[str, Bid]] = []
    for n, auction in enumerate(kept):
        best: dict[str, Bid] = {}
        for scored in auction.award.ranked:
            best.setdefault(scored.bid.agent, scored.bid)
        winner = auction.award.winner.bid
        bids.append({**best, winner.agent: winner})
        for outcome in auction.outcomes:  # an agent's last one stands
            if outcome.agent in agents and outcome.right is not None:
                right[n, agents.index(outcome.agent)] = outcome.right
        for agent in {outcome.agent for outcome in auction.outcomes} & set(agents):
            spent = total(e for e in auction.entries if e.who == agent and e.purpose not in AUCTION)
            dollars[n, agents.index(agent)] = spent.dollars
    newest = max((one.at for one in kept), default=None)
    return Table(
        "memory",
        agents,
        tuple(bids),
        right,
        dollars,
        tuple(one.id for one in kept),
        newest.isoformat(timespec="seconds") if newest else "",
    )
