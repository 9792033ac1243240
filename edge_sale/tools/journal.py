"""Taking changes over into the user's files, and taking them back: `edge-sale undo`.

Every change is written down whole, before and after, in a folder of its own before the first file is
touched, so a crash half-way can be undone too. Nothing is overwritten that is not as it was when the work
began: what somebody else changed meanwhile stays, and then nothing at all is applied or undone.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_sale.errors import EdgeSaleError
from edge_sale.tools import paths
from edge_sale.tools.copy import FILE, Change

KEPT = 100  # changes of which everything is kept; the oldest go first


class ChangedSince(EdgeSaleError):
    """A file is not as it was left: nothing was applied or undone."""


@dataclass(frozen=True, slots=True)
class Applied:
    """One change of the user's files, as the journal has it. `state` is applied or undone, or halfway there."""

    id: str
    root: Path
    task: str
    at: float
    state: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """The changes that were applied, in `folder`."""

    folder: Path

    def apply(self, root: Path, changes: Sequence[Change], task: str) -> Applied:
        """Writes the changes into `root`. Raises ChangedSince where a file is no longer what it was."""
        _unchanged(root, [(c.path, (c.before,)) for c in changes], "nothing was applied")
        id_ = f"{datetime.now():%Y%m%d-%H%M%S-%f}{secrets.token_hex(1)}"  # in the order of time
        entry = Applied(id_, root, task, time.time(), "applying", tuple(changes))
        self._write(entry)
        try:
            _put(root, [(c.path, c.after, c.mode) for c in changes])
        except (OSError, EdgeSaleError):  # a full disk, a folder that may not be written to: all of it goes back
            _put(root, [(c.path, c.before, c.mode_before) for c in changes])
            self._mark(entry, "undone")
            raise
        self._tidy()
        return self._mark(entry, "applied")

    def undo(self, id_: str = "", root: Path | None = None) -> Applied:
        """Takes the last change back, or the one named. Raises ChangedSince, EdgeSaleError."""
        entry = self._find(id_, root, ("applied", "applying", "undoing"), "to undo")
        left = [(c.path, (c.after, c.before) if entry.state != "applied" else (c.after,)) for c in entry.changes]
        _unchanged(entry.root, left, f"nothing was undone; the files as they were lie in {self.folder / entry.id}")
        self._mark(entry, "undoing")
        _put(entry.root, [(c.path, c.before, c.mode_before) for c in entry.changes])
        return self._mark(entry, "undone")

    def redo(self, id_: str = "", root: Path | None = None) -> Applied:
        """Puts back what was undone last, or the change named. Raises ChangedSince, EdgeSaleError."""
        entry = self._find(id_, root, ("undone",), "to redo")
        _unchanged(entry.root, [(c.path, (c.before,)) for c in entry.changes], "nothing was put back")
        self._mark(entry, "applying")
        _put(entry.root, [(c.path, c.after, c.mode) for c in entry.changes])
        return self._mark(entry, "applied")

    def list(self) -> list[Applied]:
        """Every change there is, the oldest first. Raises EdgeSaleError naming a damaged one."""
        if not self.folder.is_dir():
            return []
        return [self._read(place) for place in self._places()]

    def _find(self, id_: str, root: Path | None, states: Sequence[str], what: str) -> Applied:
        known = [entry for entry in self.list() if root is None or entry.root == root]
        if id_:
            named = [entry for entry in known if entry.id.startswith(id_)]
            if not named:
                raise EdgeSaleError(f"no change {id_!r}; see: edge-sale undo --list")
            if named[-1].state not in states:
                raise EdgeSaleError(f"change {named[-1].id} is {named[-1].state}: there is nothing {what}")
            return named[-1]
        open_ = [entry for entry in known if entry.state in states]
        if not open_:
            where = f" in {root}" if root else ""
            raise EdgeSaleError(f"there is nothing {what}{where}; see: edge-sale undo --list")
        # the last one done is the first one undone; of those undone, the last one undone is put back first
        return max(open_, key=self._marked if what == "to redo" else lambda entry: entry.at)

    def _marked(self, entry: Applied) -> int:
        """When its state was last written, in nanoseconds."""
        return (self.folder / entry.id / "state").stat().st_mtime_ns

    def _write(self, entry: Applied) -> None:
        """The entry as a whole folder: written beside, then moved."""
        beside = self.folder / f".{entry.id}"
        beside.mkdir(parents=True, mode=0o700)
        files = []
        for number, change in enumerate(entry.changes):
            for side, data in (("before", change.before), ("after", change.after)):
                if data is not None:
                    _durable(beside / f"{number}.{side}", data)
            files.append({
                "path": change.path, "mode": change.mode, "mode_before": change.mode_before,
                "before": _digest(change.before), "after": _digest(change.after),
            })  # fmt: skip
        about = {"root": str(entry.root), "task": entry.task, "at": entry.at, "files": files}
        _durable(beside / "change.json", json.dumps(about, ensure_ascii=True).encode())
        _durable(beside / "state", entry.state.encode())
        beside.rename(self.folder / entry.id)

    def _mark(self, entry: Applied, state: str) -> Applied:
        place = self.folder / entry.id
        _durable(place / ".state", state.encode())
        (place / ".state").replace(place / "state")
        return Applied(entry.id, entry.root, entry.task, entry.at, state, entry.changes)

    def _read(self, place: Path) -> Applied:
        try:
            about: dict[str, Any] = json.loads((place / "change.json").read_text(encoding="utf-8"))
            changes = [
                Change(file["path"], _side(place, n, "before", file), _side(place, n, "after", file),
                       file["mode"], file["mode_before"])
                for n, file in enumerate(about["files"])
            ]  # fmt: skip
            state = (place / "state").read_text(encoding="utf-8")
            return Applied(place.name, Path(about["root"]), about["task"], about["at"], state, tuple(changes))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EdgeSaleError(
                f"{place}: is damaged ({type(error).__name__}: {error}); move it aside to undo others"
            ) from error

    def _places(self) -> Sequence[Path]:
        """Folders of whole entries, the oldest first; one that was being written when it was cut off is none."""
        return sorted(p for p in self.folder.iterdir() if p.name[0] != "." and (p / "change.json").is_file())

    def _tidy(self) -> None:
        for place in self._places()[:-KEPT]:
            shutil.rmtree(place, ignore_errors=True)


