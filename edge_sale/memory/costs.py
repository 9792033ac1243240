"""Compare what the recorded tasks cost with what they would have cost at a remote."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_sale.memory.history import History
from edge_sale.remote.config import Remote
from edge_sale.sqlite.query import select

CHARACTERS_A_TOKEN = 4  # about: to estimate what the remote would have counted for task and answer


@dataclass(frozen=True, slots=True)
class CostComparison:
    """Sums over all recorded tasks, in dollars. `everything`: all of them at the remote; None if there is no remote."""

    tasks: int
    escalated: int
    auction: float
    local: float  # work by local agents; --json prints it under this name
    remote: float
    everything: float | None

    @property
    def saved(self) -> float:
        """What the remote alone would have cost, minus all that was spent, auctions included."""
        return (self.everything or 0.0) - self.auction - self.local - self.remote

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "saved": None if self.everything is None else self.saved}


def compare(memory: Path, remote: Remote | None) -> CostComparison:
    """Sum up the recorded tasks that were executed. Raises MemoryFault."""
    with History.open(memory).view() as db:
        found = [] if db is None else select(db, _SUMS)
    everything = 0.0
    for task, answer, _, _, _, read, written in found:
        if remote and written:  # a remote did the work: use its own count
            everything += remote.cost(read, written)
        elif remote:
            everything += remote.cost(task // CHARACTERS_A_TOKEN + 1, answer // CHARACTERS_A_TOKEN + 1)
    return CostComparison(
        tasks=len(found),
        escalated=sum(1 for row in found if row[6]),
        auction=sum(row[2] for row in found),
        local=sum(row[3] for row in found),
        remote=sum(row[4] for row in found),
        everything=everything if remote else None,
    )


_SUMS = """
SELECT length(a.text), length(o.answer),
       coalesce(sum(e.tokens * e.price) FILTER (WHERE e.purpose IN ('bid', 'judge', 'refine', 'embed')), 0.0) / 1e6,
       coalesce(sum(e.tokens * e.price) FILTER (WHERE e.purpose = 'work'), 0.0) / 1e6,
       coalesce(sum(e.tokens * e.price) FILTER (WHERE e.purpose = 'escalate'), 0.0) / 1e6,
       coalesce(sum(e.tokens_in) FILTER (WHERE e.purpose = 'escalate'), 0),
       coalesce(sum(e.tokens_out) FILTER (WHERE e.purpose = 'escalate'), 0)
FROM auctions a
JOIN outcomes o ON o.number = (SELECT max(number) FROM outcomes WHERE auction = a.number)
LEFT JOIN (SELECT *, tokens_in + tokens_out AS tokens FROM entries) e ON e.auction = a.number
GROUP BY a.number
"""
