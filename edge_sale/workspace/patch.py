"""Show changes as a patch that `git apply` accepts, and as one line for each file.

Git makes the patch, in a temporary repository and without the user's configuration. That way line ends, modes, names
and binary files come out exactly as `git apply` expects. Without git, `plain_patch` makes it.
"""

from __future__ import annotations

import difflib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_sale.environment import bare_environment
from edge_sale.workspace.change import Change
from edge_sale.workspace.plain_patch import git_mode, plain_patch, quoted, text_lines

SECONDS = 120  # for one call of git
# plain output, whatever the defaults are; renames are shown as a deleted and a new file, as in `summary`
DIFF = (
    *("diff-tree", "-r", "-p", "--binary", "--no-renames", "--no-color", "--no-ext-diff"),
    *("--no-textconv", "--src-prefix=a/", "--dst-prefix=b/"),
)


def as_patch(changes: Sequence[Change]) -> str:
    """Return the changes as a patch in UTF-8 text. Files that are not UTF-8 text become binary patches."""
    if not changes:
        return ""
    try:
        with tempfile.TemporaryDirectory(prefix="edge-sale-patch-") as folder:
            return _git_patch(changes, Path(folder))
    except (OSError, subprocess.SubprocessError):
        return plain_patch(changes)


def summary(changes: Sequence[Change]) -> list[str]:
    """Return a line for each file: what happened to it, and how many lines were added and removed."""
    lines = []
    for change in changes:
        what = "new" if change.before is None else "deleted" if change.after is None else "changed"
        count = _count(change)
        lines.append(f"{what} {_shown(change.path)}" + (f" (+{count[0]} −{count[1]})" if count else " (binary)"))
    return lines


def _git_patch(changes: Sequence[Change], repository: Path) -> str:
    """Commit the files before and after to a bare repository and compare the commits. Raises CalledProcessError."""
    (repository / "binary").write_text("* -diff\n", encoding="utf-8")
    groups = {
        "text": [change for change in changes if _is_text(change)],
        "binary": [change for change in changes if not _is_text(change)],
    }
    _git(repository, "init", "--quiet", "--bare", "--template=", str(repository / "git"))
    stream = b"".join(part for name, group in groups.items() for part in _commits(name, group))
    _git(repository, "fast-import", "--quiet", stdin=stream)
    attributes = {"text": os.devnull, "binary": str(repository / "binary")}
    patches = [
        _git(repository, "-c", f"core.attributesFile={attributes[name]}", *DIFF, f"refs/{name}/a", f"refs/{name}/b")
        for name, group in groups.items()
        if group
    ]
    return b"".join(patches).decode("utf-8")


def _git(repository: Path, *words: str, stdin: bytes = b"") -> bytes:
    environment = {
        **bare_environment(),  # none of the GIT_* variables
        "HOME": str(repository),
        "XDG_CONFIG_HOME": str(repository),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
    }
    command = ["git", f"--git-dir={repository / 'git'}", *words]
    done = subprocess.run(
        command, input=stdin, capture_output=True, check=True, cwd=repository, env=environment, timeout=SECONDS
    )
    return done.stdout


def _commits(group: str, changes: Sequence[Change]) -> Iterator[bytes]:
    """Yield the stream for `git fast-import` that makes the commits refs/GROUP/a (before) and refs/GROUP/b (after)."""
    sides = {
        "a": [(change.path, change.before, change.mode_before) for change in changes],
        "b": [(change.path, change.after, change.mode) for change in changes],
    }
    for side, files in sides.items():
        yield f"commit refs/{group}/{side}\ncommitter edge-sale <> 0 +0000\ndata 0\n".encode()
        for path, data, mode in files:
            if data is not None:
                yield f"M {git_mode(mode)} inline {quoted(path)}\ndata {len(data)}\n".encode() + data + b"\n"


def _is_text(change: Change) -> bool:
    return text_lines(change.before) is not None and text_lines(change.after) is not None


def _count(change: Change) -> tuple[int, int] | None:
    """Return how many lines were added and removed; None for a binary file."""
    before, after = text_lines(change.before), text_lines(change.after)
    if before is None or after is None:
        return None
    diff = list(difflib.unified_diff(before, after, n=0))[2:]
    return sum(line.startswith("+") for line in diff), sum(line.startswith("-") for line in diff)


def _shown(path: str) -> str:
    """Return a name as it is, or as git quotes it if it is not Unicode text."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return quoted(path)
    return path
