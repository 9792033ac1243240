"""What an answer says of its sources, held against what was read. Pure functions over text.

A model marks a source as `[2]`, the passage's number in its prompt, or as `file:line`. A mark of a passage
that was read becomes a citation of the line in it that comes nearest to the sentence before the mark; any
other is taken out, and named. An answer without a sound mark is matched: the line that has the most of
the answer's words is cited, where it has enough of them. Where none does, the user is told that nothing
that was read says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge_sale.documents.passages import Passage, place
from edge_sale.documents.ranking import words
from edge_sale.types import Citation

ENOUGH = 0.6  # of an answer's words must stand in two lines that are taken for its source
_MARK = re.compile(r"\s*\[(?:(\d{1,3})|([^\[\]\n]{1,200}?):(\d{1,7})(?:-(\d{1,7}))?)\]")


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer whose marks [1], [2], … are those of its citations, in order."""

    text: str
    citations: tuple[Citation, ...]
    notes: tuple[str, ...] = ()


def cite(answer: str, passages: Sequence[Passage]) -> Cited:
    """The answer with citations that hold."""
    citations: list[Citation] = []
    dropped: list[str] = []
    text = ""
    end = 0
    for found in _MARK.finditer(answer):
        said = answer[end : found.start()]
        text += said
        end = found.end()
        source = _source(found, passages)
        if source is None:
            dropped.append(found[0].strip())
            continue
        passage, span = source
        mark = _add(citations, passage, span or nearest(_sentence(text), passage), "agent")
        text += f" [{mark}]"
    text = (text + answer[end:]).strip()
    notes = [f"dropped {', '.join(dict.fromkeys(dropped))}: cited, but not among what was read"] if dropped else []
    if not citations and text and (match := _match(text, passages)):
        passage, span = match
        _add(citations, passage, span, "match")
        text += " [1]"
    if not citations:
        notes.append("nothing that was read says this in so many words; take the answer for a guess")
    return Cited(text, tuple(citations), tuple(notes))


def nearest(text: str, passage: Passage) -> tuple[int, int]:
    """The lines of a passage, at most two, that have the most of the words of `text`; the fewest and first of such."""
    wanted = set(words(text))
    lines = passage.text.split("\n")
    if passage.paged or not wanted:
        return passage.first, passage.last

    def worth(span: tuple[int, int]) -> tuple[int, int, int]:
        start, end = span
        return len(wanted & set(words("\n".join(lines[start : end + 1])))), start - end, -start

    start, end = max(((i, j) for i in range(len(lines)) for j in (i, i + 1) if j < len(lines)), key=worth)
    return passage.first + start, passage.first + end


def _source(found: re.Match[str], passages: Sequence[Passage]) -> tuple[Passage, tuple[int, int] | None] | None:
    """What a mark stands for, if that was read."""
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
    """The passage and its lines that have the most of the answer's words, if they have enough."""
    wanted = set(words(answer))
    best: tuple[float, Passage, tuple[int, int]] | None = None
    for passage in passages:  # best first: a later one has to have more
        span = nearest(answer, passage)
        have = len(wanted & set(words(passage.title + "\n" + _lines(passage, span)))) / (len(wanted) or 1)
        if have >= ENOUGH and (best is None or have > best[0]):
            best = have, passage, span
    return (best[1], best[2]) if best else None


def _add(citations: list[Citation], passage: Passage, span: tuple[int, int], by: str) -> int:
    """The mark of a citation, which is added unless it is there."""
    where = place(passage.path, *span, passage.paged)
    for citation in citations:
        if citation.place == where:
            return citation.mark
    made = Citation(
        len(citations) + 1, passage.path, *span, where, _lines(passage, span), "agent" if by == "agent" else "match"
    )
    citations.append(made)
    return made.mark


def _lines(passage: Passage, span: tuple[int, int]) -> str:
    if passage.paged:
        return passage.text
    return "\n".join(passage.text.split("\n")[span[0] - passage.first : span[1] - passage.first + 1])


def _sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+|\n", text.strip())[-1]
