"""The six tools of an agent that works in a folder of files. Each does one thing.

All of them work in a private copy (see `private_copy`). Only `run` starts programs, in the sandbox. Results are
bounded in length, and are data: nothing in them is an instruction.

The docstring of each tool function is the description that models read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from edge_sale.errors import SandboxMissing
from edge_sale.sandbox.bubblewrap import ProcessResult
from edge_sale.sandbox.command import Place, first_words, output_of, run_command
from edge_sale.text import split_lines
from edge_sale.workspace import editing, paths
from edge_sale.workspace.paths import ToolRefused
from edge_sale.workspace.private_copy import PrivateCopy
from edge_sale.workspace.secret_names import is_secret
from edge_sale.workspace.tool_schema import Body, Tool, tool

LINES = 60  # of a file, in one call
HITS = 20  # of a search
REPAIRS = 2  # failed edits of a file in a row; after that only edits of a few lines are accepted
SHOWN = 1200  # characters of one call's result


@dataclass(slots=True)
class WorkingCopy:
    """What the tools work in. `mode` is the user's sandbox setting; a model can change neither it nor the folder."""

    copy: PrivateCopy
    mode: str = "auto"
    seconds: float = 60.0  # of wall time for one command
    path: str = os.defpath
    faults: dict[str, int] = field(default_factory=dict)  # path -> how many edits in a row did not parse

    @property
    def place(self) -> Place:
        """The folder and search path for commands."""
        return Place(self.copy.root, self.copy.folder, self.path)

    def command(self, command: str, seconds: float | None = None) -> ProcessResult:
        """Run a command in the sandbox. Raises SandboxMissing."""
        return run_command(command, self.place, seconds=seconds or self.seconds, mode=self.mode)

    def text(self, name: str) -> str:
        """Return the content of a text file. Raises ToolRefused."""
        data = paths.read(self.copy.folder, name)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise ToolRefused(f"{name} is not UTF-8 text") from None

    def put(self, name: str, text: str) -> None:
        """Write a text file. Raises ToolRefused."""
        try:
            paths.write(self.copy.folder, name, text.encode("utf-8"))
        except UnicodeEncodeError:
            raise ToolRefused("this text is not UTF-8") from None

    def checked(self, path: str) -> str:
        """Return a model's path relative to the folder, if it may be read and written. Raises ToolRefused."""
        return paths.checked(path, self.copy.root, self.copy.allowed)

    def fault(self, name: str, text: str) -> str | None:
        """Return the first syntax error that a file would have, from a parser here or a compiler in the sandbox."""
        kind = PurePosixPath(name).suffix
        if kind not in editing.CHECKERS:
            return editing.fault(name, text)
        program = editing.CHECKERS[kind]
        if shutil.which(program.split()[0], path=self.path) is None:
            return None
        beside = str(
            PurePosixPath(name).with_name(f".edge-sale-check{kind}")
        )  # the file's own name with a suffix may be too long
        self.put(beside, text)
        try:
            ran = self.command(f"{program} '{beside}'" if "'" not in beside else "true", seconds=20)
        except SandboxMissing:  # a compiler never reads a model's text outside the sandbox
            return None
        finally:
            paths.remove(self.copy.folder, beside)
        if ran.exit_code in (0, 126, 127):
            return None
        said = (ran.stderr + ran.stdout).replace(beside, name)
        return next((line.strip() for line in said.splitlines() if line.strip()), "does not compile")[:200]


def list_(at: WorkingCopy, path: str = ".") -> str:
    """Files below a folder."""
    below = at.checked(path)
    files = [name for name, _ in _files(at) if not below or name.startswith(f"{below}/") or name == below]
    if not files:
        raise ToolRefused(f"there are no files in {path}")
    rest = f"\n... and {len(files) - LINES} more" if len(files) > LINES else ""
    return "\n".join(files[:LINES]) + rest


def search(at: WorkingCopy, pattern: str, path: str = ".") -> str:
    """Lines that match a regular expression."""
    below = at.checked(path)
    if not pattern:
        raise ToolRefused("search needs a pattern")
    hits = _ripgrep(at, pattern, below) if shutil.which("rg") else _plain_search(at, pattern, below)
    if not hits:
        return f"no line matches {pattern!r}"
    rest = f"\n... and {len(hits) - HITS} more" if len(hits) > HITS else ""
    return first_words("\n".join(line[:200] for line in hits[:HITS]), SHOWN) + rest


