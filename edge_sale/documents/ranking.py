"""How hits of two kinds of search become one list, and what a second search asks for. Pure functions.

A question whose answer is two steps away ("where was the director of X born?") names the first step only.
The passages that it finds name the second: so a second search takes the passages whose title is mentioned
in the first hits, nearest to the question first.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

CONSTANT = 10  # of reciprocal rank fusion: the paper's 60 is for lists of thousands
WORDS = 0.8  # what a place among the words' hits counts beside one among the vectors'
TITLE = 3.0  # bm25's weight of a word in the title against one in the text

_WORD = re.compile(r"\w+")
_COMMON_WORDS = """
a about all also an and any are as at be been but by can could did do does for from had has have he her his how
i if in into is it its many me more most much my name no not of on one or other our out over own said same she
should so some such than that the their them then there these they this those to under up us was we were what
when where which while who whom whose why will with would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())  # of English; one too many here costs the hits by that word


def fuse(rankings: Sequence[Sequence[T]], weights: Sequence[float], constant: int = CONSTANT) -> list[T]:
    """Reciprocal rank fusion (Cormack, Clarke, Buettcher, SIGIR 2009): Σ weight / (constant + rank), best first."""
    scores: dict[T, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + weight / (constant + rank)
    return sorted(scores, key=lambda item: -scores[item])


def words(text: str) -> list[str]:
    """The words that a search is for: each once, in lower case, without those that every text has."""
    found = list(dict.fromkeys(_WORD.findall(text.lower())))
    return [word for word in found if word not in _COMMON] or found


def match(text: str, most: int = 32) -> str:
    """An FTS5 expression for any of the words of `text`; empty where it has none. No syntax of a user's gets in."""
    return " OR ".join(f'"{word}"' for word in words(text)[:most])


FOLLOWED = 3  # of the first search's hits, so many are read for what they name
NAMED = 0.5  # what a place among the passages so named counts beside one in the first search
LONGEST_NAME = 8  # words


def name(title: str) -> str:
    """A title as it would be mentioned: its words in lower case, without brackets; empty where it is too short."""
    found = " ".join(_WORD.findall(re.sub(r"\s*\(.*?\)\s*$", "", title).lower()))
    return found if len(found) > 3 and found not in _COMMON and found.count(" ") < LONGEST_NAME else ""


def mentions(text: str) -> set[str]:
    """Every run of words in a text that may be somebody's title; a single word only where it is capitalised."""
    found = _WORD.findall(text)
    runs = {found[i].lower() for i in range(len(found)) if found[i][:1].isupper()}
    low = [word.lower() for word in found]
    for length in range(2, LONGEST_NAME + 1):
        runs.update(" ".join(low[i : i + length]) for i in range(len(low) - length + 1))
    return runs
