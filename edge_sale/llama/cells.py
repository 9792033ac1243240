"""What the sequences of a context hold, so that a prompt's beginning is not read twice.

A prompt is read in pieces that end at its *cuts*: the end of what is the same for every task, then
ends of messages at least `PIECE` tokens apart. llama.cpp's logits come out a little differently in
batches of another shape (by up to 0.7), so only whole pieces are reused: an answer is the same, bit
for bit, whatever was read before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edge_sale.llama import native

PIECE = 64  # tokens; shorter pieces cost more to read than they save


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt as tokens, the places at which reading pauses, and the one after what never changes (or 0)."""

    tokens: list[int]
    cuts: tuple[int, ...] = ()
    fixed: int = 0


def cut(ends: Iterable[int], fixed: int) -> tuple[int, ...]:
    """The cuts among the `ends` of a prompt's parts, in tokens; `fixed` tokens never change."""
    cuts = [fixed] if fixed >= PIECE else []
    for end in ends:
        if end - (cuts[-1] if cuts else 0) >= PIECE:
            cuts.append(end)
    return tuple(cuts)


def shared_cut(one: Reading, other: Reading, limit: int) -> int:
    """The last cut up to `limit` before which both read the same tokens in the same pieces; 0 where none is."""
    last = 0
    for mine, theirs in zip(one.cuts, other.cuts, strict=False):
        if mine != theirs or mine > limit or one.tokens[last:mine] != other.tokens[last:mine]:
            break
        last = mine
    return last


class Cells:
    """The sequences of one context: which are in use, and what each of them has read.

    Those in use are neighbours: llama.cpp decodes only sequences of consecutive numbers together, and
    with gaps between them it runs the whole model once for every stretch.
    """

    def __init__(self, context: Any, sequences: int, *, rewinds: bool) -> None:
        self._memory = native.memory(context)
        self._rewinds = rewinds
        self._held: list[Reading | None] = [None] * sequences
        self._busy: set[int] = set()
        self.copying = False  # llama.cpp copies between sequences with the next decode, not at once

    @property
    def free(self) -> int:
        """Sequences that nobody uses."""
        return len(self._held) - len(self._busy)

    def reset(self) -> None:
        """Everything is forgotten and free: for when nobody knows what a stopped decode left behind."""
        native.clear(self._memory)
        self._held = [None] * len(self._held)
        self._busy = set()

    def longest(self, reading: Reading, limit: int) -> tuple[int, int]:
        """(sequence, tokens) of whoever holds most of the reading's beginning; no tokens where nobody does."""
        if not self._rewinds:
            return -1, 0
        found = ((shared_cut(reading, held, limit), -sequence) for sequence, held in enumerate(self._held) if held)
        tokens, sequence = max(found, default=(0, 1))
        return -sequence, tokens

    def take(self, count: int, source: int = -1) -> list[int]:
        """So many neighbours, beginning with `source` where that is free; the caller empties or fills them."""
        places = range(len(self._held))
        first = max(self._busy) + 1 if self._busy else source
        if not 0 <= first <= len(places) - count:
            first = 0
        taken = [place for place in (*places[first:], *places[:first]) if place not in self._busy][:count]
        self._busy.update(taken)
        return taken

    def give_back(self, sequence: int) -> None:
        """What it has read stays there until it is emptied."""
        self._busy.discard(sequence)

    def close_gap(self, used: Sequence[int]) -> tuple[int, int] | None:
        """(from, to) of the sequence that was moved into a gap between those in use; None where there is none."""
        gap = next((place for place in range(min(used), max(used)) if place not in used), None) if used else None
        if gap is None:
            return None
        last = max(used)
        self.copy(last, gap)
        self._held[gap] = self._held[last]
        self._busy.add(gap)
        self._busy.discard(last)
        return last, gap

    def empty(self, sequence: int) -> None:
        self._held[sequence] = None
        native.rewind(self._memory, sequence, 0)

    def copy(self, source: int, target: int) -> None:
        """Puts all of `source` into `target`."""
        self.empty(target)
        native.copy(self._memory, source, target)
        self.copying = True

    def first_of(self, source: int, tokens: int, target: int) -> bool:
        """`target` holds the first `tokens` of `source`, which may be itself; False, and empty, where it cannot."""
        if source != target:
            self.copy(source, target)
        if native.rewind(self._memory, target, tokens):
            return True
        self.empty(target)
        return False

    def restore(self, context: Any, sequence: int, state: bytes) -> bool:
        """Puts a state that was kept into the sequence; False, and empty, where llama.cpp does not take it."""
        self.empty(sequence)
        if native.set_state(context, sequence, state):
            return True
        self.empty(sequence)
        return False

    def note(self, sequence: int, reading: Reading, tokens: int) -> None:
        """`sequence` has read the first `tokens` of the reading, piece by piece."""
        cuts = tuple(place for place in reading.cuts if place <= tokens)
        self._held[sequence] = Reading(reading.tokens[: cuts[-1]], cuts) if cuts else None
