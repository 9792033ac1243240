"""Changes as a patch that `git apply` takes, and as a line for each file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from edge_sale.workspace.private_copy import Change

CONTEXT = 3  # lines around a change


def as_patch(changes: Sequence[Change]) -> str:
    """A unified diff in git's form; of a binary file it says only that it differs."""
    return "".join(part for change in changes for part in _one(change))


def summary(changes: Sequence[Change]) -> list[str]:
    """A line for each file: what was done to it, and how many lines were added and taken away."""
    lines = []
    for change in changes:
        what = "new" if change.before is None else "deleted" if change.after is None else "changed"
        count = _count(change)
        lines.append(f"{what} {change.path}" + (f" (+{count[0]} −{count[1]})" if count else " (binary)"))
    return lines


def _one(change: Change) -> Iterator[str]:
    old, new = _quoted(f"a/{change.path}"), _quoted(f"b/{change.path}")
    yield f"diff --git {old} {new}\n"
    if change.before is None:
        yield f"new file mode {_mode(change.mode)}\n"
    elif change.after is None:
        yield f"deleted file mode {_mode(change.mode_before)}\n"
    elif _mode(change.mode) != _mode(change.mode_before):
        yield f"old mode {_mode(change.mode_before)}\nnew mode {_mode(change.mode)}\n"
    before, after = _lines(change.before), _lines(change.after)
    if before is None or after is None:
        yield f"Binary files {old} and {new} differ\n"
        return
    source = old if change.before is not None else "/dev/null"
    target = new if change.after is not None else "/dev/null"
    for number, line in enumerate(difflib.unified_diff(before, after, source, target, n=CONTEXT)):
        if number < 2:  # difflib puts a tab where a date would be
            yield line.rstrip("\t\n") + "\n"
        else:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes | None) -> list[str] | None:
    """Lines with their ends, split at line feeds alone; None for what is no text."""
    if data is None:
        return []
    if b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _count(change: Change) -> tuple[int, int] | None:
    before, after = _lines(change.before), _lines(change.after)
    if before is None or after is None:
        return None
    diff = list(difflib.unified_diff(before, after, n=0))[2:]
    return sum(line.startswith("+") for line in diff), sum(line.startswith("-") for line in diff)


def _mode(mode: int) -> str:
    return "100755" if mode & 0o100 else "100644"


def _quoted(name: str) -> str:
    """A name as git writes it: in quotes where it holds what would end it."""
    if not any(sign in '"\\' or ord(sign) < 32 or ord(sign) > 126 for sign in name):
        return name
    out = ""
    for byte in name.encode("utf-8", "surrogateescape"):
        sign = chr(byte)
        out += f"\\{sign}" if sign in '"\\' else sign if 32 <= byte < 127 else f"\\{byte:03o}"
    return f'"{out}"'
