"""Record the user's own verdict on an answer. It counts before the result of the check."""

from __future__ import annotations

from pathlib import Path

from edge_sale.errors import EdgeSaleError, UnknownName
from edge_sale.memory.database import opened
from edge_sale.memory.history import find
from edge_sale.sqlite.query import one
from edge_sale.sqlite.transactions import writing


def give(path: Path, name: str, good: bool | None) -> str:
    """Record that the answer of auction `name` was good or bad; None withdraws the verdict. Returns the auction's id.

    `name` is an id, its beginning, or "last". The verdict is stored with the auction's last outcome. Raises
    UnknownName, EdgeSaleError if the auction has no answer or several auctions match, and MemoryFault.
    """
    if not path.exists():
        raise UnknownName("auction", name, (), "edge-sale run")
    with opened(path) as db, writing(db):
        number = find(db, name)
        (id_,) = one(db, "SELECT id FROM auctions WHERE number = ?", number)
        db.execute(
            "UPDATE outcomes SET verdict = ? WHERE number = (SELECT max(number) FROM outcomes WHERE auction = ?)",
            (good, number),
        )
        if not db.changes():
            raise EdgeSaleError(f"auction {id_} was held and nothing executed, so there is no answer to judge")
        return str(id_)
