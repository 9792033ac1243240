"""Checks the sources that an answer cites against the passages that were read. Pure functions over text.

A model cites a source as `[2]`, the number of a passage in its prompt, or as `[file:line]`. If that passage was read,
the mark becomes a citation of the lines in it that are most similar to the sentence before the mark. Any other mark
is removed, and a note names it. If no citation is left, the lines that share most words with the answer are cited,
provided that they have at least ENOUGH of its words. Otherwise a note says that no passage supports the answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_sale.documents.passages import Passage, place
from edge_sale.documents.ranking import words
from edge_sale.types import Citation

ENOUGH = 0.6  # share of the answer's words that its source, of at most two lines, has to contain
_MARK = re.compile(r"\s*\[(?:(\d{1,3})|([^\[\]\n]{1,200}?):(\d{1,7})(?:-(\d{1,7}))?)\]")


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer in which the marks [1], [2], … number its citations."""

    text: str
    citations: tuple[Citation, ...]
    notes: tuple[str, ...] = ()


def cite(answer: str, passages: Sequence[Passage]) -> Cited:
    """The answer with only those citations that refer to passages that were read."""
    citations: list[Citation] = []
    dropped: list[str] = []
    text = ""
    end = 0
    for found in _MARK.finditer(answer):
        text += answer[end : found.start()]
        end = found.end()
        source = _source(found, passages)
        if source is None:
            dropped.append(found[0].strip())
            continue
        passage, span = source
        mark = _add(citations, passage, span or nearest(_sentence(text), passage), "agent")
        text += f" [{mark}]"
    text = (text + answer[end:]).strip()
    notes = (
        [f"dropped {', '.join(dict.fromkeys(dropped))}: cited, but not among the passages that were read"]
        if dropped
        else []
    )
    if not citations and text and (match := _match(text, passages)):
        passage, span = match
        _add(citations, passage, span, "match")
        text += " [1]"
    if not citations:
        notes.append("no passage that was read contains this answer; treat it as a guess")
    return Cited(text, tuple(citations), tuple(notes))


def nearest(text: str, passage: Passage) -> tuple[int, int]:
    """First and last of the one or two lines of a passage that share most words with `text`.

    Of equals it is the shorter span, then the earlier one. For a page of a PDF it is the whole passage.
    """
    wanted = set(words(text))
    lines = passage.text.split("\n")
    if passage.paged or not wanted:
        return passage.first, passage.last

    def rank(span: tuple[int, int]) -> tuple[int, int, int]:
        start, end = span
        return len(wanted & set(words("\n".join(lines[start : end + 1])))), start - end, -start

    start, end = max(((i, j) for i in range(len(lines)) for j in (i, i + 1) if j < len(lines)), key=rank)
    return passage.first + start, passage.first + end


def _source(found: re.Match[str], passages: Sequence[Passage]) -> tuple[Passage, tuple[int, int] | None] | None:
    """The passage that a mark refers to, with the lines if it names any; None if it was not read."""
    if found[1]:
        number = int(found[1])
        return (passages[number - 1], None) if 1 <= number <= len(passages) else None
    first = int(found[3])
    last = int(found[4] or first)
    for passage in passages:
        if passage.path == found[2].strip() and passage.first <= first <= last <= passage.last:
            return passage, (first, last)
    return None


def _match(answer: str, passages: Sequence[Passage]) -> tuple[Passage, tuple[int, int]] | None:
    """The passage and lines that share most words with the answer; None if none has ENOUGH of them."""
    wanted = set(words(answer))
    best: tuple[float, Passage, tuple[int, int]] | None = None
    for passage in passages:  # the search's best first: a later one has to share more
        span = nearest(answer, passage)
        share = len(wanted & set(words(passage.title + "\n" + _lines(passage, span)))) / (len(wanted) or 1)
        if share >= ENOUGH and (best is None or share > best[0]):
            best = share, passage, span
    return (best[1], best[2]) if best else None


def _add(citations: list[Citation], passage: Passage, span: tuple[int, int], by: Literal["agent", "match"]) -> int:
    """The number of the citation of these lines, which is added if it is new."""
    where = place(passage.path, *span, passage.paged)
    for citation in citations:
        if citation.place == where:
            return citation.mark
    citations.append(Citation(len(citations) + 1, passage.path, *span, where, _lines(passage, span), by))
    return len(citations)


def _lines(passage: Passage, span: tuple[int, int]) -> str:
    """The text of these lines of the passage."""
    if passage.paged:
        return passage.text
    return "\n".join(passage.text.split("\n")[span[0] - passage.first : span[1] - passage.first + 1])


def _sentence(text: str) -> str:
    """The last sentence of the text."""
    return re.split(r"(?<=[.!?])\s+|\n", text.strip())[-1]
