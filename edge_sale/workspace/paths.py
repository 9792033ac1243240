"""Check the paths that a model gives, and read and write files below one folder without following links.

Each path is opened component by component from the folder's own descriptor, without following links. So a link that
is created meanwhile is refused too. Refusals are messages for the model.
"""

from __future__ import annotations

import os
import secrets
import stat
import unicodedata
from collections.abc import Collection
from pathlib import Path

from edge_sale.workspace.secret_names import is_secret, normalised

LARGEST = 4 * 2**20  # bytes of a file that a tool reads or writes
# git, editors and shells read these by themselves, so a change there could run commands
PROTECTED = (".git", "git~1", ".hg", ".svn", ".vscode", ".idea", ".husky", ".direnv", ".edge-sale.toml")


class ToolRefused(Exception):
    """A tool refuses a call. The message is for the model and names no path outside the folder."""


def is_protected(path: str) -> bool:
    """Return whether a relative path lies where a model may never change anything."""
    return any(normalised(part) in PROTECTED for part in path.split("/"))


def parts(path: str, root: Path | None = None) -> tuple[str, ...]:
    """Return the components of a model's path, relative to the folder it works in. Raises ToolRefused.

    An absolute path is accepted if it begins with `root`, the folder as the user knows it.
    """
    if "\0" in path or any(unicodedata.category(sign) == "Cc" for sign in path):
        raise ToolRefused("a path holds no control characters")
    if "\\" in path:
        raise ToolRefused("write paths with /")
    if len(path.encode("utf-8", "replace")) > 1024:
        raise ToolRefused("this path is too long")
    if path.startswith("/"):
        if root is None or not path.startswith(f"{root}/"):
            raise ToolRefused("give a path inside the folder, such as src/main.py")
        path = path[len(str(root)) + 1 :]
    found = tuple(part for part in path.strip().split("/") if part not in ("", "."))
    if ".." in found:
        raise ToolRefused("a path does not lead out of the folder")
    if any(len(part.encode("utf-8", "replace")) > 255 for part in found):
        raise ToolRefused("this path is too long")
    return found


def checked(path: str, root: Path | None = None, allowed: Collection[str] = ()) -> str:
    """Return a model's path relative to the folder, if it may be read and written. Raises ToolRefused."""
    name = "/".join(parts(path, root))
    if is_protected(name):
        raise ToolRefused(f"{name} is not for you to touch")
    if name not in allowed and is_secret(name):
        raise ToolRefused(f"{name} may hold secrets; it is not read or written")
    return name


def read(folder: Path, name: str, most: int = LARGEST) -> bytes:
    """Return the bytes of a regular file below `folder`. Raises ToolRefused."""
    holder = _open_folder(folder, name, make=False)
    try:
        descriptor = os.open(name.rpartition("/")[2], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=holder)
    except OSError as error:
        raise ToolRefused(_why(name, error)) from None
    finally:
        os.close(holder)
    try:  # a folder can be opened too, so the type is checked now
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise ToolRefused(f"{name} is {'a folder' if stat.S_ISDIR(about.st_mode) else 'not a file'}")
        if about.st_size > most:
            raise ToolRefused(f"{name} is larger than {most // 1024} KB")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)


def write(folder: Path, name: str, data: bytes, mode: int | None = None, most: int = LARGEST) -> None:
    """Write a whole file below `folder`. Raises ToolRefused.

    Without `mode`, an existing file keeps its permissions and a new one gets those of the user's umask. The file is
    written under another name and renamed, so a link or hard link in its place is replaced, not followed.
    """
    if len(data) > most:
        raise ToolRefused(f"{name} would be larger than {most // 1024} KB")
    holder = _open_folder(folder, name, make=True)
    last, beside = name.rpartition("/")[2], f".edge-sale-{secrets.token_hex(6)}"
    try:
        try:
            about = os.stat(last, dir_fd=holder, follow_symlinks=False)
        except FileNotFoundError:
            about = None
        if about and stat.S_ISDIR(about.st_mode):
            raise ToolRefused(f"{name} is a folder")
        kept = mode if mode is not None else stat.S_IMODE(about.st_mode) if about else None
        first = 0o666 if kept is None else 0o600
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, first, dir_fd=holder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if kept is not None:
                    os.fchmod(file.fileno(), kept & 0o777)
                os.fsync(file.fileno())
            os.replace(beside, last, src_dir_fd=holder, dst_dir_fd=holder)
        except BaseException:
            try:
                os.unlink(beside, dir_fd=holder)
            except FileNotFoundError:
                pass
            raise
    finally:
        os.close(holder)


def remove(folder: Path, name: str) -> None:
    """Delete a file, if there is one. Raises ToolRefused."""
    try:
        holder = _open_folder(folder, name, make=False)
    except ToolRefused:
        if os.path.lexists(folder / name):
            raise
        return  # its folder does not exist either
    try:
        os.unlink(name.rpartition("/")[2], dir_fd=holder)
    except FileNotFoundError:
        pass
    finally:
        os.close(holder)


def _open_folder(folder: Path, name: str, *, make: bool) -> int:
    """Open the folder that holds `name` without following links, and return its descriptor. Raises ToolRefused."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for part in name.split("/")[:-1]:
        try:
            if make:
                try:
                    os.mkdir(part, 0o777, dir_fd=held)
                except FileExistsError:
                    pass
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held)
        except OSError as error:
            raise ToolRefused(_why(name, error)) from None
        finally:
            os.close(held)
        held = below
    return held


def _why(name: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no file {name}"
    if error.errno in (40, 20):  # ELOOP, ENOTDIR: there is a link
        return f"{name} is reached by a link, which is not followed"
    return f"{name}: {(error.strerror or 'cannot be opened').lower()}"
