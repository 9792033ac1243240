"""The vectors of a memory made anew by another embedder: in steps that survive a stop, and one exchange at the end.

Until that exchange the memory stays the former embedder's, and other processes go on recording in it. Vectors are
never mixed: new ones wait in a table of their own, and all are put in place in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_sale.memory import binary_index, rows, vectors
from edge_sale.memory.database import load_vectors, opened
from edge_sale.memory.erase import scrub
from edge_sale.sqlite.transactions import writing
from edge_sale.sqlite.unit_vectors import unit
from edge_sale.types import Embedder

if TYPE_CHECKING:
    import apsw

STEP = 32  # texts embedded and kept at a time: no more is done twice after a stop


def reembed(
    path: Path, embedder: Embedder, tell: Callable[[int, int], None] = lambda done, of: None
) -> tuple[int, int]:
    """Make every vector `embedder`'s. Returns how many there are and how many of them had to be made now.

    Stopped half-way it goes on from there the next time. Raises MemoryFault.
    """
    with opened(path) as db:
        load_vectors(db)
        with writing(db):
            vectors.lay_out(db)
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
                made += _make(db, embedder, missing)
                done, of = rows.one(db, "SELECT (SELECT count(*) FROM pending), (SELECT count(*) FROM auctions)")
                tell(done, of)
                continue
            with writing(db):
                if _missing(db):  # recorded meanwhile by another process
                    continue
                count = _exchange(db, embedder)
            scrub(db, path)
            return count, made


def _is_of(db: apsw.Connection, table: str, embedder: Embedder) -> bool:
    found = rows.select(db, f"SELECT sha256, dimension FROM {table}")  # noqa: S608 - one of two names of ours
    return found == [(embedder.identity, embedder.dimension)]


def _missing(db: apsw.Connection) -> list[tuple[int, str]]:
    found = rows.select(
        db,
        "SELECT number, text FROM auctions WHERE number NOT IN (SELECT auction FROM pending) ORDER BY number LIMIT ?",
        STEP,
    )
    return [(number, text) for number, text in found]


def _make(db: apsw.Connection, embedder: Embedder, missing: list[tuple[int, str]]) -> int:
    made = embedder.embed([text for _, text in missing])
    with writing(db):
        for (number, _), vector in zip(missing, made, strict=True):
            if rows.select(db, "SELECT 1 FROM auctions WHERE number = ?", number):  # not forgotten meanwhile
                db.execute(
                    "INSERT OR REPLACE INTO pending (auction, vector) VALUES (?, ?)",
                    (number, unit(vector[None, :], embedder)),
                )
    return len(missing)


def _exchange(db: apsw.Connection, embedder: Embedder) -> int:
    vectors.begin(db, embedder.name, embedder.identity, embedder.dimension)
    found = rows.select(db, "SELECT auction, vector FROM pending ORDER BY auction")
    for number, vector in found:
        vectors.add(db, number, vector)
    db.execute("DELETE FROM pending")
    db.execute("DELETE FROM pending_of")
    binary_index.changed(db)
    return len(found)
