"""Two kinds of transaction: one that writes everything or nothing, one that reads a consistent state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apsw


@contextmanager
def writing(db: apsw.Connection) -> Iterator[None]:
    """Run a transaction that holds the write lock from its start. All of its changes are kept, or none."""
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
    """Run all reads inside on one state of the file, even if other processes write meanwhile."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
