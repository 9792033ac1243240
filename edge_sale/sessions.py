"""Chat sessions on disk: a line of JSON a turn, in a file a session, kept with the user's data."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_sale.errors import EdgeSaleError


@dataclass(slots=True)
class Session:
    """One conversation about one place (a folder, or nothing): what was said and what was answered."""

    file: Path
    place: str
    turns: list[dict[str, Any]] = field(default_factory=list)
    kept: bool = True  # on disk

    @property
    def id(self) -> str:
        return self.file.stem

    def add(self, said: str, answer: str, **more: Any) -> None:
        """Appends a turn, on disk before it counts, where turns are kept there."""
        turn = {"at": round(time.time(), 3), "said": said, "answer": answer, **more}
        if self.kept:
            self._write(turn)
        self.turns.append(turn)

    def _write(self, turn: Mapping[str, Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
            size = os.fstat(descriptor).st_size
            if not size:
                stream.write(json.dumps({"place": self.place}) + "\n")
            elif os.pread(descriptor, 1, size - 1) != b"\n":  # a line that a kill cut short stays one
                stream.write("\n")
            stream.write(json.dumps(turn) + "\n")  # in ASCII: a file's name need not be text

    def earlier(self, turns: int = 3, characters: int = 600) -> tuple[tuple[str, str], ...]:
        """The last turns, as a prompt can hold them."""
        return tuple((t["said"][:characters], t["answer"][:characters]) for t in self.turns[-turns:] if t["answer"])


def new(folder: Path, place: str) -> Session:
    """A session that nothing was said in yet."""
    return Session(folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}.jsonl", place)


def last(folder: Path, place: str) -> Session:
    """The latest session about a place. Raises EdgeSaleError where there is none, or it cannot be read."""
    for file in sorted(folder.glob("*.jsonl"), reverse=True) if folder.is_dir() else []:
        if _place(file) == place:
            return Session(file, place, list(_read(file))[1:])
    about = f" about {place}" if place else ""
    raise EdgeSaleError(f"no session{about} to go on with; begin one without -c")


def _place(file: Path) -> str | None:
    """What the session in a file is about, from its first line; None where that says nothing."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            head = json.loads(stream.readline())
    except ValueError:
        return None
    return head.get("place") if isinstance(head, dict) else None


def _read(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8", errors="replace", newline="\n") as stream:  # others may stand within a text
        lines = [line.rstrip("\n") for line in stream]
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line)
            if not isinstance(value, Mapping) or (number > 1 and not {"said", "answer"} <= set(value)):
                raise ValueError("not a turn")
        except ValueError as error:
            if number == len(lines) or (line.startswith("{") and not line.endswith("}")):  # a kill cut it short
                continue
            raise EdgeSaleError(f"{file}, line {number}: is no turn of a session; move the file aside") from error
        yield dict(value)
