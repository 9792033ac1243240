"""A wire around the user's own folders: what lay there before the tests lies there after them."""

from collections.abc import Iterable
from pathlib import Path

Shot = dict[str, tuple[int, int]]  # file -> size, mtime in ns


def snapshot(folders: Iterable[Path], models_dir: Path) -> Shot:
    """Every file below `folders`, but not the catalogue's stamps and locks beside the pulled models."""
    found = {}
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not (file.is_relative_to(models_dir) and _stamp(file)):
                stat = file.stat()
                found[str(file)] = (stat.st_size, stat.st_mtime_ns)
    return found


def changes(before: Shot, after: Shot) -> list[str]:
    """What is new, gone or different, a line each."""
    lines = []
    for file in sorted(before.keys() | after.keys()):
        if before.get(file) != after.get(file):
            kind = "new" if file not in before else "gone" if file not in after else "changed"
            lines.append(f"{kind}: {file}")
    return lines


def _stamp(file: Path) -> bool:
    return ".json" in file.suffixes or file.suffix == ".lock"