def _unchanged(root: Path, wanted: Sequence[tuple[str, Sequence[bytes | None]]], then: str) -> None:
    """Raises ChangedSince where a file is none of what it may be."""
    if not root.is_dir():
        raise ChangedSince(f"{root}: is gone, so {then}")
    for path, may_be in wanted:
        try:
            now: bytes | None = paths.read(root, path, 2**31)
        except paths.Refused as why:
            now = None
            if os.path.lexists(root / path):
                raise ChangedSince(f"{path}: {why}, so {then}") from None
        if now not in may_be:
            what = "is gone" if now is None else "is there by now" if may_be[0] is None else "has changed since"
            raise ChangedSince(f"{root / path} {what}, so {then}")


def _put(root: Path, wanted: Sequence[tuple[str, bytes | None, int]]) -> None:
    for path, data, mode in wanted:
        try:
            if data is None:
                paths.remove(root, path)
                _remove_empty(root, path)
            else:
                paths.write(root, path, data, mode, FILE)
        except paths.Refused as why:
            raise EdgeSaleError(f"{why}; what was written so far can be taken back with: edge-sale undo") from None


def _remove_empty(root: Path, path: str) -> None:
    """Folders above a file that is gone go too, where nothing else is in them."""
    for folder in list(Path(path).parents)[:-1]:
        try:
            (root / folder).rmdir()
        except OSError:
            return


def _side(place: Path, number: int, side: str, file: dict[str, Any]) -> bytes | None:
    if file[side] is None:
        return None
    data = (place / f"{number}.{side}").read_bytes()
    if _digest(data) != file[side]:
        raise ValueError(f"{number}.{side} is not what was written")
    return data


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _durable(file: Path, data: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
