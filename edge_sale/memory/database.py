"""One SQLite file, opened safely: made whole, checked, migrated, and its faults put into words.

SQLite comes with `apsw`, because many Pythons are built without loadable extensions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from edge_sale.errors import MemoryFault
from edge_sale.memory import migrations
from edge_sale.memory.rows import Torn
from edge_sale.sqlite import wal_check
from edge_sale.sqlite.transactions import writing

APPLICATION = 0x53414C45  # "SALE" in the file's header: tells our files from other people's
BUSY_SECONDS = 30
CHECKED_BYTES = 64_000_000  # a file up to here is looked through when opened: about 1 ms a megabyte
ASIDE = "move it aside with: edge-sale memory aside (it is kept), and a new memory is started"


def connect(path: Path, *, durable: bool = False) -> apsw.Connection:
    """A connection to the memory at `path`, at today's version; the file is made where there is none.

    A new file is readable by its owner alone, and so is a folder made for it.
    Every commit survives the end of the process, and with `durable` power loss as well.
    Raises MemoryFault for a file that is damaged, foreign or newer; it is left as it is.
    """
    path = path.absolute()
    with faults(path):
        if not path.exists():
            _create(path)
        if path.stat().st_size == 0:
            raise MemoryFault(f"{path}: empty, so no longer an auction memory; {ASIDE}")
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            db.set_busy_timeout(BUSY_SECONDS * 1000)
            db.pragma("secure_delete", True)  # what is forgotten is overwritten
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # a file that is refused keeps its journal
            _inspect(db, path)
            _believe_empty(db, path)
            migrations.migrate(db)
            db.pragma("journal_mode", "wal")
            db.pragma("synchronous", "full" if durable else "normal")
            db.pragma("foreign_keys", True)
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        except BaseException:
            shut(db)
            raise
        return db


@contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    """A connection for the time of a `with`; what goes wrong inside is a MemoryFault."""
    db = connect(path)
    try:
        with faults(path):
            yield db
    finally:
        shut(db)


def shut(db: apsw.Connection) -> None:
    """Give the file back. The last to do so moves the journal into it; where that fails, whoever opens next does."""
    with suppress(apsw.Error):
        db.close()


def load_vectors(db: apsw.Connection) -> None:
    """Teach this connection the `vec0` tables of sqlite-vec; MemoryFault where that cannot be had."""
    import sqlite_vec

    try:
        db.enable_load_extension(True)
        db.load_extension(sqlite_vec.loadable_path())
    except apsw.Error as error:
        raise MemoryFault(f"sqlite-vec cannot be loaded ({error}); reinstall sqlite-vec") from error
    finally:
        db.enable_load_extension(False)


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turns what SQLite and the file system raise into a MemoryFault that names the file and the way out."""
    try:
        yield
    except (apsw.Error, Torn, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MemoryFault(f"{path}: {_explain(error)}") from error
    except OSError as error:
        raise MemoryFault(f"{path}: {error.strerror or error}; check its folder and permissions") from error


def _explain(error: Exception) -> str:
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return f"another process has been writing for {BUSY_SECONDS} s; try again when it is done"
    if isinstance(error, apsw.FullError):
        return "the disk is full; free some space and run again"
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError | apsw.IOError):
        return f"cannot be read or written ({error}); check its permissions and the disk"
    if isinstance(error, apsw.ConstraintError | apsw.MismatchError | apsw.TooBigError):
        return f"this auction cannot be stored ({error}); please report it with the task"
    return f"not a whole auction memory ({error}); {ASIDE}"


def _create(path: Path) -> None:
    """Makes the file beside its place and then moves it there: what is in place is whole."""
    from filelock import FileLock

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", mode=0o600):
        if path.exists():  # another process was faster
            return
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            # SQLite would play this journal of a lost file back into the new one
            raise MemoryFault(f"{wal}: its memory {path.name} is gone; put that back, or move this aside too")
        beside = path.with_name(f"{path.name}.new")
        for rest in ("", "-journal", "-wal", "-shm"):
            beside.with_name(beside.name + rest).unlink(missing_ok=True)
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        db = apsw.Connection(str(beside), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            db.pragma("application_id", APPLICATION)
            migrations.migrate(db)
            db.pragma("journal_mode", "wal")
        finally:
            db.close()
        beside.replace(path)


def _inspect(db: apsw.Connection, path: Path) -> None:
    """Refuse what is not a whole memory of a known version; a large file is checked as it is read."""
    if db.pragma("application_id") != APPLICATION:
        raise MemoryFault(f"{path}: an SQLite file, but not an auction memory; name another file or {ASIDE}")
    version = migrations.version(db)
    if version < 1:
        raise MemoryFault(f"{path}: not a whole auction memory (no version); {ASIDE}")
    if version > migrations.LATEST:
        raise MemoryFault(
            f"{path}: written by a newer edge-sale (memory version {version}, "
            f"this one knows {migrations.LATEST}); upgrade edge-sale"
        )
    if path.stat().st_size <= CHECKED_BYTES:
        for (found,) in db.execute("PRAGMA quick_check(1)"):
            if found != "ok":
                raise MemoryFault(f"{path}: damaged ({' '.join(str(found).split())}); {ASIDE}")


def _believe_empty(db: apsw.Connection, path: Path) -> None:
    """Refuse a memory that is empty only because its journal is damaged: SQLite drops what it cannot read in it."""
    wal = path.with_name(f"{path.name}-wal")

    def empty() -> bool:
        return not db.execute("SELECT 1 FROM auctions LIMIT 1").fetchall()

    if empty() and wal.exists() and wal.stat().st_size:
        with writing(db):  # nobody adds to the journal while it is looked at
            if empty() and wal_check.hides(wal.read_bytes(), db.pragma("page_size")):
                raise MemoryFault(f"{wal}: damaged, and without it {path.name} would be empty; {ASIDE}")
