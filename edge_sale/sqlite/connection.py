"""Connections to our SQLite files, and their errors as one line that a user can act on.

SQLite comes with `apsw`, because many Pythons are built without loadable extensions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from edge_sale.errors import EdgeSaleError
from edge_sale.sqlite.query import Inconsistent

BUSY_SECONDS = 30  # how long a writer waits for another process


@dataclass(frozen=True, slots=True)
class FileKind:
    """How errors of one kind of database are reported: the exception, and what the user can do.

    `damaged` and `rejected` are templates with a place for the {error}; `busy` and `full` end their sentences.
    """

    fault: type[EdgeSaleError]
    damaged: str
    rejected: str  # a value broke a rule of the schema
    busy: str
    full: str


def connect(file: Path) -> apsw.Connection:
    """Open an existing database for reading and writing. A writer waits up to BUSY_SECONDS for another one."""
    db = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    db.set_busy_timeout(BUSY_SECONDS * 1000)
    return db


def close(db: apsw.Connection) -> None:
    """Close a connection; a second call does nothing.

    The last connection moves the write-ahead log into the file. If that fails, the next one to open the file does it.
    """
    with suppress(apsw.Error):
        db.close()


def load_vector_extension(db: apsw.Connection, fault: type[EdgeSaleError]) -> None:
    """Load sqlite-vec, which provides `vec0` tables. Raises `fault` if it cannot be loaded."""
    import sqlite_vec

    try:
        db.enable_load_extension(True)
        db.load_extension(sqlite_vec.loadable_path())
    except apsw.Error as error:
        raise fault(f"sqlite-vec cannot be loaded ({error}); reinstall sqlite-vec") from error
    finally:
        db.enable_load_extension(False)


@contextmanager
def faults(file: Path, kind: FileKind) -> Iterator[None]:
    """Turn errors of SQLite and the file system into `kind.fault`, naming the file and the way out."""
    try:
        yield
    except (apsw.Error, Inconsistent, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise kind.fault(f"{file}: {_explain(error, kind)}") from error
    except OSError as error:
        raise kind.fault(f"{file}: {error.strerror or error}; check its folder and permissions") from error


def _explain(error: Exception, kind: FileKind) -> str:
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return f"another process has been writing for {BUSY_SECONDS} s; {kind.busy}"
    if isinstance(error, apsw.FullError):
        return f"the disk is full; {kind.full}"
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError | apsw.IOError):
        return f"cannot be read or written ({error}); check its permissions and the disk"
    if isinstance(error, apsw.ConstraintError | apsw.MismatchError | apsw.TooBigError):
        return kind.rejected.format(error=error)
    return kind.damaged.format(error=error)
