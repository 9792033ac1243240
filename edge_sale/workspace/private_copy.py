"""The private copy of a folder that an agent works in, and the changes it made there.

The folder is copied as it stands, with uncommitted work (see `file_list` for what is left out). Files that may hold
secrets are not copied unless the user allows them, so no tool and no command can read them. Edge-sale's own files
(memory, settings, these copies) are not copied either. A git worktree would lack uncommitted work and leave traces in
the user's `.git`; this copy leaves none.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_sale.errors import TaskError
from edge_sale.workspace import paths
from edge_sale.workspace.change import MAX_BYTES, Change
from edge_sale.workspace.file_list import (
    MAX_FILES,
    SILENT,
    UNREADABLE,
    is_below,
    is_cache,
    is_withheld,
    list_files,
    places_inside,
    walk,
    why_left_out,
)
from edge_sale.workspace.git import in_repository, run_git

MAX_TOTAL = 2**30  # bytes of all files together
Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class PrivateCopy:
    """`folder` is the copy of `root` that the agent works in; `original` is a second copy that stays unchanged."""

    root: Path
    folder: Path
    original: Path
    allowed: frozenset[str] = frozenset()
    own: tuple[str, ...] = ()  # edge-sale's own places in the folder: neither copied nor written back
    left_out: tuple[str, ...] = ()  # a line for each reason, naming files
    stamps: dict[str, Stamp] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)  # name -> target of the links that stay inside

    @property
    def files(self) -> list[str]:
        """The names of all copied files, sorted."""
        return sorted(self.stamps)

    def changes(self) -> list[Change]:
        """Return the files that were changed, created or deleted in the copy.

        Left out are caches, new files that git ignores, and protected paths.
        """
        _make_accessible(self.folder)
        found: list[Change] = []
        present = dict(self._present())
        for name, mode in present.items():
            if name in self.stamps and self.stamps[name] == _stamp(self.folder / name):
                continue
            if name not in self.stamps and (is_cache(name) or is_below(name, self.own)):
                continue
            try:
                after = paths.read(self.folder, name, MAX_BYTES)
            except paths.ToolRefused:  # a link, pipe or device is never written back
                continue
            before = self._before(name)
            mode_before = stat.S_IMODE((self.original / name).stat().st_mode) if before is not None else mode
            if after != before or (mode ^ mode_before) & 0o111:
                found.append(Change(name, before, after, mode, mode_before))
        for name in self.stamps.keys() - present.keys():
            if paths.is_protected(name) or os.path.lexists(self.folder / name):
                continue  # it exists, but is not compared
            mode = stat.S_IMODE((self.original / name).stat().st_mode)
            found.append(Change(name, self._before(name), None, mode, mode))
        fresh = [change.path for change in found if change.before is None]
        ignored = self._ignored(fresh)
        return sorted((c for c in found if c.path not in ignored), key=lambda change: change.path)

    def entries(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield everything in the copy except folders, with links, by name."""
        return walk(self.folder)

    def restore(self) -> None:
        """Restore the copy to its original state."""
        _make_accessible(self.folder)
        present = dict(self._present(every=True))
        for name in present.keys() - self.stamps.keys() - {name for name in self.links if self._has_link(name)}:
            paths.remove(self.folder, name)
        for name, stamp in list(self.stamps.items()):
            if stamp == _stamp(self.folder / name):
                continue
            self._clear(name)
            original = self.original / name
            paths.write(self.folder, name, original.read_bytes(), original.stat().st_mode, MAX_BYTES)
            self.stamps[name] = _stamp(self.folder / name)
        for name in self.links:
            if not self._has_link(name):
                self._clear(name)
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).symlink_to(self.links[name])

    def _has_link(self, name: str) -> bool:
        """Return whether the link is still as it was copied."""
        place = self.folder / name
        return place.is_symlink() and str(place.readlink()) == self.links[name]

    def close(self) -> None:
        """Delete the copy from the disk."""
        for folder in (self.folder, self.original):
            discard(folder)

    def _clear(self, name: str) -> None:
        """Delete whatever is in the place of the file or of a folder above it."""
        above = Path(name).parents
        for place in [self.folder / str(folder) for folder in reversed(above) if str(folder) != "."]:
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()
        place = self.folder / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def _before(self, name: str) -> bytes | None:
        return (self.original / name).read_bytes() if name in self.stamps else None

    def _present(self, *, every: bool = False) -> Iterator[tuple[str, int]]:
        """Yield regular files in the copy with their permissions; with `every`, everything else except folders too."""
        for name, entry in walk(self.folder):
            mode = entry.stat(follow_symlinks=False).st_mode
            if every or (stat.S_ISREG(mode) and not is_withheld(name, self.allowed) and not paths.is_protected(name)):
                yield name, stat.S_IMODE(mode)

    def _ignored(self, names: list[str]) -> set[str]:
        """Return those of the names that git ignores."""
        if not names or not in_repository(self.root):
            return set()
        asked = "\0".join(names).encode("utf-8", "surrogateescape")
        done = run_git(self.root, "check-ignore", "-z", "--stdin", stdin=asked)
        return set(done.stdout.decode("utf-8", "surrogateescape").split("\0")) if done.returncode == 0 else set()


