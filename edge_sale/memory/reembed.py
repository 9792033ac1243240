"""Replace all vectors of a memory by those of another embedder, in steps that survive an interruption.

New vectors wait in a table of their own. When all are made, one transaction swaps them in, so vectors of two
embedders are never mixed. Until then the memory keeps its former embedder, and other processes may record in it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_sale.memory import binary_index, vectors
from edge_sale.memory.database import load_vectors, opened
from edge_sale.memory.erase import scrub
from edge_sale.protocols import Embedder
from edge_sale.sqlite.query import one, select
from edge_sale.sqlite.transactions import writing
from edge_sale.sqlite.unit_vectors import unit

if TYPE_CHECKING:
    import apsw

BATCH = 32  # texts embedded and stored at a time: an interruption loses at most these


def reembed(
    path: Path, embedder: Embedder, tell: Callable[[int, int], None] = lambda done, of: None
) -> tuple[int, int]:
    """Make all vectors with `embedder`. Returns how many there are and how many were made by this call.

    After an interruption the next call continues where this one stopped. Raises MemoryFault.
    """
    with opened(path) as db:
        load_vectors(db)
        with writing(db):
            vectors.update_layout(db)
            if _is_of(db, "embedder", embedder):
                db.execute("DELETE FROM pending")
                return vectors.counts(db)[1], 0
            if not _is_of(db, "pending_of", embedder):
                db.execute("DELETE FROM pending")
                db.execute(
                    "INSERT OR REPLACE INTO pending_of (one, name, sha256, dimension) VALUES (1, ?, ?, ?)",
                    (embedder.name, embedder.identity, embedder.dimension),
                )
        made = 0
        while True:
            missing = _missing(db)
            if missing:
                made += _embed(db, embedder, missing)
                done, of = one(db, "SELECT (SELECT count(*) FROM pending), (SELECT count(*) FROM auctions)")
                tell(done, of)
                continue
            with writing(db):
                if _missing(db):  # another process has recorded an auction
                    continue
                count = _swap_in(db, embedder)
            scrub(db, path)
            return count, made


def _is_of(db: apsw.Connection, table: str, embedder: Embedder) -> bool:
    found = select(db, f"SELECT sha256, dimension FROM {table}")  # noqa: S608 - one of two constants
    return found == [(embedder.identity, embedder.dimension)]


def _missing(db: apsw.Connection) -> list[tuple[int, str]]:
    found = select(
        db,
        "SELECT number, text FROM auctions WHERE number NOT IN (SELECT auction FROM pending) ORDER BY number LIMIT ?",
        BATCH,
    )
    return [(number, text) for number, text in found]


def _embed(db: apsw.Connection, embedder: Embedder, missing: list[tuple[int, str]]) -> int:
    made = embedder.embed([text for _, text in missing])
    with writing(db):
        for (number, _), vector in zip(missing, made, strict=True):
            if select(db, "SELECT 1 FROM auctions WHERE number = ?", number):  # it was not forgotten meanwhile
                db.execute(
                    "INSERT OR REPLACE INTO pending (auction, vector) VALUES (?, ?)",
                    (number, unit(vector[None, :], embedder)),
                )
    return len(missing)


def _swap_in(db: apsw.Connection, embedder: Embedder) -> int:
    vectors.start_with(db, embedder.name, embedder.identity, embedder.dimension)
    found = select(db, "SELECT auction, vector FROM pending ORDER BY auction")
    for number, vector in found:
        vectors.add(db, number, vector)
    db.execute("DELETE FROM pending")
    db.execute("DELETE FROM pending_of")
    binary_index.mark_changed(db)
    return len(found)
