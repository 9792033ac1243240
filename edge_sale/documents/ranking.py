"""Merge the hits of two kinds of search, and prepare a second search. Pure functions.

A question that needs two steps ("where was the director of X born?") names only the first. The passages that it
finds name the second. So a second search adds the passages whose titles the first hits mention, the nearest to the
question first.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

CONSTANT = 10  # of reciprocal rank fusion: the paper's 60 is for lists of thousands
WORDS = 0.8  # weight of a hit by words; a hit by vectors has 1
TITLE = 3.0  # bm25 weight of a word in the title; a word in the text has 1

_WORD = re.compile(r"\w+")
_COMMON_WORDS = """
a about all also an and any are as at be been but by can could did do does for from had has have he her his how
i if in into is it its many me more most much my name no not of on one or other our out over own said same she
should so some such than that the their them then there these they this those to under up us was we were what
when where which while who whom whose why will with would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())  # of English; a word in this list finds nothing


def fuse(rankings: Sequence[Sequence[T]], weights: Sequence[float], constant: int = CONSTANT) -> list[T]:
    """Merge rankings by Σ weight / (constant + rank), best first (Cormack, Clarke, Buettcher, SIGIR 2009)."""
    scores: dict[T, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + weight / (constant + rank)
    return sorted(scores, key=lambda item: -scores[item])


def words(text: str) -> list[str]:
    """Return the words to search for: each once, in lower case, without common words unless there are no others."""
    found = list(dict.fromkeys(_WORD.findall(text.lower())))
    return [word for word in found if word not in _COMMON] or found


def match(text: str, most: int = 32) -> str:
    """Return an FTS5 expression for any word of `text`; empty if it has none. FTS5 syntax in `text` has no effect."""
    return " OR ".join(f'"{word}"' for word in words(text)[:most])


FOLLOWED = 3  # hits of the first search that are read for names
NAMED = 0.5  # weight of a passage found by its name; a hit of the first search has 1
LONGEST_NAME = 8  # words


def name(title: str) -> str:
    """Return a title as a text would mention it: in lower case, without brackets; empty if too short or too long."""
    found = " ".join(_WORD.findall(re.sub(r"\s*\(.*?\)\s*$", "", title).lower()))
    return found if len(found) > 3 and found not in _COMMON and found.count(" ") < LONGEST_NAME else ""


def mentions(text: str) -> set[str]:
    """Return every run of words that may be a title; a single word only if it is capitalised."""
    found = _WORD.findall(text)
    runs = {found[i].lower() for i in range(len(found)) if found[i][:1].isupper()}
    low = [word.lower() for word in found]
    for length in range(2, LONGEST_NAME + 1):
        runs.update(" ".join(low[i : i + length]) for i in range(len(low) - length + 1))
    return runs
