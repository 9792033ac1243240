"""Write several files as one step: all of them, or those already written are put back.

Nothing is overwritten that is not as expected: every file is checked before the first one is written, and once more
right before it is written itself. Not covered: a save by another program between that check and the write.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_sale.errors import EdgeSaleError
from edge_sale.workspace import paths
from edge_sale.workspace.change import MAX_BYTES


class ChangedSince(EdgeSaleError):
    """A file is not as it was expected. Nothing was applied or undone."""


class NotRestored(EdgeSaleError):
    """Writing failed half-way, and not every file could be put back."""


@dataclass(frozen=True, slots=True)
class Move:
    """A file whose content must be one of `may_be` and becomes `to`. None means: no such file."""

    path: str
    may_be: tuple[bytes | None, ...]
    to: bytes | None
    mode: int


def check_unchanged(root: Path, moves: Sequence[Move], then: str) -> None:
    """Raise ChangedSince, ending in `then`, if a file has none of its expected contents."""
    if not root.is_dir():
        raise ChangedSince(f"{root}: is gone, so {then}")
    for move in moves:
        _checked_content(root, move, {move.path for move in moves}, then)


def _checked_content(root: Path, move: Move, own: Collection[str], then: str) -> bytes | None:
    """Return a file's content. Raises ChangedSince if it is none of the expected ones."""
    now = _content(root, move.path, own, then)
    if now not in move.may_be:
        what = "is gone" if now is None else "is there by now" if move.may_be[0] is None else "has changed since"
        raise ChangedSince(f"{root / move.path} {what}, so {then}")
    return now


def _content(root: Path, path: str, own: Collection[str], then: str) -> bytes | None:
    """Return a file's bytes; None if there is none, or a folder of `own` files only. Raises ChangedSince."""
    try:
        return paths.read(root, path, 2**31)
    except paths.ToolRefused as why:
        if os.path.lexists(root / path) and not _holds_only(root, path, own):
            raise ChangedSince(f"{root / path}: {why}, so {then}") from None
    except OSError as error:
        raise ChangedSince(f"{root / path}: {(error.strerror or 'cannot be read').lower()}, so {then}") from error
    return None


def _holds_only(root: Path, path: str, own: Collection[str]) -> bool:
    """Return whether a path is a folder in which every file is one of `own`."""
    place = root / path
    if place.is_symlink() or not place.is_dir():
        return False
    below = (file for file in place.rglob("*") if file.is_symlink() or not file.is_dir())
    return all(file.relative_to(root).as_posix() in own for file in below)


def carry_out(root: Path, moves: Sequence[Move], then: str) -> None:
    """Write all files. If one fails, those already written are put back, and then its error is raised.

    Deletions come first, the deepest first, so that a folder can become a file and a file a folder.
    Raises ChangedSince, OSError naming the file, EdgeSaleError, and NotRestored.
    """
    own = {move.path for move in moves}
    done: list[tuple[Move, bytes | None, int]] = []  # with the content and permissions before
    try:
        for move in sorted(moves, key=lambda move: (move.to is not None, -move.path.count("/"), move.path)):
            before = _checked_content(root, move, own, then)
            mode = stat.S_IMODE((root / move.path).lstat().st_mode) if before is not None else 0
            _write(root, move.path, move.to, move.mode, then)
            done.append((move, before, mode))
    except (OSError, EdgeSaleError) as error:
        failed = [
            why for move, before, mode in reversed(done) if (why := _put_back(root, move, before, mode, own, then))
        ]
        if failed:
            why = f"{_message(error)}; but then {failed[0]}"
            raise NotRestored(f"{why}: what was written goes back with: edge-sale undo") from error
        raise


def _message(error: OSError | EdgeSaleError) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)


def _put_back(root: Path, move: Move, before: bytes | None, mode: int, own: Collection[str], then: str) -> str:
    """Restore what one move replaced. Returns why that was not possible, or an empty text."""
    try:
        now = _content(root, move.path, own, then)
        if now == move.to:
            _write(root, move.path, before, mode, then)
        return "" if now in (move.to, before) else f"{root / move.path} has changed since"
    except (OSError, EdgeSaleError) as why:
        return _message(why)


def _write(root: Path, path: str, data: bytes | None, mode: int, then: str) -> None:
    """Write one file, or delete it if `data` is None. Raises OSError and EdgeSaleError naming it."""
    place = root / path
    folder = place.is_dir() and not place.is_symlink()
    try:
        if data is None:
            if not folder:  # a file written earlier may have needed this folder
                paths.remove(root, path)
                _remove_empty(root, path)
            return
        if folder:  # it holds no file any more: see `_checked_content`
            for below in sorted(place.rglob("*"), reverse=True):
                below.rmdir()
            place.rmdir()
        paths.write(root, path, data, mode, MAX_BYTES)
    except paths.ToolRefused as why:
        raise EdgeSaleError(f"{place} cannot be written ({why}), so {then}") from None
    except OSError as error:  # the error names a temporary file, which means nothing to the user
        raise OSError(error.errno, f"{error.strerror}, so {then}", str(place)) from error


def _remove_empty(root: Path, path: str) -> None:
    """Delete the folders above a deleted file that are empty now."""
    for folder in list(Path(path).parents)[:-1]:
        try:
            (root / folder).rmdir()
        except OSError:
            return
