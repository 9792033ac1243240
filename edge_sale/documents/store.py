"""The index of one folder: a SQLite file with passages, their words (FTS5) and their vectors (sqlite-vec).

A file's passages are written in one transaction and can be found by their words from then on. Vectors follow in
batches, one transaction each. After an interruption the index is valid but incomplete, and the next run continues.
Passages with equal text share one embedding: a file that was moved, copied or changed in one place only costs what
is new in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_sale.documents import ranking
from edge_sale.documents.database import APPLICATION, SCHEMA, VERSION, faults
from edge_sale.documents.passages import Passage
from edge_sale.documents.texts import Seen
from edge_sale.errors import LibraryFault
from edge_sale.protocols import Embedder
from edge_sale.sqlite.connection import connect, load_vector_extension
from edge_sale.sqlite.query import one, select
from edge_sale.sqlite.transactions import writing

if TYPE_CHECKING:
    import apsw

NEAREST = 50  # hits of each kind of search that are fused
MAX_SHARED_NAME = 20  # a name of more passages than this is not followed

_PASSAGE = (
    "p.number, f.path, p.first, p.last, p.title, p.text, p.paged FROM passages p JOIN files f ON f.number = p.file"
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the index stores about a file."""

    number: int
    size: int
    changed: int
    read: int
    digest: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Size:
    """How much an index holds. `waiting` counts passages without a vector; `bytes` is the size on disk."""

    files: int
    passages: int
    waiting: int
    bytes: int


