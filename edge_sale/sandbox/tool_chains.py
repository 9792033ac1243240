"""Find the folders that the programs on the user's PATH are made of, so that a sandbox can show them read-only."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_sale.sandbox import bubblewrap

DEPENDENCIES = (".venv", "venv", "node_modules")  # of a project: too large to copy, and not the user's work
BESIDE_BIN = ("lib", "lib64", "libexec", "include", "versions", "version")  # not share/, which may be the user's own
# where links in ~/.local/bin lead; there are no passwords there
OF_LOCAL_BIN = (
    "pipx",
    "share/pipx",
    "share/uv/tools",
    "share/uv/python",
)


def search_path(root: Path, path: str) -> str:
    """PATH for a command: the project's own environments, the user's PATH, then the Python that edge-sale runs on."""
    environments = [root / name / "bin" for name in DEPENDENCIES[:2]] + [root / "node_modules" / ".bin"]
    given = [part for part in path.split(os.pathsep) if part.startswith("/")]
    wanted = [*(str(folder) for folder in environments if folder.is_dir()), *given, str(Path(sys.executable).parent)]
    return os.pathsep.join(dict.fromkeys(wanted))


def tool_chains(path: str, root: Path) -> list[Path]:
    """Folders that programs on PATH need, apart from the system's own, and the dependencies in the project's root."""
    found = [root / name for name in DEPENDENCIES if (root / name).is_dir() and not (root / name).is_symlink()]
    for entry in map(Path, path.split(os.pathsep)):
        if entry.is_dir() and not _is_system(entry):
            found += _chain(entry)
    found += [Path(sys.base_prefix), Path(sys.base_exec_prefix)]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir() and not _too_wide(folder)]


def _chain(bin_folder: Path) -> Iterator[Path]:
    """The folders that programs in `bin_folder` read: their libraries, and what links in it lead to."""
    yield bin_folder
    prefix = bin_folder.parent
    if (prefix / "pyvenv.cfg").is_file():
        yield prefix
        home = re.search(r"^home\s*=\s*(.+)$", (prefix / "pyvenv.cfg").read_text(errors="replace"), re.MULTILINE)
        if home:
            yield Path(home[1].strip()).resolve().parent
    elif (prefix / "conda-meta").is_dir() or prefix.is_relative_to("/opt"):  # installed there as a whole
        yield prefix
    else:
        yield from (prefix / name for name in BESIDE_BIN)
        yield from (prefix / name for name in OF_LOCAL_BIN if prefix.name == ".local")
        if prefix.name == ".cargo":  # and rustup's folder beside it, but never ~/.cargo/credentials
            yield from (prefix / "registry", prefix.parent / ".rustup")
    real = bin_folder.resolve()
    if real != bin_folder:
        yield real


def _is_system(folder: Path) -> bool:
    return any(folder.is_relative_to(known) for known in bubblewrap.SYSTEM)


def _too_wide(folder: Path) -> bool:
    """Whether binding the folder would show a home folder, or everything."""
    home = Path.home()
    return folder == Path("/") or home == folder or home.is_relative_to(folder)
