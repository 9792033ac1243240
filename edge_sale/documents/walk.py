"""Which files of a folder are documents, and of those that are not, why.

Left out unless asked for: what git ignores (`.gitignore` files from the repository's root down and
`.git/info/exclude`), hidden files, and files whose names say that they hold keys or passwords. Never
entered: links (so no loop, and nothing outside the folder), other file systems' devices and pipes, `.git`.
Covered are names; `texts.py` looks for private keys inside. Not covered: a secret in a file that looks like
any other, git's global excludes, and that git goes on tracking an ignored file that was added by force.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sale.workspace.paths import EXAMPLES, SECRET, SECRET_FOLDERS, like, plain

# workspace/paths.py has the names that hold secrets; documents and code in these forms are no such files
HARMLESS = (*EXAMPLES, "*.py", "*.js", "*.ts", "*.go", "*.rs", "*.md")
JUNK = ("node_modules", "__pycache__")  # made by programs, by the thousand, whether git is told or not


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is indexed beyond the usual: with `everything` hidden and ignored files too, with `secrets` those."""

    everything: bool = False
    secrets: bool = False
    most: int = 32_000_000  # bytes of a file


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a document, as its folder's entry describes it. `path` is relative, with slashes."""

    path: str
    size: int
    changed: int  # ns since 1970


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not indexed. What the user decided on (`quiet`) is counted, the rest is told."""

    path: str
    why: str
    quiet: bool = False


def walk(root: Path, wanted: Wanted) -> Iterator[Found | LeftOut]:
    """Every file below `root` once, in order of names, with what to do about it."""
    yield from _folder(root, "", _above(root) if not wanted.everything else [], wanted)


Rules = list[tuple[Path, Any]]  # (folder that the rules are of, pathspec)


def _folder(root: Path, here: str, rules: Rules, wanted: Wanted) -> Iterator[Found | LeftOut]:
    try:
        with os.scandir(root / here) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield LeftOut(here or ".", f"cannot be read: {error.strerror}")
        return
    if not wanted.everything and any(entry.name == ".gitignore" for entry in listed):
        rules = [*rules, *_rules(root / here / ".gitignore")]
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
            yield LeftOut(path, "no regular file")


def _unwanted(name: str, path: str, root: Path, rules: Rules, wanted: Wanted, *, folder: bool) -> str:
    """Why an entry is left out as a matter of course, or nothing."""
    if name == ".git" or (folder and name in JUNK):
        return "made by programs"
    if secret(name, folder=folder):
        return "" if wanted.secrets else "may hold secrets (--secrets)"
    if wanted.everything:
        return ""
    if name.startswith("."):
        return "hidden (--all)"
    return "ignored by git (--all)" if _ignored(root / path, rules, folder=folder) else ""


def secret(name: str, *, folder: bool) -> bool:
    """Whether a name says that keys or passwords are kept here."""
    name = plain(name)
    if folder:
        return name in SECRET_FOLDERS
    return like(name, SECRET) and not like(name, HARMLESS)


def _ignored(path: Path, rules: Rules, *, folder: bool) -> bool:
    """By the last rule that speaks of it, as git reads them."""
    verdict = False
    for base, spec in rules:
        said = spec.check_file(path.relative_to(base).as_posix() + "/" * folder).include
        verdict = verdict if said is None else said
    return verdict


def _above(root: Path) -> Rules:
    """The rules of the repository that `root` is in, from its top down to the folder above `root`."""
    for top in (root, *root.parents):
        if (top / ".git").exists():
            between = [p for p in reversed(root.parents) if p == top or top in p.parents]
            rules = _rules(top / ".git/info/exclude", base=top)
            for folder in between:
                rules += _rules(folder / ".gitignore")
            return rules
    return []


def _rules(file: Path, base: Path | None = None) -> Rules:
    """A file of rules, parsed; none where there is no such file, or it is not text."""
    import pathspec

    try:
        if not file.is_file() or file.is_symlink():
            return []
        lines = file.read_text(encoding="utf-8").splitlines()
        return [(base or file.parent, pathspec.GitIgnoreSpec.from_lines(lines))]
    except (OSError, ValueError):
        return []
