"""All document indexes of this user: one file for each indexed folder, named by a hash of the folder's path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_sale.documents.store import Library
from edge_sale.errors import LibraryFault


def index_file(library_dir: Path, folder: Path) -> Path:
    """Return the path of the index of `folder`, whether it exists or not."""
    name = hashlib.blake2b(str(folder).encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()
    return library_dir / f"{name}.sqlite"


def resolved_folder(folder: Path) -> Path:
    """Return the folder's absolute path without links. Raises LibraryFault if there is no such folder."""
    try:
        found = folder.expanduser().resolve(strict=True)
    except (RuntimeError, OSError) as error:  # ~ of an unknown user and, before Python 3.13, a cycle of links
        why = (error.strerror if isinstance(error, OSError) else "") or error
        raise LibraryFault(f"{folder}: {why}; name a folder of documents") from error
    if not found.is_dir():
        raise LibraryFault(f"{folder}: a file; name the folder that it is in")
    try:
        str(found).encode()
    except UnicodeEncodeError as error:
        raise LibraryFault(f"{folder!r}: its name is not UTF-8") from error
    return found


def libraries(library_dir: Path) -> Iterator[Library | LibraryFault]:
    """Yield every index, open for reading, or the error that opening it raised."""
    for file in sorted(library_dir.glob("*.sqlite")):
        try:
            with Library.open(file) as library:
                yield library
        except LibraryFault as fault:
            yield fault


def remove(library_dir: Path, folder: Path) -> bool:
    """Delete the index of a folder, which need not exist any more. Returns False if there was none."""
    try:
        file = index_file(library_dir, folder.expanduser().resolve())
    except (RuntimeError, OSError) as error:
        raise LibraryFault(f"{folder}: {error}; name a folder that was indexed") from error
    if not file.exists():
        return False
    with locked(file):
        for rest in ("-wal", "-shm", ""):
            file.with_name(file.name + rest).unlink(missing_ok=True)
    return True


@contextmanager
def locked(file: Path, seconds: float = 5) -> Iterator[None]:
    """Lock an index for one writer. A second writer gets a LibraryFault after `seconds`."""
    from filelock import FileLock, Timeout

    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(f"{file}.lock", mode=0o600, timeout=seconds)
    try:
        with lock:
            yield
    except Timeout as error:
        raise LibraryFault("this folder is being indexed by another process; wait for it, or stop it") from error
