"""Paths that a model wrote, and what may be reached by them: files inside one folder, and no secret among them.

A path is taken apart and walked from the folder's own descriptor, a component at a time, without following
links: a link that is put in place meanwhile is refused too. What is refused is said in words for the model.
"""

from __future__ import annotations

import fnmatch
import os
import secrets
import stat
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

LARGEST = 4 * 2**20  # bytes of a file that a tool reads or writes

# Names that by convention hold keys, tokens and passwords; compared as `plain` writes them. An index of documents
# (documents/walk.py) keeps to the same ones.
SECRET = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "*.asc",
    "*.gpg",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    "credentials",
    "credentials.*",
    "secrets",
    "secrets.*",
    "secret.*",
    "*.secret",
    "*.secrets",
    "*_secret.*",
    "service-account*.json",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    ".vault-token",
    ".terraformrc",
    "kubeconfig",
    ".s3cfg",
    ".boto",
    "token.json",
    "*.token",
    "*.mobileprovision",
    "*.ovpn",
    "wallet.dat",
    "passwords.*",
    "password.*",
)
SECRET_FOLDERS = (
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    ".docker",
    ".azure",
    ".gcloud",
    ".config",
    ".secrets",
    "secrets",
    ".password-store",
)
EXAMPLES = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")  # of secrets, without any
# Read by git, by editors and by shells on their own: written there, words become commands.
NOT_OURS = (".git", "git~1", ".hg", ".svn", ".vscode", ".idea", ".husky", ".direnv", ".edge-sale.toml")
CODE = (".py", ".js", ".ts", ".go", ".rs", ".java", ".c", ".h", ".cpp", ".rb", ".md", ".html")


class ToolRefused(Exception):
    """A tool will not do this; the message is for the model, and names no path outside."""


def plain(name: str) -> str:
    """A name as file systems may take it: without case, invisible signs, and dots and spaces at its end."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in folded if unicodedata.category(sign) not in ("Cf", "Cc")).rstrip(". ")


def secret(path: str) -> bool:
    """Whether a relative path names what is kept from models unless the user allows it."""
    *folders, name = (plain(part) for part in path.split("/"))
    if any(folder in SECRET_FOLDERS for folder in folders):
        return True
    if like(name, EXAMPLES):
        return False
    if name.endswith(CODE) and not name.startswith(".env"):  # secrets.py is somebody's module
        return False
    return like(name, SECRET)


def like(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name, as `plain` writes it, is of one of these shapes."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def closed(path: str) -> bool:
    """Whether a relative path lies where no change of a model's is ever taken over."""
    return any(plain(part) in NOT_OURS for part in path.split("/"))


def parts(path: str, root: Path | None = None) -> tuple[str, ...]:
    """The components of a path of a model's, relative to the folder it works in. Raises ToolRefused.

    An absolute path is taken where it begins with `root`, the folder as the user knows it.
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
    """A path of a model's as it stands below the folder, allowed to be touched at all. Raises ToolRefused."""
    name = "/".join(parts(path, root))
    if closed(name):
        raise ToolRefused(f"{name} is not for you to touch")
    if name not in allowed and secret(name):
        raise ToolRefused(f"{name} may hold secrets; it is not read or written")
    return name


def read(folder: Path, name: str, most: int = LARGEST) -> bytes:
    """The bytes of a plain file below `folder`. Raises ToolRefused."""
    holder = _open_folder(folder, name, make=False)
    try:
        descriptor = os.open(name.rpartition("/")[2], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=holder)
    except OSError as error:
        raise ToolRefused(_why(name, error)) from None
    finally:
        os.close(holder)
    try:  # a folder can be opened too, and only then be told from a file
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
    """Puts a whole file in place below `folder`. Raises ToolRefused.

    A file there keeps its permissions, a new one has those that the user's umask leaves.
    The file is written beside and moved, so a link or a hard link in its place is replaced and not followed.
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
    """Takes a file away, and the folders that are empty without it. Raises ToolRefused."""
    try:
        holder = _open_folder(folder, name, make=False)
    except ToolRefused:
        if os.path.lexists(folder / name):
            raise
        return  # the folder it would lie in is not there either
    try:
        os.unlink(name.rpartition("/")[2], dir_fd=holder)
    except FileNotFoundError:
        pass
    finally:
        os.close(holder)


def _open_folder(folder: Path, name: str, *, make: bool) -> int:
    """A descriptor of the folder that holds `name`, reached without a link."""
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
    if error.errno in (40, 20):  # ELOOP, ENOTDIR: a link where none is followed
        return f"{name} is reached by a link, which is not followed"
    return f"{name}: {(error.strerror or 'cannot be opened').lower()}"
