"""The vectors of the recorded tasks: exact ones in sqlite-vec, and their sign bits in the binary index.

Both are always written together. `vec0` keeps vectors in chunks. Small chunks (32 vectors) make reading a single
vector fast, 15 µs instead of 200, and free their space sooner when tasks are forgotten. sqlite-vec overwrites
deleted vectors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_sale.errors import MemoryFault
from edge_sale.memory import binary_index
from edge_sale.memory.database import ASIDE
from edge_sale.protocols import Embedder
from edge_sale.sqlite.query import Inconsistent, one, select

if TYPE_CHECKING:
    import apsw

CHUNK = 32
BATCH = 4096


def create(db: apsw.Connection, dimension: int, name: str = "vectors") -> None:
    """Create an empty table of vectors with cosine distance, which is not sqlite-vec's default."""
    db.execute(
        f"CREATE VIRTUAL TABLE {name} USING vec0("
        f"embedding float[{int(dimension)}] distance_metric=cosine, chunk_size={CHUNK})"
    )


def start_with(db: apsw.Connection, name: str, sha256: str, dimension: int) -> None:
    """Delete all vectors and note which embedder makes the next ones. Runs inside the caller's transaction."""
    db.execute("DROP TABLE IF EXISTS vectors")
    db.execute("DELETE FROM codes")
    create(db, dimension)
    edition = [number for (number,) in select(db, "SELECT edition + 1 FROM embedder")]
    db.execute(
        "INSERT OR REPLACE INTO embedder (one, name, sha256, dimension, edition) VALUES (1, ?, ?, ?, ?)",
        (name, sha256, dimension, *(edition or [0])),
    )


def add(db: apsw.Connection, number: int, vector: bytes) -> None:
    """Store the vector of auction `number`. Runs inside the caller's transaction."""
    db.execute("INSERT INTO vectors (rowid, embedding) VALUES (?, ?)", (number, vector))
    binary_index.add(db, number, vector)


def remove(db: apsw.Connection, number: int) -> None:
    """Delete the vector of auction `number`. The caller's transaction must end with `binary_index.mark_changed`."""
    db.execute("DELETE FROM vectors WHERE rowid = ?", (number,))
    binary_index.remove(db, number)


def cosines(db: apsw.Connection, query: bytes, numbers: Sequence[int]) -> list[tuple[float, int]]:
    """Return (cosine, number) of the query and these auctions, the greatest first; of equal ones, the newest."""
    found: list[tuple[float, int]] = []
    of_query = np.frombuffer(query, np.float32)
    for start in range(0, len(numbers), BATCH):
        read = select(
            db,
            "SELECT v.rowid, v.embedding FROM json_each(?) j CROSS JOIN vectors v ON v.rowid = j.value",
            json.dumps(numbers[start : start + BATCH]),
        )
        if len(read) != len(numbers[start : start + BATCH]):
            raise Inconsistent("binary index of tasks whose vectors are missing")
        exact = np.frombuffer(b"".join(blob for _, blob in read), np.float32).reshape(len(read), -1) @ of_query
        found += [(min(1.0, float(c)), number) for c, (number, _) in zip(exact, read, strict=True)]
    return sorted(found, reverse=True)


def update_layout(db: apsw.Connection) -> None:
    """Rebuild the vectors of an older version's file with small chunks and a binary index.

    Runs inside the caller's transaction. Does nothing for a file that has them.
    """
    for (sql,) in select(db, "SELECT sql FROM sqlite_schema WHERE name = 'vectors'"):
        if f"chunk_size={CHUNK}" in sql:
            continue
        (dimension,) = one(db, "SELECT dimension FROM embedder")
        old = select(db, "SELECT rowid, embedding FROM vectors ORDER BY rowid")
        db.execute("DROP TABLE vectors")
        db.execute("DELETE FROM codes")
        create(db, dimension)
        for number, vector in old:
            add(db, number, vector)
        binary_index.mark_changed(db)


def has_layout(db: apsw.Connection) -> bool:
    """Return whether `update_layout` has nothing to do."""
    found = select(db, "SELECT sql FROM sqlite_schema WHERE name = 'vectors'")
    return all(f"chunk_size={CHUNK}" in sql for (sql,) in found)


def check(db: apsw.Connection, embedder: Embedder) -> None:
    """Raise MemoryFault if the stored vectors come from another embedder, or the file does not say which."""
    for name, sha256, dimension in select(db, "SELECT name, sha256, dimension FROM embedder"):
        if (sha256, dimension) == (embedder.identity, embedder.dimension):  # a new name changes nothing
            return
        raise MemoryFault(
            f"its vectors come from embedder {name!r} ({dimension} dimensions, sha256 {sha256[:12]}…), "
            f"not from {embedder.name!r} ({embedder.dimension}, {embedder.identity[:12]}…): "
            "configure the former embedder, or make them anew: edge-sale memory reembed"
        )
    raise MemoryFault(f"damaged, its embedder is not known; {ASIDE}")


def counts(db: apsw.Connection) -> tuple[int, int]:
    """Return the numbers of auctions and of vectors. They are equal unless the file is damaged."""
    auctions, kept = one(db, "SELECT (SELECT count(*) FROM auctions), (SELECT count(*) FROM vectors_rowids)")
    return auctions, kept
