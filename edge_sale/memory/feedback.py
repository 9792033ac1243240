"""The user's own word on an answer, kept beside what the check said and before it in weight."""

from __future__ import annotations

from pathlib import Path

from edge_sale.errors import EdgeSaleError, UnknownName
from edge_sale.memory import rows
from edge_sale.memory.database import opened
from edge_sale.memory.history import find
from edge_sale.sqlite.transactions import writing


def give(path: Path, name: str, good: bool | None) -> str:
    """Note that the answer of auction `name` was good, or bad; None takes the word back. Returns its id.

    `name` is an id, the beginning of one, or "last". The word stands on the outcome that stands. Raises
    UnknownName, EdgeSaleError where the auction has no answer or several are meant, and MemoryFault.
    """
    if not path.exists():
        raise UnknownName("auction", name, (), "edge-sale run")
    with opened(path) as db, writing(db):
        number = find(db, name)
        (id_,) = rows.one(db, "SELECT id FROM auctions WHERE number = ?", number)
        db.execute(
            "UPDATE outcomes SET verdict = ? WHERE number = (SELECT max(number) FROM outcomes WHERE auction = ?)",
            (good, number),
        )
        if not db.changes():
            raise EdgeSaleError(f"auction {id_} was held and nothing executed, so there is no answer to judge")
        return str(id_)