class Library:
    """An open index. One object serves one thread at a time. Several processes may read while one writes."""

    def __init__(self, db: apsw.Connection, file: Path, embedder: Embedder | None) -> None:
        self._db, self.file, self._embedder = db, file, embedder

    @classmethod
    def open(cls, file: Path, folder: Path | None = None, embedder: Embedder | None = None) -> Library:
        """Open the index in `file`. With `folder` and `embedder`, a missing index is created.

        Without an embedder, the index can be read and searched by words only. Raises LibraryFault.
        """
        if folder is None and not file.exists():
            raise LibraryFault(f"{file}: there is no such index")
        with faults(file):
            if folder is not None:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not file.exists():
                    os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
            db = connect(file)
            try:
                load_vector_extension(db, LibraryFault)
                library = cls(db, file, embedder)
                library._prepare(folder)
            except BaseException:
                db.close()
                raise
        return library

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- about the index --------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The folder that this index is of."""
        return Path(self.about("folder"))

    def about(self, name: str) -> str:
        """Return a value stored with `note`; empty if there is none."""
        with faults(self.file):
            found = select(self._db, "SELECT value FROM about WHERE name = ?", name)
            return str(found[0][0]) if found else ""

    def note(self, values: Mapping[str, str]) -> None:
        """Store values by name in the index."""
        with faults(self.file), writing(self._db):
            self._note(values)

    def size(self) -> Size:
        """Count files and passages, and measure the files on disk."""
        with faults(self.file):
            files, passages, waiting = one(
                self._db,
                "SELECT (SELECT count(*) FROM files WHERE why = ''), (SELECT count(*) FROM passages),"
                " (SELECT count(*) FROM passages WHERE NOT embedded)",
            )
        beside = [self.file, self.file.with_name(self.file.name + "-wal")]
        return Size(files, passages, waiting, sum(part.stat().st_size for part in beside if part.exists()))

    # --- writing --------------------------------------------------------------------------

    def files(self) -> dict[str, Known]:
        """Return what the index stores about every file, by path."""
        with faults(self.file):
            rows = select(self._db, "SELECT path, number, size, changed, read, digest, why FROM files")
            return {path: Known(*values) for path, *values in rows}

    def put(self, path: str, seen: Seen, now: int, digest: bytes, passages: Sequence[Passage], why: str = "") -> None:
        """Replace a file's passages, all of them or none. `now` is in ns since 1970; `why` says why it has none."""
        with faults(self.file), writing(self._db):
            old = self._numbers(path)
            row = (seen.size, seen.changed, now, digest, why, path)
            if next(self._db.execute("SELECT 1 FROM files WHERE path = ?", (path,)), None):
                self._db.execute("UPDATE files SET size=?, changed=?, read=?, digest=?, why=? WHERE path=?", row)
            else:
                self._db.execute("INSERT INTO files (size, changed, read, digest, why, path) VALUES (?,?,?,?,?,?)", row)
            (number,) = one(self._db, "SELECT number FROM files WHERE path = ?", path)
            for passage in passages:
                self._insert(number, passage)
            self._drop(old)

    def touch(self, path: str, seen: Seen, now: int) -> None:
        """Record that a file was read again and has not changed."""
        with faults(self.file), writing(self._db):
            self._db.execute(
                "UPDATE files SET size = ?, changed = ?, read = ? WHERE path = ?", (seen.size, seen.changed, now, path)
            )

    def forget(self, path: str) -> None:
        """Remove a file from the index."""
        with faults(self.file), writing(self._db):
            self._drop(self._numbers(path))
            self._db.execute("DELETE FROM files WHERE path = ?", (path,))

    def waiting(self, most: int) -> list[tuple[int, Passage]]:
        """Return the next passages without a vector, at most `most`."""
        with faults(self.file):
            rows = select(self._db, f"SELECT {_PASSAGE} WHERE NOT p.embedded ORDER BY p.number LIMIT ?", most)
            return [_numbered(*row) for row in rows]

    def embed(self, passages: Sequence[tuple[int, Passage]]) -> None:
        """Make and store the vectors of these passages."""
        assert self._embedder
        vectors = self._embedder.embed([passage.whole for _, passage in passages])
        self.add_vectors([number for number, _ in passages], vectors)

    def add_vectors(self, numbers: Sequence[int], vectors: np.ndarray) -> None:
        """Store unit vectors, shape (passages, dimension). Passages that were deleted meanwhile are skipped."""
        with faults(self.file), writing(self._db):
            for number, vector in zip(numbers, vectors, strict=True):
                self._db.execute("UPDATE passages SET embedded = 1 WHERE number = ? AND NOT embedded", (number,))
                if self._db.changes():
                    self._add_vector(number, np.asarray(vector, dtype=np.float32).tobytes())

    # --- reading --------------------------------------------------------------------------

    def search(self, question: str, k: int = 5, *, twice: bool = True) -> list[Passage]:
        """Return the `k` passages that fit a question best, by words and by meaning, the best first.

        With `twice`, a second search adds passages that the best hits mention by name.
        """
        with faults(self.file):
            vector = self._embedder.embed([question])[0] if self._embedder else None
            return [passage for _, passage in self.passages(self.ranked(question, vector, twice=twice)[:k])]

    def ranked(self, question: str, vector: np.ndarray | None, *, twice: bool = True) -> list[int]:
        """Return the numbers of at most NEAREST passages, the best first. Without a `vector`, only words count."""
        rankings, weights = [self.by_words(question)], [ranking.WORDS]
        if vector is not None:
            rankings, weights = [self.by_meaning(vector), *rankings], [1.0, *weights]
        first = ranking.fuse(rankings, weights)[:NEAREST]
        if not twice or not first:
            return first
        named = self.named_by(first[: ranking.FOLLOWED], vector)
        return ranking.fuse([first, named], [1.0, ranking.NAMED])[:NEAREST]

    def named_by(self, numbers: Sequence[int], vector: np.ndarray | None) -> list[int]:
        """Return the passages whose names these passages mention, the nearest to `vector` first."""
        mentioned = set().union(*(ranking.mentions(p.text) for _, p in self.passages(numbers)))
        with_name = "SELECT name, passage FROM names WHERE name IN (SELECT value FROM json_each(?))"
        rows = select(self._db, with_name, json.dumps(list(mentioned)))
        by_name: dict[str, list[int]] = {}
        for name, passage in rows:
            by_name.setdefault(name, []).append(passage)
        found = list(dict.fromkeys(n for these in by_name.values() if len(these) <= MAX_SHARED_NAME for n in these))
        if vector is None:
            return found[:NEAREST]
        blob = np.asarray(vector, dtype=np.float32).tobytes()
        rows = select(
            self._db,
            "SELECT rowid FROM vectors WHERE rowid IN (SELECT value FROM json_each(?))"
            " ORDER BY vec_distance_cosine(embedding, ?) LIMIT ?",
            json.dumps(found),
            blob,
            NEAREST,
        )
        return [number for (number,) in rows]

    def by_words(self, text: str, k: int = NEAREST) -> list[int]:
        """Return the numbers of the passages that match the words of `text` best (BM25), the best first."""
        expression = ranking.match(text)
        if not expression:
            return []
        best = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, ?, 1.0) LIMIT ?"
        rows = select(self._db, best, expression, ranking.TITLE, k)
        return [number for (number,) in rows]

    def by_meaning(self, vector: np.ndarray, k: int = NEAREST) -> list[int]:
        """Return the numbers of the passages with the nearest vectors, the nearest first."""
        blob = np.asarray(vector, dtype=np.float32).tobytes()
        nearest = "SELECT rowid FROM vectors WHERE embedding MATCH ? AND k = ? ORDER BY distance"
        return [number for (number,) in select(self._db, nearest, blob, k)]

    def passages(self, numbers: Sequence[int]) -> list[tuple[int, Passage]]:
        """Return the passages with these numbers, in this order."""
        marks = ",".join("?" * len(numbers))
        rows = select(self._db, f"SELECT {_PASSAGE} WHERE p.number IN ({marks})", *numbers)
        found = dict(_numbered(*row) for row in rows)
        return [(number, found[number]) for number in numbers if number in found]

    def vectors(self, numbers: Sequence[int]) -> np.ndarray:
        """Return the vectors of these passages, float32 of shape (passages, dimension). All of them must have one."""
        with faults(self.file):
            blobs = [one(self._db, "SELECT embedding FROM vectors WHERE rowid = ?", n)[0] for n in numbers]
        return np.stack([np.frombuffer(blob, dtype=np.float32) for blob in blobs])

    # --- helpers ---------------------------------------------------------------------------

    def _prepare(self, folder: Path | None) -> None:
        """Set up a new file and check an existing one. Vectors of another embedder are dropped. Raises LibraryFault."""
        db = self._db
        if db.pragma("application_id") == 0 and not next(db.execute("SELECT 1 FROM sqlite_schema"), None):
            if folder is None or self._embedder is None:
                raise LibraryFault(f"{self.file}: not a whole index; remove it and index again")
            with writing(db):
                if not next(db.execute("SELECT 1 FROM sqlite_schema"), None):  # unless another process was faster
                    db.execute(SCHEMA)
                    db.pragma("application_id", APPLICATION)
                    db.pragma("user_version", VERSION)
                    self._create_vectors()
                    self._note({"folder": str(folder)})
        if db.pragma("application_id") != APPLICATION:
            raise LibraryFault(f"{self.file}: an SQLite file, but not an index of ours; move it aside")
        if db.pragma("user_version") != VERSION:
            raise LibraryFault(f"{self.file}: made by another version of edge-sale; remove it and index again")
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "normal")
        db.pragma("foreign_keys", True)
        if self._embedder and self.about("embedder") != self._embedder.identity:
            with writing(db):  # vectors of two embedders never mix: all are made again
                db.execute("DROP TABLE vectors")
                db.execute("UPDATE passages SET embedded = 0")
                self._create_vectors()

    def _create_vectors(self) -> None:
        assert self._embedder
        self._db.execute(
            f"CREATE VIRTUAL TABLE vectors USING vec0(embedding float[{int(self._embedder.dimension)}]"
            " distance_metric=cosine)"
        )
        self._note({"embedder": self._embedder.identity, "embedder_name": self._embedder.name})

    def _note(self, values: Mapping[str, str]) -> None:
        for pair in values.items():
            self._db.execute("INSERT OR REPLACE INTO about (name, value) VALUES (?, ?)", pair)

    def _insert(self, file: int, p: Passage) -> None:
        alike = "SELECT number FROM passages WHERE digest = ? AND embedded LIMIT 1"
        twin = next(self._db.execute(alike, (p.digest,)), None)
        self._db.execute(
            "INSERT INTO passages (file, first, last, paged, title, text, digest, embedded) VALUES (?,?,?,?,?,?,?,?)",
            (file, p.first, p.last, p.paged, p.title, p.text, p.digest, twin is not None),
        )
        number = self._db.last_insert_rowid()
        for name in {ranking.name(title) for title in p.names} - {""}:
            self._db.execute("INSERT INTO names (name, passage) VALUES (?, ?)", (name, number))
        if twin is not None:
            (vector,) = one(self._db, "SELECT embedding FROM vectors WHERE rowid = ?", *twin)
            self._add_vector(number, vector)

    def _add_vector(self, number: int, vector: bytes) -> None:
        self._db.execute("INSERT INTO vectors (rowid, embedding) VALUES (?, ?)", (number, vector))

    def _numbers(self, path: str) -> list[int]:
        of = "SELECT p.number FROM passages p JOIN files f ON f.number = p.file WHERE f.path = ?"
        return [number for (number,) in select(self._db, of, path)]

    def _drop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._db.execute("DELETE FROM vectors WHERE rowid = ?", (number,))
            self._db.execute("DELETE FROM passages WHERE number = ?", (number,))


def _numbered(number: int, path: str, first: int, last: int, title: str, text: str, paged: int) -> tuple[int, Passage]:
    return number, Passage(path, first, last, title, text, bool(paged))
