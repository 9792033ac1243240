"""States of the model after prompts' beginnings: in memory and, of what never changes, on disk.

On disk stands only what is the same for every task (`Prompt.fixed`), so nothing of a user's. A file is
named by everything that its content depends on: the model file's sha256, llama.cpp's version, processor, how
it is run, and the tokens with their cuts. A damaged file is read as missing and written anew.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_sale.llama.cells import PIECE, Reading

IN_MEMORY = 256 * 2**20  # bytes
ON_DISK = 512 * 2**20
MAGIC = b"edge-sale prefix 1\n"


class Prefixes:
    """Finds and keeps states by the readings that led to them."""

    def __init__(self, identity: str, folder: Path | None = None, limit: int = ON_DISK) -> None:
        """`identity` names model and manner; without a `folder` nothing goes to disk."""
        self._identity = identity
        self._folder = folder if limit > 0 else None
        self._limit = limit
        self.sequences = 1  # of the context: llama.cpp takes a state only into one of as many
        self._states: OrderedDict[str, bytes] = OrderedDict()  # least recently used first

    def find(self, reading: Reading, above: int, limit: int) -> tuple[int, bytes] | None:
        """(tokens, state) of the longest kept beginning of more than `above` and at most `limit` tokens."""
        for tokens in reversed(reading.cuts):
            if not max(above, PIECE - 1) < tokens <= limit:
                continue
            key = self._key(reading, tokens)
            if state := self._states.get(key) or (self._read(key) if tokens == reading.fixed else None):
                self._remember(key, state)
                return tokens, state
        return None

    def knows(self, reading: Reading, tokens: int) -> bool:
        """Whether the state after so many tokens is kept already."""
        return self._key(reading, tokens) in self._states

    def keep(self, reading: Reading, tokens: int, state: bytes) -> None:
        """Keeps the state after the first `tokens`; on disk too where they never change."""
        key = self._key(reading, tokens)
        self._remember(key, state)
        if tokens == reading.fixed and self._folder and len(state) <= self._limit:
            self._write(self._folder, key, state)

    def forget(self) -> None:
        """Drops what is in memory."""
        self._states.clear()

    def _key(self, reading: Reading, tokens: int) -> str:
        cuts = [place for place in reading.cuts if place <= tokens]
        digest = hashlib.sha256(self._identity.encode())
        digest.update(array("q", [self.sequences, len(cuts), *cuts, *reading.tokens[:tokens]]).tobytes())
        return digest.hexdigest()[:40]

    def _remember(self, key: str, state: bytes) -> None:
        self._states[key] = state
        self._states.move_to_end(key)
        while sum(map(len, self._states.values())) > IN_MEMORY and len(self._states) > 1:
            self._states.popitem(last=False)

    # --- on disk: a cache, so whatever goes wrong there is as if nothing were kept --------------

    def _read(self, key: str) -> bytes | None:
        if not self._folder:
            return None
        file = self._folder / key
        try:
            data = file.read_bytes()
            head = len(MAGIC) + 32
            state = data[head:]
            if data[:head] != MAGIC + hashlib.sha256(state).digest():
                file.unlink()
                return None
            os.utime(file)
        except OSError:
            return None
        return state

    def _write(self, folder: Path, key: str, state: bytes) -> None:
        beside = folder / f".{key}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            beside.touch(mode=0o600)
            beside.write_bytes(MAGIC + hashlib.sha256(state).digest() + state)
            beside.replace(folder / key)
            for old in self._beyond(folder):
                old.unlink(missing_ok=True)
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def _beyond(self, folder: Path) -> Iterator[Path]:
        """The least recently used files beyond the limit."""
        files = sorted(((f.stat(), f) for f in folder.iterdir() if f.is_file()), key=lambda f: -f[0].st_mtime_ns)
        total = 0
        for stat, file in files:
            total += stat.st_size
            if total > self._limit:
                yield file
