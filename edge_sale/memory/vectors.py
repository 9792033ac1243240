"""The vectors of the recorded tasks: exact ones in sqlite-vec, their codes beside them; always both or neither.

`vec0` keeps vectors in chunks. Small ones (32 vectors) make a single vector quick to read, 15 us instead of 200,
and give their room back sooner when tasks are forgotten; sqlite-vec overwrites what is deleted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_sale.errors import MemoryFault
from edge_sale.memory import binary_index, rows
from edge_sale.memory.database import ASIDE
from edge_sale.types import Embedder

if TYPE_CHECKING:
    import apsw

CHUNK = 32
READ_AT_A_TIME = 4096


def create(db: apsw.Connection, dimension: int, name: str = "vectors") -> None:
    """An empty table of vectors under cosine, which is not sqlite-vec's default."""
    db.execute(
        f"CREATE VIRTUAL TABLE {name} USING vec0("
        f"embedding float[{int(dimension)}] distance_metric=cosine, chunk_size={CHUNK})"
    )


def begin(db: apsw.Connection, name: str, sha256: str, dimension: int) -> None:
    """Make the memory an embedder's, without any vector. Inside the caller's transaction."""
    db.execute("DROP TABLE IF EXISTS vectors")
    db.execute("DELETE FROM codes")
    create(db, dimension)
    edition = [number for (number,) in rows.select(db, "SELECT edition + 1 FROM embedder")]
    db.execute(
        "INSERT OR REPLACE INTO embedder (one, name, sha256, dimension, edition) VALUES (1, ?, ?, ?, ?)",
        (name, sha256, dimension, *(edition or [0])),
    )


def add(db: apsw.Connection, number: int, vector: bytes) -> None:
    """Keep the vector of auction `number`. Inside the caller's transaction."""
    db.execute("INSERT INTO vectors (rowid, embedding) VALUES (?, ?)", (number, vector))
    binary_index.add(db, number, vector)


def remove(db: apsw.Connection, number: int) -> None:
    """Forget the vector of auction `number`. Inside the caller's transaction, which ends with `codes.changed`."""
    db.execute("DELETE FROM vectors WHERE rowid = ?", (number,))
    binary_index.remove(db, number)


def cosines(db: apsw.Connection, query: bytes, numbers: Sequence[int]) -> list[tuple[float, int]]:
    """Exact cosines of the query to these auctions' vectors, the greatest first; of equal ones, the newest."""
    found: list[tuple[float, int]] = []
    of_query = np.frombuffer(query, np.float32)
    for start in range(0, len(numbers), READ_AT_A_TIME):
        read = rows.select(
            db,
            "SELECT v.rowid, v.embedding FROM json_each(?) j CROSS JOIN vectors v ON v.rowid = j.value",
            json.dumps(numbers[start : start + READ_AT_A_TIME]),
        )
        if len(read) != len(numbers[start : start + READ_AT_A_TIME]):
            raise rows.Torn("codes of tasks whose vectors are missing")
        exact = np.frombuffer(b"".join(blob for _, blob in read), np.float32).reshape(len(read), -1) @ of_query
        found += [(min(1.0, float(c)), number) for c, (number, _) in zip(exact, read, strict=True)]
    return sorted(found, reverse=True)


def lay_out(db: apsw.Connection) -> None:
    """Give a file of an older version its small chunks and its codes. Inside the caller's transaction."""
    for (sql,) in rows.select(db, "SELECT sql FROM sqlite_schema WHERE name = 'vectors'"):
        if f"chunk_size={CHUNK}" in sql:
            continue
        (dimension,) = rows.one(db, "SELECT dimension FROM embedder")
        old = rows.select(db, "SELECT rowid, embedding FROM vectors ORDER BY rowid")
        db.execute("DROP TABLE vectors")
        db.execute("DELETE FROM codes")
        create(db, dimension)
        for number, vector in old:
            add(db, number, vector)
        binary_index.changed(db)


def laid_out(db: apsw.Connection) -> bool:
    """Whether `lay_out` has nothing to do."""
    found = rows.select(db, "SELECT sql FROM sqlite_schema WHERE name = 'vectors'")
    return all(f"chunk_size={CHUNK}" in sql for (sql,) in found)


def check(db: apsw.Connection, embedder: Embedder) -> None:
    """Refuse to use vectors of one embedder with those of another, and a file whose parts do not agree."""
    for name, sha256, dimension in rows.select(db, "SELECT name, sha256, dimension FROM embedder"):
        if (sha256, dimension) == (embedder.identity, embedder.dimension):  # a new name is no new embedder
            return
        raise MemoryFault(
            f"its vectors come from embedder {name!r} ({dimension} dimensions, sha256 {sha256[:12]}…), "
            f"not from {embedder.name!r} ({embedder.dimension}, {embedder.identity[:12]}…): "
            "configure the former embedder, or make them anew: edge-sale memory reembed"
        )
    raise MemoryFault(f"damaged, its embedder is not known; {ASIDE}")


def counts(db: apsw.Connection) -> tuple[int, int]:
    """How many auctions there are and how many vectors: the same, in a whole file."""
    auctions, kept = rows.one(db, "SELECT (SELECT count(*) FROM auctions), (SELECT count(*) FROM vectors_rowids)")
    return auctions, kept
