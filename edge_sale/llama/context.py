"""A llama.cpp context at work: it gives sequences to runs, reads prompts in pieces, and reads nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import TimedOut
from edge_sale.llama import native
from edge_sale.llama.abort import Abort
from edge_sale.llama.batch import Batch, logits
from edge_sale.llama.prefix_cache import PrefixCache
from edge_sale.llama.prefix_groups import prefix_groups, shared_length
from edge_sale.llama.runs import Run
from edge_sale.llama.sequences import Sequences
from edge_sale.llama.tokenized_prompt import MIN_PIECE
from edge_sale.llama.tuning import Tuning

R = TypeVar("R", bound=Run)
OnRows = Callable[[list[R], NDArray[np.float32]], None]  # row i of the logits is that of the i-th run in the list

MAX_SEQUENCES = 64  # at a time: more gain nothing on a CPU, and llama.cpp's own limit is 256
OUTPUTS = 64  # rows of logits per decode: with a vocabulary of 150k tokens they take 40 MB
PADDING = 256  # llama.cpp rounds the cells of a sequence up to a multiple of this
KV_CACHE_BYTES = 2**30  # sequences that do not fit into this wait for their turn


class Context:
    """One model's context, made when it is first needed, and made anew when more room is needed."""

    def __init__(self, model: Any, vocabulary_size: int, abort: Abort, tuning: Tuning, prefixes: PrefixCache) -> None:
        self._model, self._vocabulary_size, self._abort = model, vocabulary_size, abort
        self._tuning, self._prefixes = tuning, prefixes
        self._can_rewind = native.can_rewind(model)
        self._can_save_state = native.can_save_state(model)
        self._handle: Any = None
        self._shape = (0, 0)  # sequences, cells of each
        self._batch = Batch(tuning.batch)
        self.read = 0  # prompt tokens that were decoded
        self.reused = 0  # prompt tokens that were not, because they had been read before

    @property
    def free(self) -> int:
        """How many sequences are not in use."""
        return self._sequences.free

    @property
    def handle(self) -> Any:
        """llama.cpp's handle, valid until `ready` is called again."""
        return self._handle

    # --- its life ------------------------------------------------------------

    def ready(self, sequences: int, cells: int) -> int:
        """Make room for `sequences` of `cells` tokens each. Returns how many fit into memory at a time.

        Raises OutOfMemory.
        """
        cells = -(-cells // PADDING) * PADDING
        fit = KV_CACHE_BYTES // (cells * native.kv_bytes_per_token(self._model) or 1)
        fit = min(MAX_SEQUENCES, self._tuning.batch, fit)
        sequences = max(1, min(sequences, fit))
        if self._handle and self.free < self._shape[0]:
            self.reset()
        have, each = self._shape
        if self._handle and have >= sequences and each >= cells and have * each <= 4 * sequences * cells:
            return sequences
        # a power of two: a saved state is valid only in a context of as many sequences, so there are few sizes
        room = max(sequences, min(fit, 1 << (sequences - 1).bit_length()))
        self.drop()
        self._handle = native.new_context(
            self._model,
            sequences=room,
            cells=cells,
            threads=self._tuning.threads,
            batch_threads=self._tuning.batch_threads,
            batch=self._tuning.batch,
            micro_batch=self._tuning.micro_batch,
            outputs=min(OUTPUTS, self._tuning.batch),
            flash=self._tuning.flash,
        )
        self._shape = (room, cells)
        self._abort.attach(self._handle)
        self._sequences = Sequences(self._handle, room, can_rewind=self._can_rewind)
        return sequences

    def reset(self) -> None:
        """Empty every sequence, as after a failed decode, which leaves them in an unknown state."""
        if self._handle and self._sequences.copy_pending:
            self.drop()  # llama.cpp would still make the copy, over whatever is read next
        elif self._handle:
            self._sequences.reset()

    def forget(self) -> None:
        """Drop everything that was read, here and in the memory of the prefix cache."""
        self.reset()
        self._prefixes.forget()

    def drop(self) -> None:
        """Free the context with everything it holds; `ready` makes a new one."""
        if self._handle:
            lib.llama_free(self._handle)
            self._handle, self._shape = None, (0, 0)

    def close(self) -> None:
        """Free everything; the context cannot be used afterwards."""
        self.drop()
        self._batch.free()

    # --- reading prompts -----------------------------------------------------

    def begin(self, runs: Sequence[R], on_rows: OnRows[R], deadline: float) -> None:
        """Give each run a sequence and read its tokens. A common beginning is read once and copied.

        `on_rows` is called with the logits that the runs want. Raises TimedOut after `deadline`.
        """
        groups = [(group, shared_length(group)) for group in prefix_groups(runs)]
        [first, *_], shared = groups[0]
        source, held = self._sequences.find(first.prompt, shared)
        for run, sequence in zip(runs, self._sequences.take(len(runs), source if held else -1), strict=True):
            run.sequence = sequence
        for [leader, *_], shared in groups:
            self._read_beginning(leader, shared, on_rows, deadline)
        starts: dict[int, int] = {}
        for group, shared in groups:  # copied after all were read: no state is restored while a copy is pending
            for run in group[1:]:
                self._sequences.copy(group[0].sequence, run.sequence)
                self._sequences.note(run.sequence, run.prompt, shared)
            starts |= {run.sequence: shared for run in group}
        rest = [(run, at) for run in runs for at in range(starts[run.sequence], len(run.tokens))]
        self.reused += sum(run.reused for run in runs)
        self.read += len(rest)
        self._decode_positions(rest, on_rows, deadline)

    def end(self, finished: Sequence[Run], live: Sequence[Run] = ()) -> None:
        """Release the sequences of `finished` runs, and move those of the `live` ones together."""
        for run in finished:
            self._sequences.give_back(run.sequence)
        while moved := self._sequences.close_gap([run.sequence for run in live]):
            next(run for run in live if run.sequence == moved[0]).sequence = moved[1]

    def _read_beginning(self, run: R, end: int, on_rows: OnRows[R], deadline: float) -> None:
        """Read a run's tokens up to `end` in pieces, except for those that were read before."""
        cuts = [place for place in run.prompt.cuts if place <= end]
        done = self._reuse(run, end)
        for place in (*cuts, end):
            if place <= done:
                continue
            self.read += place - done
            self._decode_positions([(run, at) for at in range(done, place)], on_rows, deadline)
            done = place
            if place == run.prompt.fixed or (not self._can_rewind and cuts and place == cuts[-1]):
                self._save_state(run, place)
        self._sequences.note(run.sequence, run.prompt, end)

    def _reuse(self, run: Run, limit: int) -> int:
        """Put as many first tokens as were read before into the run's sequence. Returns their number."""
        source, held = self._sequences.find(run.prompt, limit)
        saved = None
        if not self._sequences.copy_pending:
            saved = self._prefixes.find(run.prompt, held, limit, self._shape[0])
        if saved and self._sequences.restore(run.sequence, saved[1]):
            run.reused = saved[0]
        elif held and self._sequences.copy_first(source, held, run.sequence):
            run.reused = held
        else:
            self._sequences.empty(run.sequence)
        self._sequences.note(run.sequence, run.prompt, run.reused)
        return run.reused

    def _save_state(self, run: Run, tokens: int) -> None:
        """Save the state after the first `tokens` in the prefix cache."""
        width = self._shape[0]
        if not self._can_save_state or tokens < MIN_PIECE or self._prefixes.knows(run.prompt, tokens, width):
            return
        if state := self._sequences.state(run.sequence):
            self._prefixes.keep(run.prompt, tokens, state, width)

    # --- decoding ------------------------------------------------------------

    def next_logits(self, tokens: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """Logits after each (token, position, sequence), shape (tokens, vocabulary): valid until the next call."""
        self._batch.clear()
        for token, position, sequence in tokens:
            self._batch.add(token, position, sequence, True)
        self._decode()
        return logits(self._handle, len(tokens), self._vocabulary_size)

    def _decode_positions(self, positions: Sequence[tuple[R, int]], on_rows: OnRows[R], deadline: float) -> None:
        """Decode (run, position) pairs of prompts in order, as many per batch as it holds."""
        self._batch.clear()
        rows: list[R] = []
        for run, position in positions:
            wanted = position >= run.want
            if len(self._batch) == self._tuning.batch or (wanted and len(rows) == OUTPUTS):
                self._flush(rows, on_rows, deadline)
                rows = []
            self._batch.add(run.tokens[position], position, run.sequence, wanted)
            if wanted:
                rows.append(run)
        if len(self._batch):
            self._flush(rows, on_rows, deadline)

    def _flush(self, rows: list[R], on_rows: OnRows[R], deadline: float) -> None:
        """Decode the batch and pass on its logits."""
        if time.monotonic() > deadline:
            raise TimedOut("ran out of time while reading the prompt")
        self._decode()
        self._batch.clear()
        if rows:
            on_rows(rows, logits(self._handle, len(rows), self._vocabulary_size))

    def _decode(self) -> None:
        self._batch.decode(self._handle, self._abort)
        self._sequences.decoded()
