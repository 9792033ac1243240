"""A file system that fails, that stops the process, or that loses what was not synced: for SQLite alone.

`Faulty` is put under SQLite as its default VFS, in a process of the test's own. It counts what changes files
(opens that may create, writes, truncations, syncs and deletions) and does something at the nth of them.
`Journal` writes down every write and sync; `rebuild` makes the files as a power cut at some point may leave them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import apsw

SECTOR = 512


class Faulty(apsw.VFS):
    """SQLite's own VFS, with a call of `at(count, what)` before each change."""

    def __init__(self, at: Callable[[int, str], None]) -> None:
        self.at, self.count, self.under = at, 0, apsw.vfs_names()[0]
        self.journal: list[tuple[str, str, int, bytes]] | None = None
        super().__init__("faulty", self.under, makedefault=True)

    def hit(self, what: str) -> None:
        self.count += 1
        self.at(self.count, what)

    def note(self, kind: str, name: str, offset: int = 0, data: bytes = b"") -> None:
        if self.journal is not None:
            self.journal.append((kind, name, offset, data))

    def xOpen(self, name, flags):
        self.hit("open")
        return File(self, name, flags)

    def xDelete(self, name, sync):
        self.hit("delete")
        self.note("delete", str(name))
        return super().xDelete(name, sync)


class File(apsw.VFSFile):
    def __init__(self, vfs: Faulty, name, flags) -> None:
        self.vfs = vfs
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__(vfs.under, name, flags)

    def xWrite(self, data, offset):
        self.vfs.hit("write")
        self.vfs.note("write", self.name, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size):
        self.vfs.hit("truncate")
        self.vfs.note("truncate", self.name, size)
        super().xTruncate(size)

    def xSync(self, flags):
        self.vfs.hit("sync")
        super().xSync(flags)
        self.vfs.note("sync", self.name)


def rebuild(
    journal: list[tuple[str, str, int, bytes]], begin: dict[str, bytes], folder: Path, draw: random.Random
) -> None:
    """The files after a power cut at the end of `journal`: what was synced is there, of the rest any part.

    Each unsynced write is whole, torn at a sector, or lost, whatever came after it. -shm is never on a disk.
    """
    files = {name: bytearray(data) for name, data in begin.items()}
    last_sync = {name: place for place, (kind, name, _, _) in enumerate(journal) if kind == "sync"}
    for place, (kind, name, offset, data) in enumerate(journal):
        if name.endswith("-shm"):
            continue
        safe = place < last_sync.get(name, -1)
        if kind == "delete":
            files.pop(name, None)
        elif kind == "truncate" and (safe or draw.random() < 0.5):
            del files.setdefault(name, bytearray())[offset:]
        elif kind == "write":
            kept = len(data)
            if not safe:
                kept = draw.choice([0, len(data), draw.randrange(len(data) // SECTOR + 1) * SECTOR])
            file = files.setdefault(name, bytearray())
            if len(file) < offset:
                file.extend(bytes(offset - len(file)))
            file[offset : offset + kept] = data[:kept]
    for name, data in files.items():
        (folder / Path(name).name).write_bytes(data)
