"""What the sequences of a context hold, so that a prompt's beginning is not read twice.

A prompt is read in pieces that end at its *cuts*: the end of what is the same for every task, then
ends of messages at least `PIECE` tokens apart. llama.cpp's logits come out a little differently in
batches of another shape (by up to 0.7), so only whole pieces are reused: an answer is the same, bit
for bit, whatever was read before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edge_sale.engines import native

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
    """The sequences of one context: which are free, and what each of them has read."""

    def __init__(self, context: Any, sequences: int, *, rewinds: bool) -> None:
        self._memory = native.memory(context)
        self._rewinds = rewinds
        self._held: list[Reading | None] = [None] * sequences
        self.free = list(range(sequences))

    def reset(self) -> None:
        """Everything is forgotten and free: for when nobody knows what a stopped decode left behind."""
        native.clear(self._memory)
        self._held = [None] * len(self._held)
        self.free = list(range(len(self._held)))

    def longest(self, reading: Reading, limit: int) -> tuple[int, int]:
        """(sequence, tokens) of whoever holds most of the reading's beginning; no tokens where nobody does."""
        if not self._rewinds:
            return -1, 0
        found = (
            (shared_cut(reading, held, limit), sequence in self.free, sequence)
            for sequence, held in enumerate(self._held) if held
        )  # fmt: skip
        tokens, _, sequence = max(found, default=(0, False, -1))
        return sequence, tokens

    def empty(self) -> int:
        """A free sequence with nothing in it: the one whose loss costs least."""
        sequence = min(self.free, key=lambda s: len(held.tokens) if (held := self._held[s]) else 0)
        self.free.remove(sequence)
        self._held[sequence] = None
        native.rewind(self._memory, sequence, 0)
        return sequence

    def with_first(self, tokens: int, source: int) -> int:
        """A sequence that holds the first `tokens` of `source`: itself where it is free, else a copy."""
        if source in self.free:
            self.free.remove(source)
            target = source
        else:
            target = self.empty()
            native.copy(self._memory, source, target)
        self._held[target] = None
        if not native.rewind(self._memory, target, tokens):
            native.rewind(self._memory, target, 0)
            self.free.append(target)
            raise CannotRewind
        return target

    def copy_of(self, source: int) -> int:
        """An empty sequence with all of `source` in it."""
        target = self.empty()
        native.copy(self._memory, source, target)
        return target

    def note(self, sequence: int, reading: Reading, tokens: int) -> None:
        """`sequence` has read the first `tokens` of the reading, piece by piece."""
        cuts = tuple(place for place in reading.cuts if place <= tokens)
        self._held[sequence] = Reading(reading.tokens[: cuts[-1]], cuts) if cuts else None

    def rewind(self, sequence: int, tokens: int) -> None:
        """Takes back what `sequence` read after its first `tokens`."""
        if not native.rewind(self._memory, sequence, tokens):
            raise CannotRewind

    def give_back(self, sequence: int) -> None:
        self.free.append(sequence)


class CannotRewind(Exception):
    """A model with a recurrent state keeps no way back; the engine reads anew."""
