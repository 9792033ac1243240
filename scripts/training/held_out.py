"""Whether a text holds wording that is held out for tests, so that no training text does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from edge_sale.evaluation.bundled_tasks.operations import OPERATIONS
from edge_sale.evaluation.bundled_tasks.patterns import SPELLED, inflected, plain, spelled_out

_NUMBER = re.compile(rf"\{{k\}}|\b(?:\d+|{'|'.join(SPELLED)})\b")
_LETTER = re.compile(r"\{[cd]\}|['\"]?(?<!\w)[a-z](?!\w)['\"]?")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text without case and punctuation; numbers and single letters are placeholders."""
    return tuple(re.findall(r"[a-z-]+|[#@]", _LETTER.sub("@", _NUMBER.sub("#", text.lower()))))


def holds_held_out(text: str) -> bool:
    """Whether any held-out wording is in the text, alone or as a part of a longer wording."""
    words, held = words_of(text), _held_out()
    return any(
        words[i : i + size] in held[first][size] for i, first in enumerate(words) for size in held.get(first, ())
    )


@cache
def _held_out() -> Mapping[str, Mapping[int, set[tuple[str, ...]]]]:
    """All spellings of all held-out wordings, by first word and length."""
    found: dict[str, dict[int, set[tuple[str, ...]]]] = {}
    for operation in OPERATIONS:
        for text in (text for pattern in operation.held for text in spelled_out(pattern)):
            for words in {words_of(inflected(text)), words_of(plain(text))}:
                found.setdefault(words[0], {}).setdefault(len(words), set()).add(words)
    return found
