"""The folder that a task is about, as agents see it: a private copy for each agent, a check, and AGENTS.md."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_sale.environment import variable
from edge_sale.event_bus import EventBus
from edge_sale.sandbox.command import Place, run_command
from edge_sale.settings import Settings
from edge_sale.workspace.change import Change
from edge_sale.workspace.private_copy import discard, private_copy
from edge_sale.workspace.tools import WorkingCopy

GUIDE = "AGENTS.md"
GUIDE_CHARACTERS = 1500  # of all guides together: they stand in every prompt
STALE = 24 * 3600  # seconds after which a private copy that a crash left behind is removed
FILES = 12  # names of files that bidders are told


@dataclass(frozen=True, slots=True)
class Workspace:
    """`begin` makes a fresh private copy. `changes` holds what each agent changed, once it is done."""

    begin: Callable[[], WorkingCopy]
    check: str | None = None
    guide: str = ""
    events: EventBus = field(default_factory=EventBus)
    root: Path = Path()
    left_out: tuple[str, ...] = ()  # what no agent sees, in words
    files: tuple[str, ...] = ()
    changes: dict[str, Sequence[Change]] = field(default_factory=dict)

    def passes(self, copy: WorkingCopy) -> tuple[bool, str]:
        """Whether the check ends with exit code 0 in a private copy, and what it printed."""
        assert self.check is not None
        ran = copy.command(self.check)
        said = "\n".join(part.strip() for part in (ran.stdout, ran.stderr) if part.strip())
        return ran.exit_code == 0, said

    def files_for(self, task_text: str) -> tuple[str, ...]:
        """Names of the files that bidders are told: first those that the task names, then by depth."""
        return tuple(sorted(self.files, key=lambda n: (Path(n).name not in task_text, n.count("/"), n))[:FILES])


@contextmanager
def open_workspace(
    root: Path, settings: Settings, check: str | None, allow: Sequence[str], events: EventBus
) -> Iterator[Workspace]:
    """The workspace of a folder; its private copies are removed afterwards. Raises TaskError, SandboxMissing."""
    path = variable("PATH") or ""
    settings.work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in settings.work_dir.iterdir():
        with suppress(FileNotFoundError):  # another run may be removing it
            if time.time() - left.stat().st_mtime > STALE:
                discard(left)
    scratch = Path(tempfile.mkdtemp(dir=settings.work_dir))

    def begin() -> WorkingCopy:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)  # another run may have removed it as stale
        os.utime(scratch)
        copy = private_copy(root, Path(tempfile.mkdtemp(dir=scratch)), allow, settings.places)
        return WorkingCopy(copy, settings.sandbox, path=path)

    try:
        first = begin()  # what is wrong with the folder is said before the auction, not after it
        try:
            if check is not None:  # raises now where there is no sandbox
                run_command("true", Place(first.copy.root, first.copy.folder, path), mode=settings.sandbox)
            workspace = Workspace(
                begin,
                check,
                guide(first.copy.root),
                events,
                root=first.copy.root,
                left_out=first.copy.left_out,
                files=tuple(first.copy.files),
            )
        finally:
            first.copy.close()
        yield workspace
    finally:
        discard(scratch)


def guide(root: Path) -> str:
    """What AGENTS.md says, from the folder upward; the nearest file comes last and has the last word.

    A file above the folder counts only where the user or the system owns it: anybody may write to /tmp.
    """
    found: list[str] = []
    room = GUIDE_CHARACTERS
    for folder in (root, *root.parents):
        file = folder / GUIDE
        try:
            about = file.lstat()
            if not stat.S_ISREG(about.st_mode) or about.st_uid not in (root.stat().st_uid, 0):
                continue  # reading a pipe would wait for ever
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
