"""Forget auctions for good: afterwards none of the memory's files holds the task's text.

Covered: the database (deleted content is overwritten, then the file is rewritten); its write-ahead log, which is
emptied; the vectors, which sqlite-vec overwrites; damaged memories that were put aside and hold the text.
Not covered: files that the user asked for (traces, exports, the egress log with keep_payload), copies made by other
programs, and old blocks that the disk itself still keeps.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_sale.errors import MemoryFault
from edge_sale.memory import binary_index, vectors
from edge_sale.memory.database import load_vectors, opened
from edge_sale.memory.history import find
from edge_sale.sqlite.query import select
from edge_sale.sqlite.transactions import writing

if TYPE_CHECKING:
    import apsw

DAY = 86_400.0
PIECE = 200  # bytes of a text that are enough to recognise it


@dataclass(frozen=True, slots=True)
class Which:
    """Which auctions are meant. All given fields must match; `everything` needs no other field."""

    id: str | None = None  # or its beginning, or "last"
    text: str | None = None  # anywhere in a task, check, plan or answer, in any case
    days: float | None = None  # recorded longer ago than this
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many auctions were forgotten, and which files put aside were deleted with them."""

    auctions: int
    files: tuple[Path, ...] = ()


def matching(path: Path, which: Which) -> list[tuple[int, str, str]]:
    """Return number, id and task of the auctions meant, the oldest first. Raises UnknownName for an unknown id."""
    if not path.exists():
        return []
    with opened(path) as db:
        return _matching(db, which)


def forget(path: Path, which: Which) -> Forgotten:
    """Forget the auctions meant, with their vectors, the lessons drawn from them and all their other rows.

    Raises MemoryFault if another process keeps the write-ahead log from being emptied. The auctions are then
    forgotten, but their bytes stay in the log until `compact` runs.
    """
    if not path.exists():
        return Forgotten(0, _aside(path, which, ()))
    with opened(path) as db:
        load_vectors(db)
        with writing(db):
            found = _matching(db, which)
            if which.everything:
                clear(db)
            else:
                remove(db, [number for number, _, _ in found])
        scrub(db, path)
    return Forgotten(len(found), _aside(path, which, [text for _, _, text in found]))


def remove(db: apsw.Connection, numbers: Iterable[int]) -> None:
    """Delete these auctions and all their rows. Runs inside the caller's transaction."""
    for number in numbers:
        vectors.remove(db, number)
        db.execute("DELETE FROM auctions WHERE number = ?", (number,))  # the rest goes with it: ON DELETE CASCADE
    binary_index.mark_changed(db)


def clear(db: apsw.Connection) -> None:
    """Delete every auction. Runs inside the caller's transaction."""
    db.execute("DELETE FROM auctions")
    db.execute("DELETE FROM codes")
    for (dimension,) in select(db, "SELECT dimension FROM embedder"):
        db.execute("DROP TABLE vectors")
        vectors.create(db, dimension)
    binary_index.mark_changed(db)


def scrub(db: apsw.Connection, path: Path) -> None:
    """Rewrite the file without what was deleted, and empty the write-ahead log. Raises MemoryFault."""
    db.execute("VACUUM")
    ((busy, _, _),) = select(db, "PRAGMA wal_checkpoint(TRUNCATE)")
    if busy:
        raise MemoryFault(
            f"{path}: another process is reading, so the write-ahead log still holds what was deleted; "
            "when that one has ended: edge-sale memory compact"
        )


def _matching(db: apsw.Connection, which: Which) -> list[tuple[int, str, str]]:
    if which.id is not None:
        number = find(db, which.id)
        found = select(db, "SELECT number, id, text FROM auctions WHERE number = ?", number)
    else:
        before = time.time() - which.days * DAY if which.days is not None else None
        found = select(db, "SELECT number, id, text FROM auctions WHERE ?1 IS NULL OR at < ?1 ORDER BY number", before)
    if which.text is not None:
        holding = _holding(db, which.text)
        found = [row for row in found if row[0] in holding]
    if which == Which():
        return []
    return [(number, id_, text) for number, id_, text in found]


def _holding(db: apsw.Connection, text: str) -> set[int]:
    """Return the numbers of the auctions whose texts contain `text`, in any case."""
    wanted = text.casefold()

    def holds(*values: Any) -> int:
        return any(wanted in str(value or "").casefold() for value in values)

    db.create_scalar_function("holds", holds)
    return {number for (number,) in select(db, _HOLDING)}


_HOLDING = """
SELECT number FROM auctions WHERE holds(text) OR holds("check") OR holds(files) OR holds(sat_out) OR holds(run)
UNION SELECT auction FROM bids WHERE holds(plan)
UNION SELECT auction FROM outcomes WHERE holds(answer) OR holds(notes)
"""


def _aside(path: Path, which: Which, texts: Sequence[str]) -> tuple[Path, ...]:
    """Delete the memories put aside that hold what is forgotten; all of them with `everything`."""
    gone = put_aside_with(path, which, texts)
    for file in gone:
        file.unlink()
    return gone


def put_aside_with(path: Path, which: Which, texts: Sequence[str]) -> tuple[Path, ...]:
    """Return the memories put aside that hold one of these texts, in any case of its Latin letters.

    A long text is spread over several pages of the database, so finding one piece of it is enough.
    """
    wanted = [text.encode("utf-8", "surrogatepass").lower() for text in (*texts, *([which.text] if which.text else []))]
    pieces = [text[at : at + PIECE] for text in wanted for at in range(0, max(1, len(text) - PIECE + 1), PIECE)]
    found = []
    for file in sorted(path.parent.glob(f"{path.name}.aside-*")):
        data = b"" if which.everything else file.read_bytes().lower()
        if which.everything or any(piece in data for piece in pieces):
            found.append(file)
    return tuple(found)
