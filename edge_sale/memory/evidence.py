"""Read what an agent did on tasks like the current one: its plans, how its work ended, what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from edge_sale.memory import rows
from edge_sale.sqlite.query import one, select
from edge_sale.types import Past, Task

if TYPE_CHECKING:
    import apsw


def past_of(db: apsw.Connection, near: Iterable[tuple[float, int]], task: Task, agent: str) -> Iterator[Past]:
    """Yield what `agent` did in those of the auctions `near` (cosine, number) that it took part in, in their order."""
    for similarity, number in near:
        (id_,) = one(db, "SELECT id FROM auctions WHERE number = ?", number)
        if id_ == task.id:
            continue
        bid = select(
            db,
            "SELECT tokens, entropy, scores FROM bids WHERE auction = ? AND agent = ? ORDER BY rank LIMIT 1",
            number,
            agent,
        )
        outcome = rows.newest_outcomes(db, number).get(agent)
        if not bid and outcome is None:
            continue
        tokens, entropy, scores = bid[0] if bid else (None, None, "{}")
        given = list(json.loads(scores).values())
        passed = outcome.right if outcome else None
        paid = select(
            db,
            "SELECT sum((tokens_in + tokens_out) * price) / sum(tokens_in + tokens_out) FROM entries"
            " WHERE auction = ? AND who = ? AND purpose IN ('escalate', 'work')"
            " HAVING sum(tokens_in + tokens_out) > 0",
            number,
            agent,
        )
        yield Past(
            similarity,
            passed,
            sum(given) / len(given) if given else None,
            tokens,
            entropy,
            float(paid[0][0]) if paid else None,
        )


MAX_PAST = 64  # past tasks of an agent that are read
RECENT = 2000  # newest outcomes of all agents that are read, however large the memory is


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """How well an agent did: (cosine, whether it was right) for similar tasks, and counts over recent tasks."""

    near: tuple[tuple[float, bool], ...]
    right: int  # of `tried` recent outcomes that are known
    tried: int


def track_record(past: Iterable[Past], right: int, tried: int) -> TrackRecord:
    """Combine an agent's similar past tasks and its recent counts."""
    known = ((p.similarity, p.passed) for p in islice(past, MAX_PAST))
    return TrackRecord(tuple((cosine, passed) for cosine, passed in known if passed is not None), right, tried)


def recent_counts(db: apsw.Connection) -> dict[str, tuple[int, int]]:
    """Return for each agent how many of its recent outcomes were right, and how many are known (`Outcome.right`)."""
    found: dict[str, tuple[int, int]] = {}
    for agent, right in select(db, _RECENT, RECENT):
        if right is not None:
            before = found.get(agent, (0, 0))
            found[agent] = (before[0] + right, before[1] + 1)
    return found


_RECENT = """
SELECT agent, CASE WHEN verdict IS NOT NULL THEN verdict
                   WHEN verified = 0 OR status = 'failed' THEN 0
                   WHEN verified = 1 OR status = 'passed' THEN 1 END
FROM outcomes ORDER BY number DESC LIMIT ?
"""
