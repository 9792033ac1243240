"""Choose the files of a folder that are copied for an agent, and say why the others are left out.

In a git repository these are the files that git lists, tracked or not, but none that it ignores. In any other folder
they are all files except caches and dependencies. Files that may hold secrets are left out unless the user allows
them. Not covered: a secret in a file with an ordinary name.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from edge_sale.errors import TaskError
from edge_sale.sandbox.tool_chains import DEPENDENCIES
from edge_sale.workspace.change import MAX_BYTES
from edge_sale.workspace.git import in_repository, run_git
from edge_sale.workspace.paths import is_protected
from edge_sale.workspace.secret_names import is_secret

MAX_FILES = 50_000
UNREADABLE = "could not be read"
SILENT = "silent"  # left out, and not worth telling
CACHES = (  # files that programs, such as a check, leave behind
    "__pycache__",
    "*.pyc",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".nox",
    ".coverage",
    ".coverage.*",
    ".cache",
    "*.egg-info",
    ".eggs",
    ".ipynb_checkpoints",
    ".nyc_output",
    ".eslintcache",
    ".DS_Store",
    ".gradle",
    ".edge-sale-*",
)


def list_files(root: Path, own: Sequence[str] = ()) -> Mapping[str, bool]:
    """Return the names of the user's files, and whether git tracks them. Raises TaskError.

    Nothing below `own` is returned. Outside of git, the list ends one file after MAX_FILES: that is too many anyway.
    """
    if not in_repository(root):
        names = (name for name, _ in walk(root) if not is_cache(name) and not is_below(name, own))
        return dict.fromkeys(islice(names, MAX_FILES + 1), False)
    found: dict[str, bool] = {}  # git names a file in a merge conflict once for each side
    for option, tracked in (("-c", True), ("-o", False)):
        done = run_git(root, "ls-files", "-z", option, "--exclude-standard")
        if done.returncode != 0:
            why = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
            raise TaskError(f"{root}: git cannot list its files: {why}")
        for name in done.stdout.decode("utf-8", "surrogateescape").split("\0"):
            if name and not is_below(name, own) and os.path.lexists(root / name):
                found.setdefault(name, tracked)
    return found


def why_left_out(root: Path, name: str, tracked: bool, allowed: Collection[str]) -> str:
    """Return why a file is not copied; SILENT if nobody expects it to be, an empty text if it is copied."""
    if is_protected(name) and name not in allowed:
        return SILENT
    if is_withheld(name, allowed):
        return "left out as secrets (--allow FILE lets them be read)"
    try:
        about = (root / name).lstat()
    except OSError:
        return UNREADABLE
    if stat.S_ISDIR(about.st_mode):
        return "left out, repositories of their own"
    if stat.S_ISLNK(about.st_mode):
        return "" if _leads_inside(root, name) else "left out, links that lead outside"
    if not stat.S_ISREG(about.st_mode):
        return "left out, not regular files"
    if about.st_nlink > 1 and not tracked and name not in allowed:
        return "left out, files with a second name elsewhere (hard links)"
    if about.st_size > MAX_BYTES:
        return f"left out, larger than {MAX_BYTES // 2**20} MB"
    return ""


def is_cache(name: str) -> bool:
    """Return whether a file is one that programs leave behind."""
    return any(fnmatch.fnmatchcase(part, cache) for part in name.split("/") for cache in CACHES)


def places_inside(root: Path, places: Iterable[Path]) -> tuple[str, ...]:
    """Return the names, relative to `root`, of the places that lie in it."""
    resolved = [place.resolve() for place in places]
    return tuple(sorted({str(p.relative_to(root)) for p in resolved if p != root and p.is_relative_to(root)}))


def is_below(name: str, places: Sequence[str]) -> bool:
    """Return whether a name is one of these places, lies in one, or belongs to a database there (-wal, -shm)."""
    return any(name in (place, f"{place}-wal", f"{place}-shm") or name.startswith(f"{place}/") for place in places)


def is_withheld(name: str, allowed: Collection[str]) -> bool:
    """Return whether a file may hold secrets and the user has not allowed it."""
    return name not in allowed and is_secret(name)


def _leads_inside(root: Path, name: str) -> bool:
    target = (root / name).readlink()
    if target.is_absolute():
        return False
    try:
        return (root / name).resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a cycle of links
        return False


def walk(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything below a folder except folders, without following links, in order."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            entries = sorted(os.scandir(folder / below), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield name, entry
            elif entry.name not in (*DEPENDENCIES, ".git", ".hg", ".svn"):
                waiting.append(name)