def discard(folder: Path) -> None:
    """Delete a copy, or the rest of one, from the disk, whatever a command did to its permissions."""
    _make_accessible(folder)
    shutil.rmtree(folder, ignore_errors=True)


def private_copy(root: Path, scratch: Path, allowed: Collection[str] = (), own: Iterable[Path] = ()) -> PrivateCopy:
    """Copy `root` below `scratch`, without edge-sale's `own` places (`Settings.places`).

    `allowed` are names of files that are copied although they may hold secrets. Raises TaskError if the folder cannot
    be worked on, or has too many files.
    """
    root = project_folder(root)
    allowed = frozenset(_named(root, name) for name in allowed)
    folder, original = scratch / "work", scratch / "kept"
    for place in (folder, original):
        place.mkdir(parents=True, mode=0o700)
    copy = PrivateCopy(root, folder, original, allowed, places_inside(root, (scratch, *own)))
    left_out: dict[str, list[str]] = {}
    total = 0
    present = [name for name in allowed if os.path.lexists(root / name)]
    names = {**dict.fromkeys(present, False), **list_files(root, copy.own)}
    for name, tracked in names.items():
        if why := why_left_out(root, name, tracked, allowed):
            if why != SILENT:
                left_out.setdefault(why, []).append(name)
            continue
        total += (root / name).lstat().st_size
        if len(names) > MAX_FILES or total > MAX_TOTAL:
            raise TaskError(
                f"{root}: more than {MAX_FILES:,} files or {MAX_TOTAL // 2**30} GiB to copy; "
                f"give a folder below it with --repo"
            )
        if not _copy_file(root, name, copy):
            left_out.setdefault(UNREADABLE, []).append(name)
    if missing := sorted(name for name in allowed if name not in copy.stamps):
        raise TaskError(f"--allow {missing[0]}: there is no such file in {root}")
    copy.left_out = tuple(f"{why}: {_some(names)}" for why, names in left_out.items())
    return copy


def project_folder(root: Path) -> Path:
    """Return the absolute path of the folder of --repo. Raises TaskError if it is missing or holds the home folder."""
    try:
        root = root.expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise TaskError(f"{root}: no such folder; --repo takes the folder to work in") from error
    if not root.is_dir():
        raise TaskError(f"{root}: is not a folder; --repo takes the folder to work in")
    if root == Path("/") or Path.home().is_relative_to(root):
        raise TaskError(f"{root}: holds your home folder; --repo takes one project's folder")
    return root


def _named(root: Path, name: str) -> str:
    """Return the name in the copy of a file that the user allows. Raises TaskError for a file outside of `root`."""
    place = root / name
    found = os.path.relpath(place.parent.resolve() / place.name, root)
    if Path(found).parts[:1] == ("..",):
        raise TaskError(f"--allow {name}: lies outside {root}")
    return found


def _copy_file(root: Path, name: str, copy: PrivateCopy) -> bool:
    """Copy one file into both folders. Returns False if it may not be read; a file deleted meanwhile is skipped."""
    for half in (copy.folder, copy.original):
        (half / name).parent.mkdir(parents=True, exist_ok=True)
    if (root / name).is_symlink():
        copy.links[name] = str((root / name).readlink())
        (copy.folder / name).symlink_to(copy.links[name])
        return True
    try:
        shutil.copy2(root / name, copy.original / name, follow_symlinks=False)
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    shutil.copy2(copy.original / name, copy.folder / name)
    copy.stamps[name] = _stamp(copy.folder / name)
    return True


def _make_accessible(folder: Path) -> None:
    """Restore access to folders that a command closed: their files would count as deleted, and could not be removed."""
    _allow_owner(folder)
    for above, names, _ in os.walk(folder):  # os.walk enters a folder after this loop has opened it
        for name in names:
            _allow_owner(Path(above, name))


def _allow_owner(folder: Path) -> None:
    with suppress(OSError):  # deleted, or owned by somebody else
        mode = folder.lstat().st_mode
        if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)


def _stamp(file: Path) -> Stamp:
    """Return what every write changes; the time of the last status change cannot be set back."""
    try:
        about = file.lstat()
    except OSError:
        return (0, 0, 0, 0)
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