def read(at: WorkingCopy, path: str, first: int = 1, last: int = 0) -> str:
    """Lines of a file, numbered."""
    name = at.checked(path)
    lines = split_lines(at.text(name))
    first = max(first, 1)
    last = min(last or first + LINES - 1, first + LINES - 1, len(lines))
    if first > max(len(lines), 1):
        raise ToolRefused(f"{name} has {len(lines)} lines")
    shown = "\n".join(f"{number} {line[:200]}" for number, line in enumerate(lines[first - 1 : last], first))
    rest = f"\n({len(lines)} lines in all)" if last < len(lines) or first > 1 else ""
    return first_words(shown, 2 * SHOWN) + rest


def edit(at: WorkingCopy, path: str, text: Body, first: int = 0, last: int = 0) -> str:
    """Write a file or one function of it, or lines first to last; the new text goes below in a fence."""
    name = at.checked(path)
    try:
        old: str | None = at.text(name)
    except ToolRefused:
        if os.path.lexists(at.copy.folder / name):
            raise
        old = None
    if at.faults.get(name, 0) > REPAIRS and not (first or last) and old:
        raise ToolRefused(f"edit a few lines of {name} at a time: give first and last")
    new = editing.placed(old, text, first, last)
    if new == old:
        raise ToolRefused(f"that is what {name} says already; change something")
    fault = at.fault(name, new)
    # a file that never parsed may still be right: its build may know includes that this check does not find
    if fault and not (old and old.strip() and at.fault(name, old)):
        at.faults[name] = at.faults.get(name, 0) + 1
        raise ToolRefused(f"{name} was not written, it would not parse: {fault}")
    at.faults[name] = 0
    at.put(name, new)
    return f"{name} written" + (f"; as before it does not parse: {fault}" if fault else "")


def run(at: WorkingCopy, command: str) -> str:
    """Run a shell command and see what it prints."""
    return output_of(at.command(command), SHOWN)


def finish(at: WorkingCopy, answer: str) -> str:
    """Say what was done; ends the work."""
    return answer


FUNCTIONS: tuple[Callable[..., str], ...] = (list_, search, read, edit, run, finish)
TOOLS: dict[str, Tool] = {each.name: each for each in (tool(f) for f in FUNCTIONS)}


def _files(at: WorkingCopy) -> list[tuple[str, int]]:
    """Return names and sizes of the files that may be read, in order, including those that commands made."""
    return sorted(
        (name, entry.stat(follow_symlinks=False).st_size)
        for name, entry in at.copy.entries()
        if entry.is_file(follow_symlinks=False) and _may_read(at, name)
    )


def _may_read(at: WorkingCopy, name: str) -> bool:
    return not paths.is_protected(name) and (name in at.copy.allowed or not is_secret(name))


def _ripgrep(at: WorkingCopy, pattern: str, below: str) -> list[str]:
    """Search with ripgrep. It gets the names of regular files only, so it follows no links."""
    names = [name for name, _ in _files(at) if not below or name == below or name.startswith(f"{below}/")]
    if not names:
        raise ToolRefused("there are no files there")
    hits: list[str] = []
    for start in range(0, len(names), 1000):
        some = [f"./{name}" for name in names[start : start + 1000]]
        command = [
            "rg",
            "--no-config",
            "--no-ignore",
            "--hidden",
            "--with-filename",
            "-n",
            "--max-columns",
            "200",
            "-e",
            pattern,
            "--",
            *some,
        ]
        try:
            done = subprocess.run(
                command, cwd=at.copy.folder, capture_output=True, timeout=20, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise ToolRefused("the search took too long") from None
        if done.returncode == 2 and not done.stdout:
            why = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ToolRefused(f"the pattern is not a regular expression: {why[-1] if why else pattern}")
        hits += [line.removeprefix("./") for line in done.stdout.decode("utf-8", "replace").splitlines()]
    return hits


def _plain_search(at: WorkingCopy, pattern: str, below: str) -> list[str]:
    """Search without ripgrep: find lines that contain the pattern literally. `|` separates alternatives."""
    words = [word for word in pattern.split("|") if word]
    hits = []
    for name, size in _files(at):
        if (below and name != below and not name.startswith(f"{below}/")) or size > paths.LARGEST:
            continue
        try:
            lines = split_lines(at.text(name))
        except ToolRefused:
            continue
        hits += [f"{name}:{n}:{line}" for n, line in enumerate(lines, 1) if any(word in line for word in words)]
    return hits
