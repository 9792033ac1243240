"""Lines of a text as editors and Python's parser count them."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def split_lines(text: str, *, ends: bool = False) -> list[str]:
    """The lines, with their ends where wanted. `str.splitlines` also cuts at form feeds, U+2028 and the like."""
    found = _LINE.findall(text)
    return found if ends else [line.rstrip("\r\n") for line in found]
