"""What one agent did on tasks like the one at hand: its plans, how its work ended, what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edge_sale.memory import rows
from edge_sale.memory.recall import SIMILAR
from edge_sale.types import Past, Task

if TYPE_CHECKING:
    import apsw

TAKEN_PART = """
SELECT distance, rowid FROM vectors WHERE embedding MATCH ? AND k = ? AND rowid IN (
  SELECT auction FROM bids WHERE agent = ? UNION SELECT auction FROM outcomes WHERE agent = ?)
"""


def past(db: apsw.Connection, vector: bytes, task: Task, agent: str, k: int) -> list[Past]:
    """At most `k` tasks that `agent` bid for or worked on, the most similar first."""
    found = rows.select(db, TAKEN_PART, vector, k, agent, agent)
    near = ((1 - distance, number) for distance, number in sorted(found) if 1 - distance >= SIMILAR)
    return list(_read(db, near, task, agent))


def _read(
    db: apsw.Connection, near: Iterable[tuple[float, int]], task: Task, agent: str
) -> Iterable[Past]:
    for similarity, number in near:
        (id_,) = rows.one(db, "SELECT id FROM auctions WHERE number = ?", number)
        if id_ == task.id:
            continue
        bid = rows.select(
            db, "SELECT tokens, entropy, scores FROM bids WHERE auction = ? AND agent = ? ORDER BY rank LIMIT 1",
            number, agent,
        )  # fmt: skip
        tokens, entropy, scores = bid[0] if bid else (None, None, "{}")
        given = list(json.loads(scores).values())
        outcome = rows.standing(db, number).get(agent)
        passed = outcome.right if outcome else None
        paid = rows.select(
            db,
            "SELECT sum((tokens_in + tokens_out) * price) / sum(tokens_in + tokens_out) FROM entries"
            " WHERE auction = ? AND who = ? AND purpose IN ('escalate', 'work')"
            " HAVING sum(tokens_in + tokens_out) > 0",
            number, agent,
        )  # fmt: skip
        yield Past(
            min(1.0, similarity), passed, sum(given) / len(given) if given else None, tokens, entropy,
            float(paid[0][0]) if paid else None,
        )  # fmt: skip
