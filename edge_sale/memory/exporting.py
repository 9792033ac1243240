"""Write the memory to a file of JSON lines: the user's own copy, or the way to another machine."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from edge_sale import __version__
from edge_sale.memory.database import load_vectors, opened
from edge_sale.memory.export_format import COLUMNS, KIND, NONE, VERSION
from edge_sale.sqlite.query import one, select
from edge_sale.sqlite.transactions import reading

if TYPE_CHECKING:
    import apsw


def export(path: Path, file: IO[str], tell: Callable[[int, int], None] = lambda done, of: None) -> int:
    """Write every auction of the memory at `path` to `file` and return how many. Raises MemoryFault."""
    digest = hashlib.sha256()

    def put(value: Mapping[str, Any]) -> None:
        line = json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
        digest.update(line.encode("utf-8"))
        file.write(line)

    if not path.exists():
        put({KIND: VERSION, "edge_sale": __version__, "embedder": None})
        put({"end": 0, "sha256": digest.hexdigest()})
        return 0
    with opened(path) as db:
        load_vectors(db)
        with reading(db):
            put({KIND: VERSION, "edge_sale": __version__, "embedder": embedder_of(db)})
            numbers = select(db, "SELECT number FROM auctions ORDER BY number")
            for done, (number,) in enumerate(numbers):
                put(_auction(db, number))
                tell(done + 1, len(numbers))
            put({"end": len(numbers), "sha256": digest.hexdigest()})
            return len(numbers)


def embedder_of(db: apsw.Connection) -> dict[str, Any] | None:
    """Return name, sha256 and dimension of the embedder that made the memory's vectors, if there is one."""
    found = select(db, "SELECT name, sha256, dimension FROM embedder")
    return dict(zip(("name", "sha256", "dimension"), found[0], strict=True)) if found else None


def _auction(db: apsw.Connection, number: int) -> dict[str, Any]:
    (vector,) = one(db, "SELECT embedding FROM vectors WHERE rowid = ?", number)
    (auction,) = _read(db, "auctions", "number = ?", number)
    return {
        **auction,
        "bids": _read(db, "bids", "auction = ? ORDER BY rank", number),
        "outcomes": _read(db, "outcomes", "auction = ? ORDER BY number", number),
        "entries": _read(db, "entries", "auction = ? ORDER BY line", number),
        "lessons": _read(db, "lessons", "auction = ? ORDER BY agent, place", number),
        "vector": base64.b64encode(vector).decode(),
    }


def _read(db: apsw.Connection, table: str, where: str, number: int) -> list[dict[str, Any]]:
    columns = COLUMNS[table]
    names = ", ".join(
        "(SELECT id FROM auctions a WHERE a.number = past)" if name == "past" else f'"{name}"' for name in columns
    )
    found = select(db, f"SELECT {names} FROM {table} WHERE {where}", number)  # noqa: S608 - constants
    return [
        {name: _value(kind, value) for (name, kind), value in zip(columns.items(), row, strict=True)} for row in found
    ]


def _value(kind: Any, value: Any) -> Any:
    if kind in (list, dict):
        return json.loads(value)
    return bool(value) if value is not None and (kind is bool or kind == (bool, NONE)) else value
