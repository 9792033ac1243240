"""The sequences of a llama.cpp context: which are in use, and which prompts their KV caches hold."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as lib

from edge_sale.llama.tokenized_prompt import TokenizedPrompt, shared_cut


class Sequences:
    """Hands out the sequences of one context, and keeps track of what each has read.

    Those in use are kept adjacent: llama.cpp decodes only sequences of consecutive numbers together, and for
    every gap between them it runs the whole model once more.
    """

    def __init__(self, context: Any, count: int, *, can_rewind: bool) -> None:
        self._context = context
        self._memory = lib.llama_get_memory(context)
        self._can_rewind = can_rewind
        self._held: list[TokenizedPrompt | None] = [None] * count
        self._used: set[int] = set()
        self._copy_pending = False

    @property
    def free(self) -> int:
        """How many sequences are not in use."""
        return len(self._held) - len(self._used)

    @property
    def copy_pending(self) -> bool:
        """Whether a copy waits for the next decode: llama.cpp copies between sequences no earlier."""
        return self._copy_pending

    def decoded(self) -> None:
        """Note that a decode has run, and with it the copies that waited."""
        self._copy_pending = False

    def reset(self) -> None:
        """Empty and release every sequence."""
        lib.llama_memory_clear(self._memory, False)
        self._held = [None] * len(self._held)
        self._used = set()

    # --- use -----------------------------------------------------------------

    def take(self, count: int, first: int = -1) -> list[int]:
        """Take `count` free sequences into use, adjacent ones, beginning with `first` if it is free.

        What they hold stays until the caller empties or overwrites it.
        """
        places = range(len(self._held))
        start = max(self._used) + 1 if self._used else first
        if not 0 <= start <= len(places) - count:
            start = 0
        taken = [place for place in (*places[start:], *places[:start]) if place not in self._used][:count]
        self._used.update(taken)
        return taken

    def give_back(self, sequence: int) -> None:
        """Release a sequence. What it has read stays in it until it is emptied."""
        self._used.discard(sequence)

    def close_gap(self, used: Sequence[int]) -> tuple[int, int] | None:
        """Move the last of the `used` sequences into the first gap between them.

        Returns its (old, new) number, or None if there is no gap.
        """
        gap = next((place for place in range(min(used), max(used)) if place not in used), None) if used else None
        if gap is None:
            return None
        last = max(used)
        self.copy(last, gap)
        self._held[gap] = self._held[last]
        self._used.add(gap)
        self._used.discard(last)
        return last, gap

    # --- what they hold ------------------------------------------------------

    def find(self, prompt: TokenizedPrompt, limit: int) -> tuple[int, int]:
        """(sequence, tokens) of the sequence that holds most of the prompt's beginning, up to `limit` tokens.

        (-1, 0) for a model that cannot rewind: it could not be cut back to the shared part.
        """
        if not self._can_rewind:
            return -1, 0
        found = ((shared_cut(prompt, held, limit), -sequence) for sequence, held in enumerate(self._held) if held)
        tokens, sequence = max(found, default=(0, 1))
        return -sequence, tokens

    def note(self, sequence: int, prompt: TokenizedPrompt, tokens: int) -> None:
        """Note that `sequence` has read the first `tokens` of the prompt, piece by piece."""
        cuts = tuple(place for place in prompt.cuts if place <= tokens)
        self._held[sequence] = TokenizedPrompt(prompt.tokens[: cuts[-1]], cuts) if cuts else None

    def empty(self, sequence: int) -> None:
        """Remove everything that the sequence has read."""
        self._held[sequence] = None
        self._cut_back(sequence, 0)

    def copy(self, source: int, target: int) -> None:
        """Replace what `target` holds by all that `source` holds, with the next decode."""
        self.empty(target)
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self._copy_pending = True

    def copy_first(self, source: int, tokens: int, target: int) -> bool:
        """Make `target` hold the first `tokens` of `source`, which may be the same sequence.

        Returns False, and leaves `target` empty, if llama.cpp refuses.
        """
        if source != target:
            self.copy(source, target)
        if self._cut_back(target, tokens):
            return True
        self.empty(target)
        return False

    def state(self, sequence: int) -> bytes:
        """The whole state of a sequence; empty if llama.cpp does not give it."""
        size = lib.llama_state_seq_get_size(self._context, sequence)
        data = (ctypes.c_uint8 * size)()
        written = lib.llama_state_seq_get_data(self._context, data, size, sequence)
        return bytes(data) if written == size else b""

    def restore(self, sequence: int, state: bytes) -> bool:
        """Put a saved state into a sequence. Returns False, and leaves it empty, if llama.cpp refuses."""
        self.empty(sequence)
        data = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if lib.llama_state_seq_set_data(self._context, data, len(state), sequence):
            return True
        self.empty(sequence)
        return False

    def _cut_back(self, sequence: int, tokens: int) -> bool:
        """Remove all but the first `tokens`. Returns False where this kind of memory cannot."""
        return bool(lib.llama_memory_seq_rm(self._memory, sequence, tokens, -1))
