"""The two kinds of transaction: one that writes whole or not at all, one that reads a single state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apsw


@contextmanager
def writing(db: apsw.Connection) -> Iterator[None]:
    """One transaction that has the write lock from its start: all of it is kept, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite has already rolled back after some errors
            db.execute("ROLLBACK")
        raise


@contextmanager
def reading(db: apsw.Connection) -> Iterator[None]:
    """One state of the memory for all reads inside, whatever other processes write meanwhile."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
