"""The records of applied changes: one folder for each, with every file before and after."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_sale.errors import EdgeSaleError
from edge_sale.workspace.change import Change

KEPT = 100  # records that are kept; older ones are deleted


@dataclass(frozen=True, slots=True)
class Applied:
    """A recorded change of the user's files. `state` is applied, undone, or (interrupted) applying or undoing."""

    id: str
    root: Path
    task: str
    at: float  # seconds since 1970
    state: str
    changes: tuple[Change, ...]


def write(folder: Path, entry: Applied) -> None:
    """Store a record below `folder`. It is written under another name and renamed when it is complete."""
    beside = folder / f".{entry.id}"
    beside.mkdir(parents=True, mode=0o700)
    files = []
    for number, change in enumerate(entry.changes):
        for side, data in (("before", change.before), ("after", change.after)):
            if data is not None:
                write_durably(beside / f"{number}.{side}", data)
        files.append(
            {
                "path": change.path,
                "mode": change.mode,
                "mode_before": change.mode_before,
                "before": _digest(change.before),
                "after": _digest(change.after),
            }
        )
    about = {"root": str(entry.root), "task": entry.task, "at": entry.at, "files": files}
    write_durably(beside / "change.json", json.dumps(about, ensure_ascii=True).encode())
    write_durably(beside / "state", entry.state.encode())
    beside.rename(folder / entry.id)


def set_state(folder: Path, entry: Applied, state: str) -> Applied:
    """Store a new state of a record, and return the record with it."""
    place = folder / entry.id
    write_durably(place / ".state", state.encode())
    (place / ".state").replace(place / "state")
    return replace(entry, state=state)


def state_set_at(folder: Path, entry: Applied) -> int:
    """Return when the state of a record was last stored, in nanoseconds since 1970."""
    return (folder / entry.id / "state").stat().st_mtime_ns


def read_all(folder: Path) -> list[Applied]:
    """Return all records, the oldest first. Raises EdgeSaleError naming a damaged one."""
    return [_read(place) for place in _places(folder)] if folder.is_dir() else []


def delete_oldest(folder: Path) -> None:
    """Delete the oldest records beyond KEPT."""
    for place in _places(folder)[:-KEPT]:
        shutil.rmtree(place, ignore_errors=True)


def _places(folder: Path) -> Sequence[Path]:
    """Return the folders of complete records, the oldest first."""
    return sorted(p for p in folder.iterdir() if p.name[0] != "." and (p / "change.json").is_file())


def _read(place: Path) -> Applied:
    try:
        about: dict[str, Any] = json.loads((place / "change.json").read_text(encoding="utf-8"))
        changes = [
            Change(
                file["path"],
                _content(place, n, "before", file),
                _content(place, n, "after", file),
                file["mode"],
                file["mode_before"],
            )
            for n, file in enumerate(about["files"])
        ]
        state = (place / "state").read_text(encoding="utf-8")
        return Applied(place.name, Path(about["root"]), about["task"], about["at"], state, tuple(changes))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EdgeSaleError(
            f"{place}: is damaged ({type(error).__name__}: {error}); move it aside to undo others"
        ) from error


def _content(place: Path, number: int, side: str, file: dict[str, Any]) -> bytes | None:
    if file[side] is None:
        return None
    data = (place / f"{number}.{side}").read_bytes()
    if _digest(data) != file[side]:
        raise ValueError(f"{number}.{side} is not what was written")
    return data


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def write_durably(file: Path, data: bytes) -> None:
    """Write a file, readable by its owner alone, so that it survives power loss."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
