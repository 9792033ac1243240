"""What one agent did on tasks like the one at hand: its plans, how its work ended, what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from edge_sale.memory import rows
from edge_sale.types import Past, Task

if TYPE_CHECKING:
    import apsw


def read(db: apsw.Connection, near: Iterable[tuple[float, int]], task: Task, agent: str) -> Iterator[Past]:
    """Of the auctions `near` (cosine, number), those that `agent` bid for or worked on, in their order."""
    for similarity, number in near:
        (id_,) = rows.one(db, "SELECT id FROM auctions WHERE number = ?", number)
        if id_ == task.id:
            continue
        bid = rows.select(
            db,
            "SELECT tokens, entropy, scores FROM bids WHERE auction = ? AND agent = ? ORDER BY rank LIMIT 1",
            number,
            agent,
        )
        outcome = rows.standing(db, number).get(agent)
        if not bid and outcome is None:
            continue
        tokens, entropy, scores = bid[0] if bid else (None, None, "{}")
        given = list(json.loads(scores).values())
        passed = outcome.right if outcome else None
        paid = rows.select(
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


LOOKED_AT = 64  # past tasks of an agent
LATELY = 2000  # newest outcomes, everybody's: bounded work however large the memory is


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an agent before it bids: (cosine, whether it was right) of near tasks, and of late."""

    near: tuple[tuple[float, bool], ...]
    right: int
    tried: int


def record(past: Iterable[Past], right: int, tried: int) -> Record:
    known = ((p.similarity, p.passed) for p in islice(past, LOOKED_AT))
    return Record(tuple((cosine, well) for cosine, well in known if well is not None), right, tried)


def lately(db: apsw.Connection) -> dict[str, tuple[int, int]]:
    """How many of each agent's newest outcomes were right, of how many that are known (`Outcome.right`)."""
    found: dict[str, tuple[int, int]] = {}
    for agent, right in rows.select(db, _LATELY, LATELY):
        if right is not None:
            before = found.get(agent, (0, 0))
            found[agent] = (before[0] + right, before[1] + 1)
    return found


_LATELY = """
SELECT agent, CASE WHEN verdict IS NOT NULL THEN verdict
                   WHEN verified = 0 OR status = 'failed' THEN 0
                   WHEN verified = 1 OR status = 'passed' THEN 1 END
FROM outcomes ORDER BY number DESC LIMIT ?
"""
