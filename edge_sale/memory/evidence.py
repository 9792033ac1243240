"""What one agent did on tasks like the one at hand: its plans, how its work ended, what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from edge_sale.memory import rows
from edge_sale.types import Past, Task

if TYPE_CHECKING:
    import apsw


def read(
    db: apsw.Connection, near: Iterable[tuple[float, int]], task: Task, agent: str
) -> Iterator[Past]:
    """Of the auctions `near` (cosine, number), those that `agent` bid for or worked on, in their order."""
    for similarity, number in near:
        (id_,) = rows.one(db, "SELECT id FROM auctions WHERE number = ?", number)
        if id_ == task.id:
            continue
        bid = rows.select(
            db, "SELECT tokens, entropy, scores FROM bids WHERE auction = ? AND agent = ? ORDER BY rank LIMIT 1",
            number, agent,
        )  # fmt: skip
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
            number, agent,
        )  # fmt: skip
        yield Past(
            similarity, passed, sum(given) / len(given) if given else None, tokens, entropy,
            float(paid[0][0]) if paid else None,
        )  # fmt: skip
