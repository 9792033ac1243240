"""Saved KV-cache states of the beginnings of prompts: in memory, and of beginnings that never change, on disk.

Only what is the same for every task (`Prompt.fixed`) is written to disk, so nothing of a user's. The name of a
file is a hash of everything that its content depends on: the model file's sha256, the version of llama.cpp, the
processor, the settings, and the tokens with their cuts. A damaged file counts as missing and is written anew.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_sale.llama.tokenized_prompt import MIN_PIECE, TokenizedPrompt

MEMORY_LIMIT = 256 * 2**20  # bytes
DISK_LIMIT = 512 * 2**20  # bytes
MAGIC = b"edge-sale prefix 1\n"


class PrefixCache:
    """Keeps states, and finds them by the prompts that led to them.

    `width` is the number of sequences of the context: llama.cpp takes a state only into a context of the same.
    """

    def __init__(self, identity: str, folder: Path | None = None, limit: int = DISK_LIMIT) -> None:
        """`identity` names the model and its settings. Without a `folder`, or with `limit` 0, nothing goes to disk."""
        self._identity = identity
        self._folder = folder if limit > 0 else None
        self._limit = limit
        self._states: OrderedDict[str, bytes] = OrderedDict()  # least recently used first

    def find(self, prompt: TokenizedPrompt, above: int, limit: int, width: int = 1) -> tuple[int, bytes] | None:
        """(tokens, state) of the longest saved beginning with more than `above` and at most `limit` tokens."""
        for tokens in reversed(prompt.cuts):
            if not max(above, MIN_PIECE - 1) < tokens <= limit:
                continue
            key = self._key(prompt, tokens, width)
            if state := self._states.get(key) or (self._read(key) if tokens == prompt.fixed else None):
                self._remember(key, state)
                return tokens, state
        return None

    def knows(self, prompt: TokenizedPrompt, tokens: int, width: int = 1) -> bool:
        """Whether the state after the first `tokens` is in memory already."""
        return self._key(prompt, tokens, width) in self._states

    def keep(self, prompt: TokenizedPrompt, tokens: int, state: bytes, width: int = 1) -> None:
        """Keep the state after the first `tokens`; on disk too if these are the part that never changes."""
        key = self._key(prompt, tokens, width)
        self._remember(key, state)
        if tokens == prompt.fixed and self._folder and len(state) <= self._limit:
            self._write(self._folder, key, state)

    def forget(self) -> None:
        """Drop the states in memory."""
        self._states.clear()

    def _key(self, prompt: TokenizedPrompt, tokens: int, width: int) -> str:
        cuts = [place for place in prompt.cuts if place <= tokens]
        digest = hashlib.sha256(self._identity.encode())
        digest.update(array("q", [width, len(cuts), *cuts, *prompt.tokens[:tokens]]).tobytes())
        return digest.hexdigest()[:40]

    def _remember(self, key: str, state: bytes) -> None:
        self._states[key] = state
        self._states.move_to_end(key)
        while sum(map(len, self._states.values())) > MEMORY_LIMIT and len(self._states) > 1:
            self._states.popitem(last=False)

    # --- on disk: a failure there is treated as if nothing were saved --------

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
            os.utime(file)  # recently used
        except OSError:
            return None
        return state

    def _write(self, folder: Path, key: str, state: bytes) -> None:
        beside = folder / f".{key}.{os.getpid()}"  # written whole, then moved into place
        try:
            folder.mkdir(parents=True, exist_ok=True)
            beside.touch(mode=0o600)
            beside.write_bytes(MAGIC + hashlib.sha256(state).digest() + state)
            beside.replace(folder / key)
            for old in self._over_limit(folder):
                old.unlink(missing_ok=True)
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def _over_limit(self, folder: Path) -> Iterator[Path]:
        """The least recently used files that exceed the limit."""
        files = sorted(((f.stat(), f) for f in folder.iterdir() if f.is_file()), key=lambda f: -f[0].st_mtime_ns)
        total = 0
        for stat, file in files:
            total += stat.st_size
            if total > self._limit:
                yield file
