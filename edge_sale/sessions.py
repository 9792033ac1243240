"""Chat sessions on disk: one file for each session, one line of JSON for each turn."""

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
    """One conversation about one place, a folder or nothing: what the user said and what was answered."""

    file: Path
    place: str
    turns: list[dict[str, Any]] = field(default_factory=list)
    on_disk: bool = True

    @property
    def id(self) -> str:
        return self.file.stem

    def add(self, said: str, answer: str, **more: Any) -> None:
        """Append a turn. Where the session is kept on disk, it is written there first."""
        turn = {"at": round(time.time(), 3), "said": said, "answer": answer, **more}
        if self.on_disk:
            self._write(turn)
        self.turns.append(turn)

    def _write(self, turn: Mapping[str, Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
            size = os.fstat(descriptor).st_size
            if not size:
                stream.write(json.dumps({"place": self.place}) + "\n")
            elif os.pread(descriptor, 1, size - 1) != b"\n":  # a kill cut the last line short
                stream.write("\n")
            stream.write(json.dumps(turn) + "\n")  # ASCII, since a file's name need not be valid text

    def earlier(self, turns: int = 3, characters: int = 600) -> tuple[tuple[str, str], ...]:
        """The last `turns` turns that were answered, shortened to what a prompt can hold."""
        return tuple((t["said"][:characters], t["answer"][:characters]) for t in self.turns[-turns:] if t["answer"])


def new(folder: Path, place: str, *, on_disk: bool = True) -> Session:
    """A session without turns."""
    return Session(folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}.jsonl", place, on_disk=on_disk)


def last(folder: Path, place: str, *, on_disk: bool = True) -> Session:
    """The latest session about a place. `on_disk` says whether new turns are kept there.

    Raises EdgeSaleError where there is none, or it cannot be read.
    """
    for file in sorted(folder.glob("*.jsonl"), reverse=True) if folder.is_dir() else []:
        if _place(file) == place:
            return Session(file, place, list(_read(file))[1:], on_disk)
    about = f" about {place}" if place else ""
    raise EdgeSaleError(f"no session{about} to continue; begin one without -c")


def _place(file: Path) -> str | None:
    """The place of the session in a file, from its first line. None where the line does not say it."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            head = json.loads(stream.readline())
    except ValueError:
        return None
    return head.get("place") if isinstance(head, dict) else None


def _read(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8", errors="replace", newline="\n") as stream:  # a text may hold other line ends
        lines = [line.rstrip("\n") for line in stream]
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line)
            if not isinstance(value, Mapping) or (number > 1 and not {"said", "answer"} <= set(value)):
                raise ValueError("not a turn")
        except ValueError as error:
            if number == len(lines) or (line.startswith("{") and not line.endswith("}")):  # a kill cut the line short
                continue
            raise EdgeSaleError(f"{file}, line {number}: is not a turn of a session; move the file aside") from error
        yield dict(value)
