"""What a model said, kept by content: the same question to the same weights is asked once, ever.

One append-only file of JSON lines a kind, in a folder of the user's. A line is written whole, so
that a killed run loses at most the one it was writing, and the next run goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_sale.errors import EdgeSaleError


def key(*parts: str) -> str:
    """A digest of the parts, where each ends: ("ab", "c") is not ("a", "bc")."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


class Cache:
    """Answers by key; without a folder they are kept for this run only."""

    def __init__(self, folder: Path | None, kind: str) -> None:
        self._file = folder / f"{kind}.jsonl" if folder else None
        self._known: dict[str, Any] = {}
        if self._file and self._file.exists():
            for line in self._file.read_bytes().splitlines():
                try:
                    self._known.update([json.loads(line)])
                except (ValueError, TypeError):  # the line that a kill cut short: asked again
                    continue

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Any:
        return self._known[name]

    def put(self, name: str, value: Any) -> None:
        """Keeps `value`, a JSON value, for good."""
        self._known[name] = value
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as file:
                whole = file.tell() == 0 or _ends_line(self._file)
                file.write((b"" if whole else b"\n") + json.dumps([name, value]).encode() + b"\n")
        except OSError as error:
            raise EdgeSaleError(f"{self._file}: cannot keep answers there: {error.strerror}") from error

    def fill(
        self, names: Sequence[str], ask: Callable[[list[int]], Sequence[Any]], bite: int, told: Callable[[int], None]
    ) -> list[Any]:
        """The value of every name, in order; `ask` is given the places of those not known, `bite` at a time."""
        wanted = list({name: i for i, name in enumerate(names) if name not in self}.values())
        for start in range(0, len(wanted), bite):
            part = wanted[start : start + bite]
            for i, value in zip(part, ask(part), strict=True):
                self.put(names[i], value)
            told(len(part))
        return [self[name] for name in names]


def _ends_line(file: Path) -> bool:
    with file.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"
