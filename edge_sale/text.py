"""Split text into lines as editors and Python's parser count them."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def split_lines(text: str, *, ends: bool = False) -> list[str]:
    """Return the lines of `text`, with their line ends if `ends` is set.

    Unlike `str.splitlines`, this does not cut at form feeds, U+2028 and the like.
    """
    found = _LINE.findall(text)
    return found if ends else [line.rstrip("\r\n") for line in found]
