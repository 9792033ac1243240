"""All indexes of this user: a file for each indexed folder, named by the folder's path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_sale.documents.store import Library
from edge_sale.errors import LibraryFault


def place(shelf: Path, folder: Path) -> Path:
    """Where the index of `folder` is, or would be."""
    name = hashlib.blake2b(str(folder).encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()
    return shelf / f"{name}.sqlite"


def resolved_folder(folder: Path) -> Path:
    """The folder's one path, without links. Raises LibraryFault where it is none, or cannot be read."""
    try:
        found = folder.expanduser().resolve(strict=True)
    except (RuntimeError, OSError) as error:  # the home of nobody and, before Python 3.13, links in a ring
        why = (error.strerror if isinstance(error, OSError) else "") or error
        raise LibraryFault(f"{folder}: {why}; name a folder of documents") from error
    if not found.is_dir():
        raise LibraryFault(f"{folder}: a file; name the folder that it is in")
    try:
        str(found).encode()
    except UnicodeEncodeError as error:
        raise LibraryFault(f"{folder!r}: its name is not UTF-8") from error
    return found


def libraries(shelf: Path) -> Iterator[Library | LibraryFault]:
    """Every index, open to be looked at, by name of file; or what is wrong with it."""
    for file in sorted(shelf.glob("*.sqlite")):
        try:
            with Library.open(file) as library:
                yield library
        except LibraryFault as fault:
            yield fault


def remove(shelf: Path, folder: Path) -> bool:
    """Forgets a folder's index, also of a folder that is no more; whether there was one. Raises LibraryFault."""
    try:
        file = place(shelf, folder.expanduser().resolve())
    except (RuntimeError, OSError) as error:
        raise LibraryFault(f"{folder}: {error}; name a folder that was indexed") from error
    if not file.exists():
        return False
    with alone(file):
        for rest in ("-wal", "-shm", ""):
            file.with_name(file.name + rest).unlink(missing_ok=True)
    return True


@contextmanager
def alone(file: Path, seconds: float = 5) -> Iterator[None]:
    """Holds an index for one writer; a second one is told after some seconds, rather than doing the same again."""
    from filelock import FileLock, Timeout

    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(f"{file}.lock", mode=0o600, timeout=seconds)
    try:
        with lock:
            yield
    except Timeout as error:
        raise LibraryFault("this folder is being indexed by another process; wait for it, or stop it") from error
