"""The private copy that an agent works in, and what it changed there.

What is copied is the folder as it stands, uncommitted work included: of a git repository what git lists
(tracked or not, but nothing that it ignores), else all but caches and dependencies. Files that may hold
secrets are left out unless the user allows them, so no tool and no command can read them; so is all that is
edge-sale's own (its memory, its settings, these copies), where that lies in the folder. A worktree of
git's own would lack uncommitted work and leave its traces in the user's `.git`; the copy leaves none.

Not covered: a secret in a file whose name does not say so.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import stat
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from edge_sale.environment import child_environment
from edge_sale.errors import TaskError
from edge_sale.sandbox.tool_chains import DEPENDENCIES
from edge_sale.workspace import paths

FILES = 50_000
BYTES = 2**30
GIT = 120  # seconds for one answer of git
FILE = 64 * 2**20  # bytes of one file; larger ones are left out, and that is said
UNREADABLE = "could not be read"
CACHES = (  # what programs leave behind as they run, a check's own among it
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
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after; None: it was not, or is no longer, there. `mode` is what it has afterwards."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644
    mode_before: int = 0o644


@dataclass(slots=True)
class PrivateCopy:
    """`folder` is the copy of `root`; `kept` the same once more, as it was in the beginning."""

    root: Path
    folder: Path
    kept: Path
    allowed: frozenset[str] = frozenset()
    own: tuple[str, ...] = ()  # what of the folder is edge-sale's own: neither copied nor taken over
    left_out: tuple[str, ...] = ()  # why and which, in words
    stamps: dict[str, Stamp] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)  # those that lead to somewhere inside, and where to

    @property
    def files(self) -> list[str]:
        """Every file that was copied, by name."""
        return sorted(self.stamps)

    def changes(self) -> list[Change]:
        """What was written, made and taken away in the copy, but for caches, what git ignores and what is closed."""
        _unlock(self.folder)
        found: list[Change] = []
        present = dict(self._present())
        for name, mode in present.items():
            if name in self.stamps and self.stamps[name] == _stamp(self.folder / name):
                continue
            if name not in self.stamps and (_cached(name) or _below(name, self.own)):
                continue
            try:
                after = paths.read(self.folder, name, FILE)
            except paths.ToolRefused:  # a link, a pipe, a device: nothing that is taken over
                continue
            before = self._before(name)
            mode_before = stat.S_IMODE((self.kept / name).stat().st_mode) if before is not None else mode
            if after != before or (mode ^ mode_before) & 0o111:
                found.append(Change(name, before, after, mode, mode_before))
        for name in self.stamps.keys() - present.keys():
            if paths.closed(name) or os.path.lexists(self.folder / name):
                continue  # it is there, where nothing is looked for
            mode = stat.S_IMODE((self.kept / name).stat().st_mode)
            found.append(Change(name, self._before(name), None, mode, mode))
        fresh = [change.path for change in found if change.before is None]
        ignored = self._ignored(fresh)
        return sorted((c for c in found if c.path not in ignored), key=lambda change: change.path)

    def entries(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Everything in the copy that is no folder, links among it, by name."""
        return _walk(self.folder)

    def restore(self) -> None:
        """Puts the copy back to what it was in the beginning."""
        _unlock(self.folder)
        present = dict(self._present(every=True))
        for name in present.keys() - self.stamps.keys() - {name for name in self.links if self._links(name)}:
            paths.remove(self.folder, name)
        for name, stamp in list(self.stamps.items()):
            if stamp == _stamp(self.folder / name):
                continue
            self._clear(name)
            kept = self.kept / name
            paths.write(self.folder, name, kept.read_bytes(), kept.stat().st_mode, FILE)
            self.stamps[name] = _stamp(self.folder / name)
        for name in self.links:
            if not self._links(name):
                self._clear(name)
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).symlink_to(self.links[name])

    def _links(self, name: str) -> bool:
        """Whether the link still stands as it was copied."""
        place = self.folder / name
        return place.is_symlink() and str(place.readlink()) == self.links[name]

    def close(self) -> None:
        """Removes the copy from the disk."""
        for folder in (self.folder, self.kept):
            discard(folder)

    def _clear(self, name: str) -> None:
        """Takes away whatever stands where the file, or a folder above it, should be."""
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
        return (self.kept / name).read_bytes() if name in self.stamps else None

    def _present(self, *, every: bool = False) -> Iterator[tuple[str, int]]:
        """Plain files in the copy with their permissions; with `every`, links and the rest too."""
        for name, entry in _walk(self.folder):
            mode = entry.stat(follow_symlinks=False).st_mode
            if every or (stat.S_ISREG(mode) and not _wanting(name, self.allowed) and not paths.closed(name)):
                yield name, stat.S_IMODE(mode)

    def _ignored(self, names: list[str]) -> set[str]:
        if not names or not _in_git(self.root):
            return set()
        asked = "\0".join(names).encode("utf-8", "surrogateescape")
        done = _git(self.root, "check-ignore", "-z", "--stdin", stdin=asked)
        return set(done.stdout.decode("utf-8", "surrogateescape").split("\0")) if done.returncode == 0 else set()


