"""Open the memory's SQLite file safely: create it whole, check it, bring it to today's version."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import apsw

from edge_sale.errors import MemoryFault
from edge_sale.memory import migrations
from edge_sale.sqlite import connection, wal_check
from edge_sale.sqlite.transactions import writing

APPLICATION = 0x53414C45  # "SALE" in the file's header: tells our files from other people's
CHECKED_BYTES = 64_000_000  # a file up to this size is checked when it is opened: about 1 ms a megabyte
ASIDE = "move it aside with: edge-sale memory aside (it is kept), and a new memory is started"
MEMORY = connection.FileKind(
    fault=MemoryFault,
    damaged=f"not a whole auction memory ({{error}}); {ASIDE}",
    rejected="this auction cannot be stored ({error}); please report it with the task",
    busy="try again when it is done",
    full="free some space and run again",
)


def connect(path: Path, *, durable: bool = False) -> apsw.Connection:
    """Open the memory at `path` at today's version. A missing file is created.

    A new file and a folder created for it are readable by their owner alone.
    Every commit survives the end of the process; with `durable` it also survives power loss.
    Raises MemoryFault for a file that is damaged, of another program or of a newer version. Such a file is not changed.
    """
    path = path.absolute()
    with faults(path):
        if not path.exists():
            _create(path)
        if path.stat().st_size == 0:
            raise MemoryFault(f"{path}: empty, so no longer an auction memory; {ASIDE}")
        db = connection.connect(path)
        try:
            db.pragma("secure_delete", True)  # deleted content is overwritten
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # a refused file keeps its write-ahead log
            _inspect(db, path)
            _check_empty(db, path)
            migrations.migrate(db)
            db.pragma("journal_mode", "wal")
            db.pragma("synchronous", "full" if durable else "normal")
            db.pragma("foreign_keys", True)
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        except BaseException:
            connection.close(db)
            raise
        return db


@contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    """Open the memory for the time of a `with`. Errors inside become MemoryFaults."""
    db = connect(path)
    try:
        with faults(path):
            yield db
    finally:
        connection.close(db)


def load_vectors(db: apsw.Connection) -> None:
    """Make the table of vectors usable. Raises MemoryFault."""
    connection.load_vector_extension(db, MemoryFault)


def faults(path: Path) -> AbstractContextManager[None]:
    """Turn errors of SQLite and the file system into MemoryFaults that name the file and the way out."""
    return connection.faults(path, MEMORY)


def _create(path: Path) -> None:
    """Create the file under another name, then rename it, so that no half-made file is ever in place."""
    from filelock import FileLock

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", mode=0o600):
        if path.exists():  # another process was faster
            return
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            # SQLite would replay this write-ahead log of a lost file into the new one
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
    """Refuse a file that is not a whole memory of a known version. A large file is checked only as it is read."""
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


def _check_empty(db: apsw.Connection, path: Path) -> None:
    """Refuse a memory that is empty only because its write-ahead log is damaged: SQLite drops what it cannot read."""
    wal = path.with_name(f"{path.name}-wal")

    def empty() -> bool:
        return not db.execute("SELECT 1 FROM auctions LIMIT 1").fetchall()

    if empty() and wal.exists() and wal.stat().st_size:
        with writing(db):  # nobody appends to the log while it is read
            if empty() and wal_check.hides_commits(wal.read_bytes(), db.pragma("page_size")):
                raise MemoryFault(f"{wal}: damaged, and without it {path.name} would be empty; {ASIDE}")
