"""Make patches without git. They apply like git's own, but do not hold the content of binary files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from edge_sale.workspace.change import Change

CONTEXT = 3  # unchanged lines around a change


def plain_patch(changes: Sequence[Change]) -> str:
    """Return a unified diff in git's form. For a binary file it only says that it differs."""
    return "".join(part for change in changes for part in _one(change))


def _one(change: Change) -> Iterator[str]:
    old, new = quoted(f"a/{change.path}"), quoted(f"b/{change.path}")
    yield f"diff --git {old} {new}\n"
    if change.before is None:
        yield f"new file mode {git_mode(change.mode)}\n"
    elif change.after is None:
        yield f"deleted file mode {git_mode(change.mode_before)}\n"
    elif git_mode(change.mode) != git_mode(change.mode_before):
        yield f"old mode {git_mode(change.mode_before)}\nnew mode {git_mode(change.mode)}\n"
    before, after = text_lines(change.before), text_lines(change.after)
    if before is None or after is None:
        yield f"Binary files {old} and {new} differ\n"
        return
    source = old if change.before is not None else "/dev/null"
    target = new if change.after is not None else "/dev/null"
    for number, line in enumerate(difflib.unified_diff(before, after, source, target, n=CONTEXT)):
        if number < 2:  # difflib writes a tab in place of a date
            yield line.rstrip("\t\n") + "\n"
        else:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def text_lines(data: bytes | None) -> list[str] | None:
    """Split UTF-8 text at line feeds, keeping them. Returns None for anything else, an empty list for no file."""
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


def git_mode(mode: int) -> str:
    """Return the mode that git stores for these permissions."""
    return "100755" if mode & 0o100 else "100644"


def quoted(name: str) -> str:
    """Return a name as git writes it: in quotes, with escapes, unless it is plain ASCII without quotes."""
    if not any(sign in '"\\' or ord(sign) < 32 or ord(sign) > 126 for sign in name):
        return name
    out = ""
    for byte in name.encode("utf-8", "surrogateescape"):
        sign = chr(byte)
        out += f"\\{sign}" if sign in '"\\' else sign if 32 <= byte < 127 else f"\\{byte:03o}"
    return f'"{out}"'
