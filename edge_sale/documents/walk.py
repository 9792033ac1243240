"""Find the files of a folder that may be documents, and say why the others are left out.

Left out unless asked for: files that git ignores (`.gitignore` files from the repository's root down and
`.git/info/exclude`), hidden files, and files whose names suggest keys or passwords. Never read: links (so there are
no loops and nothing outside the folder), devices, pipes and `.git`. This module checks names; `texts.py` looks for
private keys inside files. Not covered: a secret in a file with an ordinary name, git's global excludes, and ignored
files that git tracks because they were added by force.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sale.workspace.secret_names import EXAMPLES, SECRET_FILES, SECRET_FOLDERS, matches, normalised

# documents and source code whose names match a secret file's pattern, but are none
HARMLESS = (*EXAMPLES, "*.py", "*.js", "*.ts", "*.go", "*.rs", "*.md")
GENERATED = ("node_modules", "__pycache__")  # many files made by programs, even if git does not ignore them


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to index beyond the default. `everything`: hidden and ignored files; `secrets`: files with secret names."""

    everything: bool = False
    secrets: bool = False
    most: int = 32_000_000  # bytes of the largest file


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a document, with what its folder entry says. `path` is relative, with slashes."""

    path: str
    size: int
    changed: int  # ns since 1970


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not indexed. Those left out by a rule (`quiet`) are only counted, others are listed."""

    path: str
    why: str
    quiet: bool = False


def walk(root: Path, wanted: Wanted) -> Iterator[Found | LeftOut]:
    """Yield every file below `root` once, in order of names, as found or left out."""
    yield from _folder(root, "", _rules_above(root) if not wanted.everything else [], wanted)


Rules = list[tuple[Path, Any]]  # (folder that the rules apply to, pathspec)


def _folder(root: Path, here: str, rules: Rules, wanted: Wanted) -> Iterator[Found | LeftOut]:
    try:
        with os.scandir(root / here) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield LeftOut(here or ".", f"cannot be read: {error.strerror}")
        return
    if not wanted.everything and any(entry.name == ".gitignore" for entry in listed):
        rules = [*rules, *_read_rules(root / here / ".gitignore")]
    for entry in listed:
        path = f"{here}/{entry.name}" if here else entry.name
        try:
            path.encode()
        except UnicodeEncodeError:
            yield LeftOut(path.encode("utf-8", "backslashreplace").decode(), "its name is not UTF-8")
            continue
        if entry.is_symlink():
            yield LeftOut(path, "a link, not followed")
            continue
        folder = entry.is_dir(follow_symlinks=False)
        if why := _unwanted(entry.name, path, root, rules, wanted, folder=folder):
            if entry.name != ".git":
                yield LeftOut(path + "/" * folder, why, quiet=True)
            continue
        if folder:
            yield from _folder(root, path, rules, wanted)
            continue
        try:
            seen = entry.stat(follow_symlinks=False)
        except OSError as error:
            yield LeftOut(path, f"cannot be read: {error.strerror}")
            continue
        if stat.S_ISREG(seen.st_mode):
            yield Found(path, seen.st_size, seen.st_mtime_ns)
        else:
            yield LeftOut(path, "not a regular file")


def _unwanted(name: str, path: str, root: Path, rules: Rules, wanted: Wanted, *, folder: bool) -> str:
    """Return the rule by which an entry is left out, or an empty text."""
    if name == ".git" or (folder and name in GENERATED):
        return "made by programs"
    if is_secret(name, folder=folder):
        return "" if wanted.secrets else "may hold secrets (--secrets)"
    if wanted.everything:
        return ""
    if name.startswith("."):
        return "hidden (--all)"
    return "ignored by git (--all)" if _ignored(root / path, rules, folder=folder) else ""


def is_secret(name: str, *, folder: bool) -> bool:
    """Return whether a name suggests keys or passwords."""
    name = normalised(name)
    if folder:
        return name in SECRET_FOLDERS
    return matches(name, SECRET_FILES) and not matches(name, HARMLESS)


def _ignored(path: Path, rules: Rules, *, folder: bool) -> bool:
    """Return whether git would ignore a path: the last matching rule decides."""
    ignored = False
    for base, spec in rules:
        included = spec.check_file(path.relative_to(base).as_posix() + "/" * folder).include
        ignored = ignored if included is None else included
    return ignored


def _rules_above(root: Path) -> Rules:
    """Return the ignore rules of the repository around `root`, from its top down to the folder above `root`."""
    for top in (root, *root.parents):
        if (top / ".git").exists():
            between = [p for p in reversed(root.parents) if p == top or top in p.parents]
            rules = _read_rules(top / ".git/info/exclude", base=top)
            for folder in between:
                rules += _read_rules(folder / ".gitignore")
            return rules
    return []


def _read_rules(file: Path, base: Path | None = None) -> Rules:
    """Read a file of ignore rules; no rules if it is missing or not text."""
    import pathspec

    try:
        if not file.is_file() or file.is_symlink():
            return []
        lines = file.read_text(encoding="utf-8").splitlines()
        return [(base or file.parent, pathspec.GitIgnoreSpec.from_lines(lines))]
    except (OSError, ValueError):
        return []
