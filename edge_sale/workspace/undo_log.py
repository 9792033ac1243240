"""Apply an agent's changes to the user's files, and undo them: `edge-sale undo`.

Every change is recorded whole, before and after, before the first file is written, so that an interrupted one can be
undone too. A file that somebody else changed since is never overwritten: then nothing is applied or undone at all.
One process writes at a time.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge_sale.errors import EdgeSaleError
from edge_sale.workspace import change_records
from edge_sale.workspace.change import Change
from edge_sale.workspace.change_records import Applied, set_state
from edge_sale.workspace.file_moves import ChangedSince, Move, NotRestored, carry_out, check_unchanged

__all__ = ["Applied", "ChangedSince", "NotRestored", "UndoLog"]

WAIT = 30.0  # seconds to wait for another process that applies or undoes changes


@dataclass(frozen=True, slots=True)
class UndoLog:
    """The changes that were applied, recorded in `folder`."""

    folder: Path

    def apply(self, root: Path, changes: Sequence[Change], task: str) -> Applied:
        """Apply the changes to the files in `root`. If one fails, all are put back before the error is raised.

        Raises ChangedSince if a file has changed meanwhile, OSError or EdgeSaleError if it cannot be written.
        """
        moves = [Move(c.path, (c.before,), c.after, c.mode) for c in changes]
        with self._locked():
            check_unchanged(root, moves, "nothing was applied")
            id_ = f"{datetime.now():%Y%m%d-%H%M%S-%f}{secrets.token_hex(1)}"  # sorts by time
            entry = Applied(id_, root, task, time.time(), "applying", tuple(changes))
            change_records.write(self.folder, entry)
            self._carry_out(entry, moves, "nothing was applied", failed="undone")
            change_records.delete_oldest(self.folder)
            return set_state(self.folder, entry, "applied")

    def undo(self, id_: str = "", root: Path | None = None) -> Applied:
        """Undo the last change, or the one named. Raises ChangedSince, OSError, EdgeSaleError."""
        with self._locked():
            entry = self._find(id_, root, ("applied", "applying", "undoing"), "to undo")
            then = f"nothing was undone; the files as they were lie in {self.folder / entry.id}"
            complete = entry.state == "applied"  # otherwise each file may be as before or as after
            moves = [
                Move(c.path, (c.after,) if complete else (c.after, c.before), c.before, c.mode_before)
                for c in entry.changes
            ]
            check_unchanged(entry.root, moves, then)
            set_state(self.folder, entry, "undoing")
            self._carry_out(entry, moves, then, failed=entry.state)
            return set_state(self.folder, entry, "undone")

    def redo(self, id_: str = "", root: Path | None = None) -> Applied:
        """Apply again what was undone last, or the change named. Raises ChangedSince, OSError, EdgeSaleError."""
        with self._locked():
            entry = self._find(id_, root, ("undone",), "to redo")
            moves = [Move(c.path, (c.before,), c.after, c.mode) for c in entry.changes]
            check_unchanged(entry.root, moves, "nothing was put back")
            set_state(self.folder, entry, "applying")
            self._carry_out(entry, moves, "nothing was put back", failed="undone")
            return set_state(self.folder, entry, "applied")

    def list(self) -> list[Applied]:
        """Return all recorded changes, the oldest first. Raises EdgeSaleError naming a damaged one."""
        return change_records.read_all(self.folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock out other processes. Raises EdgeSaleError if another one does not finish within WAIT."""
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self.folder / ".lock", mode=0o600, timeout=WAIT)
        try:
            with lock:
                yield
        except Timeout:
            raise EdgeSaleError("another edge-sale is applying or undoing changes; try again when it is done") from None

    def _carry_out(self, entry: Applied, moves: Sequence[Move], then: str, *, failed: str) -> None:
        """Write the files. If that fails, they are put back, and the record gets the state `failed`."""
        try:
            carry_out(entry.root, moves, then)
        except NotRestored:
            raise
        except (OSError, EdgeSaleError):
            with suppress(OSError):  # the disk may be full; undoing the change once more does no harm
                set_state(self.folder, entry, failed)
            raise

    def _find(self, id_: str, root: Path | None, states: Sequence[str], what: str) -> Applied:
        """Return the change that an id means, or the last one in one of these states. Raises EdgeSaleError."""
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
        # undo takes the change applied last, redo the one undone last
        return max(open_, key=self._state_set_at if what == "to redo" else lambda entry: entry.at)

    def _state_set_at(self, entry: Applied) -> int:
        return change_records.state_set_at(self.folder, entry)
