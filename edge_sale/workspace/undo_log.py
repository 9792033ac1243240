"""Taking changes over into the user's files, and taking them back: `edge-sale undo`.

Every change is written down whole, before and after, in a folder of its own before the first file is
touched, so a crash half-way can be undone too. Nothing is overwritten that is not as it was when the work
began: what somebody else changed meanwhile stays, and then nothing at all is applied or undone. Each file is
looked at once more right before it is written, and one process writes at a time.

Not covered: a save in the instant between that look and the write.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_sale.errors import EdgeSaleError
from edge_sale.workspace import paths
from edge_sale.workspace.private_copy import FILE, Change

KEPT = 100  # changes of which everything is kept; the oldest go first
WAIT = 30.0  # seconds for another process to be done with its changes


class ChangedSince(EdgeSaleError):
    """A file is not as it was left: nothing was applied or undone."""


class Stuck(EdgeSaleError):
    """Something went wrong half-way, and not all of it could be put back."""


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
class Move:
    """A file that is one of `may_be` and shall be `to`; None: that there is none."""

    path: str
    may_be: tuple[bytes | None, ...]
    to: bytes | None
    mode: int


@dataclass(frozen=True, slots=True)
class UndoLog:
    """The changes that were applied, in `folder`."""

    folder: Path

    def apply(self, root: Path, changes: Sequence[Change], task: str) -> Applied:
        """Writes the changes into `root`; what fails half-way is put back first.

        Raises ChangedSince where a file is no longer what it was, OSError or EdgeSaleError where it cannot be written.
        """
        moves = [Move(c.path, (c.before,), c.after, c.mode) for c in changes]
        with self._alone():
            _unchanged(root, moves, "nothing was applied")
            id_ = f"{datetime.now():%Y%m%d-%H%M%S-%f}{secrets.token_hex(1)}"  # in the order of time
            entry = Applied(id_, root, task, time.time(), "applying", tuple(changes))
            self._write(entry)
            self._put(entry, moves, "nothing was applied", failed="undone")
            self._tidy()
            return self._mark(entry, "applied")

    def undo(self, id_: str = "", root: Path | None = None) -> Applied:
        """Takes the last change back, or the one named. Raises ChangedSince, OSError, EdgeSaleError."""
        with self._alone():
            entry = self._find(id_, root, ("applied", "applying", "undoing"), "to undo")
            then = f"nothing was undone; the files as they were lie in {self.folder / entry.id}"
            whole = entry.state == "applied"  # else each file may be as it was before or after
            moves = [
                Move(c.path, (c.after,) if whole else (c.after, c.before), c.before, c.mode_before)
                for c in entry.changes
            ]
            _unchanged(entry.root, moves, then)
            self._mark(entry, "undoing")
            self._put(entry, moves, then, failed=entry.state)
            return self._mark(entry, "undone")

    def redo(self, id_: str = "", root: Path | None = None) -> Applied:
        """Puts back what was undone last, or the change named. Raises ChangedSince, OSError, EdgeSaleError."""
        with self._alone():
            entry = self._find(id_, root, ("undone",), "to redo")
            moves = [Move(c.path, (c.before,), c.after, c.mode) for c in entry.changes]
            _unchanged(entry.root, moves, "nothing was put back")
            self._mark(entry, "applying")
            self._put(entry, moves, "nothing was put back", failed="undone")
            return self._mark(entry, "applied")

    def list(self) -> list[Applied]:
        """Every change there is, the oldest first. Raises EdgeSaleError naming a damaged one."""
        if not self.folder.is_dir():
            return []
        return [self._read(place) for place in self._places()]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, of all processes. Raises EdgeSaleError where another one does not end."""
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self.folder / ".lock", mode=0o600, timeout=WAIT)
        try:
            with lock:
                yield
        except Timeout:
            raise EdgeSaleError("another edge-sale is applying or undoing changes; try again when it is done") from None

    def _put(self, entry: Applied, moves: Sequence[Move], then: str, *, failed: str) -> None:
        """Carries the moves out; what fails is put back, and the entry then is `failed`."""
        try:
            _carry_out(entry.root, moves, then)
        except Stuck:
            raise
        except (OSError, EdgeSaleError):
            with suppress(OSError):  # the disk may be full for this too; undoing it once more does no harm
                self._mark(entry, failed)
            raise

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
                Change(
                    file["path"],
                    _side(place, n, "before", file),
                    _side(place, n, "after", file),
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

    def _places(self) -> Sequence[Path]:
        """Folders of whole entries, the oldest first; one that was being written when it was cut off is none."""
        return sorted(p for p in self.folder.iterdir() if p.name[0] != "." and (p / "change.json").is_file())

    def _tidy(self) -> None:
        for place in self._places()[:-KEPT]:
            shutil.rmtree(place, ignore_errors=True)


def _unchanged(root: Path, moves: Sequence[Move], then: str) -> None:
    """Raises ChangedSince where a file is none of what it may be."""
    if not root.is_dir():
        raise ChangedSince(f"{root}: is gone, so {then}")
    for move in moves:
        _look(root, move, {move.path for move in moves}, then)


def _look(root: Path, move: Move, own: Collection[str], then: str) -> bytes | None:
    """What a file is now. Raises ChangedSince where it is none of what it may be."""
    now = _now(root, move.path, own, then)
    if now not in move.may_be:
        what = "is gone" if now is None else "is there by now" if move.may_be[0] is None else "has changed since"
        raise ChangedSince(f"{root / move.path} {what}, so {then}")
    return now


def _now(root: Path, path: str, own: Collection[str], then: str) -> bytes | None:
    """A file's bytes, or None: a folder that holds nothing but `own` files is no file either."""
    try:
        return paths.read(root, path, 2**31)
    except paths.ToolRefused as why:
        if os.path.lexists(root / path) and not _holds_only(root, path, own):
            raise ChangedSince(f"{root / path}: {why}, so {then}") from None
    except OSError as error:
        raise ChangedSince(f"{root / path}: {(error.strerror or 'cannot be read').lower()}, so {then}") from error
    return None


def _holds_only(root: Path, path: str, own: Collection[str]) -> bool:
    place = root / path
    if place.is_symlink() or not place.is_dir():
        return False
    below = (file for file in place.rglob("*") if file.is_symlink() or not file.is_dir())
    return all(file.relative_to(root).as_posix() in own for file in below)


def _carry_out(root: Path, moves: Sequence[Move], then: str) -> None:
    """Puts files from one side to the other. What goes wrong is raised once all that was written is put back.

    Deletions come first, the deepest before what is above: where a folder becomes a file or a file a folder,
    there is room. Raises ChangedSince, OSError naming the file, EdgeSaleError, and Stuck.
    """
    own = {move.path for move in moves}
    done: list[tuple[Move, bytes | None, int]] = []  # and what was there before, with its permissions
    try:
        for move in sorted(moves, key=lambda move: (move.to is not None, -move.path.count("/"), move.path)):
            there = _look(root, move, own, then)
            mode = stat.S_IMODE((root / move.path).lstat().st_mode) if there is not None else 0
            _write(root, move.path, move.to, move.mode, then)
            done.append((move, there, mode))
    except (OSError, EdgeSaleError) as error:
        stuck = [why for move, there, mode in reversed(done) if (why := _back(root, move, there, mode, own, then))]
        if stuck:
            why = f"{_said(error)}; but then {stuck[0]}"
            raise Stuck(f"{why}: what was written goes back with: edge-sale undo") from error
        raise


def _said(error: OSError | EdgeSaleError) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)


