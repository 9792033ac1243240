"""The folder that a task is about, as agents find it: a private copy for each, a check, the house's rules."""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_sale.events import Listener, silent
from edge_sale.workspace.private_copy import Change
from edge_sale.workspace.tools import WorkingCopy

GUIDE = "AGENTS.md"
GUIDE_CHARACTERS = 1500  # of all guides together: they stand in every prompt


@dataclass(slots=True)
class Workspace:
    """`begin` makes a fresh private copy. What each agent changed is in `changes` once it is done."""

    begin: Callable[[], WorkingCopy]
    check: str | None = None
    guide: str = ""
    tell: Listener = silent
    root: Path = Path()
    left_out: tuple[str, ...] = ()  # what no agent sees, in words
    files: tuple[str, ...] = ()
    changes: dict[str, Sequence[Change]] = field(default_factory=dict)

    def passes(self, at: WorkingCopy) -> tuple[bool, str]:
        """Whether the check ends with exit code 0 in the workspace, and what it printed."""
        assert self.check is not None
        ran = at.command(self.check)
        said = "\n".join(part.strip() for part in (ran.stdout, ran.stderr) if part.strip())
        return ran.exit_code == 0, said


def guide(root: Path) -> str:
    """What AGENTS.md says, from the folder upward; the nearest comes last and has the last word.

    A file above the folder counts only where it is the user's or the system's: anybody may write to /tmp.
    """
    found: list[str] = []
    room = GUIDE_CHARACTERS
    for folder in (root, *root.parents):
        file = folder / GUIDE
        try:
            about = file.lstat()
            if not stat.S_ISREG(about.st_mode) or about.st_uid not in (root.stat().st_uid, 0):
                continue  # a pipe would be waited for
            with file.open(encoding="utf-8", errors="replace") as stream:
                text = stream.read(room).strip()
        except OSError:
            continue
        if text:
            found.append(text)
            room -= len(text)
        if room <= 0:
            break
    return "\n\n".join(reversed(found))