def discard(folder: Path) -> None:
    """Removes a copy, or what is left of some, from the disk, whatever a command did to its permissions."""
    _unlock(folder)
    shutil.rmtree(folder, ignore_errors=True)


def private_copy(root: Path, scratch: Path, allowed: Collection[str] = (), own: Iterable[Path] = ()) -> PrivateCopy:
    """A copy of `root` below `scratch`, without edge-sale's `own` places (`Settings.places`).

    Raises TaskError where the folder cannot be worked on.
    """
    root = sound(root)
    allowed = frozenset(_named(root, name) for name in allowed)
    folder, kept = scratch / "work", scratch / "kept"
    for place in (folder, kept):
        place.mkdir(parents=True, mode=0o700)
    copy = PrivateCopy(root, folder, kept, allowed, _inside(root, (scratch, *own)))
    left: dict[str, list[str]] = {}
    total = 0
    asked_for = [name for name in allowed if os.path.lexists(root / name)]
    names = {**dict.fromkeys(asked_for, False), **listed(root, copy.own)}
    for name, tracked in names.items():
        if why := _unfit(root, name, tracked, allowed):
            if why != "silent":
                left.setdefault(why, []).append(name)
            continue
        total += (root / name).lstat().st_size
        if len(names) > FILES or total > BYTES:
            raise TaskError(
                f"{root}: more than {FILES:,} files or {BYTES // 2**30} GiB to copy; give a folder below it with --repo"
            )
        if not _copied(root, name, copy):
            left.setdefault(UNREADABLE, []).append(name)
    if missing := sorted(name for name in allowed if name not in copy.stamps):
        raise TaskError(f"--allow {missing[0]}: there is no such file in {root}")
    copy.left_out = tuple(f"{why}: {_some(names)}" for why, names in left.items())
    return copy


def listed(root: Path, own: Sequence[str] = ()) -> Mapping[str, bool]:
    """Names of the files that are the user's work, nothing below `own`, and whether git keeps them. Raises TaskError.

    One more than may be copied ends the list: there is then no need to know the others.
    """
    if not _in_git(root):
        names = (name for name, _ in _walk(root) if not _cached(name) and not _below(name, own))
        return dict.fromkeys(islice(names, FILES + 1), False)
    found: dict[str, bool] = {}  # git names a file that is being merged once for each side
    for option, tracked in (("-c", True), ("-o", False)):
        done = _git(root, "ls-files", "-z", option, "--exclude-standard")
        if done.returncode != 0:
            why = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
            raise TaskError(f"{root}: git cannot list its files: {why}")
        for name in done.stdout.decode("utf-8", "surrogateescape").split("\0"):
            if name and not _below(name, own) and os.path.lexists(root / name):
                found.setdefault(name, tracked)
    return found


def sound(root: Path) -> Path:
    """The folder of --repo, whole. Raises TaskError where there is none, or it holds the home folder."""
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
    """A file that the user allows, as it is called in the copy. Raises TaskError where it lies elsewhere."""
    place = root / name
    found = os.path.relpath(place.parent.resolve() / place.name, root)
    if Path(found).parts[:1] == ("..",):
        raise TaskError(f"--allow {name}: lies outside {root}")
    return found