def _back(root: Path, move: Move, there: bytes | None, mode: int, own: Collection[str], then: str) -> str:
    """Puts back what one move found there; why not, in words, where somebody changed it since or it cannot be."""
    try:
        now = _now(root, move.path, own, then)
        if now == move.to:
            _write(root, move.path, there, mode, then)
        return "" if now in (move.to, there) else f"{root / move.path} has changed since"
    except (OSError, EdgeSaleError) as why:
        return _said(why)


def _write(root: Path, path: str, data: bytes | None, mode: int, then: str) -> None:
    """One file as it should be; None: no file. Raises OSError and EdgeSaleError naming it."""
    place = root / path
    folder = place.is_dir() and not place.is_symlink()
    try:
        if data is None:
            if not folder:  # files that are still to come may have made one
                paths.remove(root, path)
                _remove_empty(root, path)
            return
        if folder:  # it holds no file any more: see `_look`
            for below in sorted(place.rglob("*"), reverse=True):
                below.rmdir()
            place.rmdir()
        paths.write(root, path, data, mode, FILE)
    except paths.ToolRefused as why:
        raise EdgeSaleError(f"{place} cannot be written ({why}), so {then}") from None
    except OSError as error:  # of a file that was written beside, and that nobody knows
        raise OSError(error.errno, f"{error.strerror}, so {then}", str(place)) from error


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