def _unfit(root: Path, name: str, tracked: bool, allowed: Collection[str]) -> str:
    """Why a file is not copied, in words; "silent" where nobody expects it to be, empty where it is copied."""
    if paths.closed(name) and name not in allowed:
        return "silent"
    if _wanting(name, allowed):
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
        return "left out, no plain files"
    if about.st_nlink > 1 and not tracked and name not in allowed:
        return "left out, files with a second name elsewhere (hard links)"
    if about.st_size > FILE:
        return f"left out, larger than {FILE // 2**20} MB"
    return ""


def _cached(name: str) -> bool:
    return any(fnmatch.fnmatchcase(part, cache) for part in name.split("/") for cache in CACHES)


def _inside(root: Path, places: Iterable[Path]) -> tuple[str, ...]:
    """The names in the folder of those places that lie in it."""
    whole = [place.resolve() for place in places]
    return tuple(sorted({str(p.relative_to(root)) for p in whole if p != root and p.is_relative_to(root)}))


def _below(name: str, places: Sequence[str]) -> bool:
    """Whether a name is one of these places, lies in one, or is a database's journal beside it."""
    return any(name in (place, f"{place}-wal", f"{place}-shm") or name.startswith(f"{place}/") for place in places)


def _wanting(name: str, allowed: Collection[str]) -> bool:
    return name not in allowed and paths.secret(name)


def _leads_inside(root: Path, name: str) -> bool:
    target = (root / name).readlink()
    if target.is_absolute():
        return False
    try:
        return (root / name).resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a loop
        return False


def _copied(root: Path, name: str, copy: PrivateCopy) -> bool:
    """Puts one file into both halves of the copy, and whether it may be read; one that goes meanwhile is not there."""
    for half in (copy.folder, copy.kept):
        (half / name).parent.mkdir(parents=True, exist_ok=True)
    if (root / name).is_symlink():
        copy.links[name] = str((root / name).readlink())
        (copy.folder / name).symlink_to(copy.links[name])
        return True
    try:
        shutil.copy2(root / name, copy.kept / name, follow_symlinks=False)
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    shutil.copy2(copy.kept / name, copy.folder / name)
    copy.stamps[name] = _stamp(copy.folder / name)
    return True


def _walk(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder that is no folder, without following links, in order."""
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


def _unlock(folder: Path) -> None:
    """Opens the folders that a command closed: what lies in them would count as deleted, and could not be removed."""
    _open(folder)
    for above, names, _ in os.walk(folder):  # enters a folder once it was opened here
        for name in names:
            _open(Path(above, name))


def _open(folder: Path) -> None:
    with suppress(OSError):  # gone, or somebody else's
        mode = folder.lstat().st_mode
        if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)


def _stamp(file: Path) -> Stamp:
    """What changes with every write, and cannot be set back: the time of the last change of any kind."""
    try:
        about = file.lstat()
    except OSError:
        return (0, 0, 0, 0)
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _in_git(root: Path) -> bool:
    """Whether git keeps the folder: not so where a repository around it ignores all of it."""
    if shutil.which("git") is None or not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return False
    return (root / ".git").exists() or _git(root, "check-ignore", "-q", ".").returncode != 0


def _git(root: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """git, asked about a repository that may be a stranger's: nothing that its configuration names is run.

    In a hook git's variables name another repository, so none is passed on but the user's configuration.
    Raises TaskError.
    """
    safe = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false"]
    command = ["git", "-C", str(root), *safe, *words]
    given = child_environment().items()
    environment = {name: value for name, value in given if not name.startswith("GIT_") or "GIT_CONFIG_" in name}
    try:
        return subprocess.run(command, input=stdin, capture_output=True, timeout=GIT, env=environment)
    except subprocess.TimeoutExpired:
        raise TaskError(f"{root}: git did not answer within {GIT} s; give a folder below it with --repo") from None


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
