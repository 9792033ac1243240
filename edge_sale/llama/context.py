"""A llama.cpp context at work: runs get sequences, prompts are read in pieces, nothing is read twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import TimedOut
from edge_sale.llama import native
from edge_sale.llama.cells import PIECE, Cells
from edge_sale.llama.prefixes import Prefixes
from edge_sale.llama.sequence import Run
from edge_sale.llama.tuning import Tuning

R = TypeVar("R", bound=Run)
OnRows = Callable[[list[tuple[R, int]], NDArray[np.float32]], None]

WIDTH = 64  # sequences at a time: more gain nothing on a CPU, and llama.cpp's own limit is 256
OUTPUTS = 64  # rows of logits a decode: at 150k tokens of vocabulary they take 40 MB
GRAIN = 256  # llama.cpp pads a sequence's cells to this
CACHE = 2**30  # bytes for keys and values: sequences that do not fit wait for their turn
SHARE = 16  # tokens: a shorter beginning is not worth a decode of its own


def families(runs: Sequence[R]) -> list[list[R]]:
    """The runs parted by what they begin with, in their order: whole where that is the same for every task."""
    place = {id(run): number for number, run in enumerate(runs)}
    parts: list[list[R]] = []
    for run in sorted(runs, key=lambda run: run.tokens):
        last = parts[-1][-1] if parts else run
        common = native.common_prefix([last.tokens, run.tokens])
        if parts and common >= max(SHARE, last.reading.fixed, run.reading.fixed):
            parts[-1].append(run)
        else:
            parts.append([run])
    ordered = [sorted(part, key=lambda run: place[id(run)]) for part in parts]
    return sorted(ordered, key=lambda part: place[id(part[0])])


class Context:
    """One model's context, made when it is first needed and anew when more room is."""

    def __init__(self, model: Any, vocabulary: int, abort: native.Abort, tuning: Tuning, prefixes: Prefixes) -> None:
        self._model, self._vocabulary, self._abort = model, vocabulary, abort
        self._tuning, self._prefixes = tuning, prefixes
        self.rewinds = native.can_rewind(model)  # whether a sequence can take back its last tokens
        self._keeps = native.keeps_states(model)
        self._handle: Any = None
        self._shape = (0, 0)  # sequences, cells each
        self._batch = native.Batch(tuning.batch)
        self.read = 0  # tokens of prompts that were decoded
        self.reused = 0  # and that were not, because they had been before

    @property
    def free(self) -> int:
        """Sequences that nobody uses."""
        return self._cells.free

    @property
    def handle(self) -> Any:
        """llama.cpp's own; valid until `ready` is called again."""
        return self._handle

    def ready(self, sequences: int, cells: int) -> int:
        """Makes room for sequences of so many cells each; returns how many at a time, as memory allows."""
        cells = -(-cells // GRAIN) * GRAIN
        fit = min(WIDTH, self._tuning.batch, CACHE // (cells * native.bytes_a_token(self._model) or 1))
        sequences = max(1, min(sequences, fit))
        if self._handle and self.free < self._shape[0]:
            self.reset()
        have, each = self._shape
        if self._handle and have >= sequences and each >= cells and have * each <= 4 * sequences * cells:
            return sequences
        # a state that was kept goes into contexts of as many sequences only, so there are but a few sizes
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
        self._prefixes.sequences = room
        self._abort.attach(self._handle)
        self._cells = Cells(self._handle, room, rewinds=self.rewinds)
        return sequences

    def reset(self) -> None:
        """Empties every sequence: nobody knows what a decode that failed left in them."""
        if self._handle and self._cells.copying:
            self.drop()  # llama.cpp would still copy, over whatever comes next
        elif self._handle:
            self._cells.reset()

    def forget(self) -> None:
        """Drops everything that was read, here and in memory."""
        self.reset()
        self._prefixes.forget()

    def close(self) -> None:
        self.drop()
        self._batch.free()

    def drop(self) -> None:
        """Frees the context with all that it holds; `ready` makes another."""
        if self._handle:
            native.free_context(self._handle)
            self._handle, self._shape = None, (0, 0)

    # --- prompts -------------------------------------------------------------

    def begin(self, runs: Sequence[R], on_rows: OnRows[R], deadline: float) -> None:
        """Gives each run a sequence and reads its tokens; what several begin with is read once and copied."""
        groups = [(group, self._shared(group)) for group in families(runs)]
        [first, *_], shared = groups[0]
        source, held = self._cells.longest(first.reading, shared)
        for run, sequence in zip(runs, self._cells.take(len(runs), source if held else -1), strict=True):
            run.sequence = sequence
        for [lead, *_], shared in groups:
            self._lead(lead, shared, on_rows, deadline)
        starts: dict[int, int] = {}
        for group, shared in groups:  # after all have been read: a state is not put where a copy is still to come
            for run in group[1:]:
                self._cells.copy(group[0].sequence, run.sequence)
                self._cells.note(run.sequence, run.reading, shared)
            starts |= {run.sequence: shared for run in group}
        rest = [(run, at) for run in runs for at in range(starts[run.sequence], len(run.tokens))]
        self.reused += sum(run.reused for run in runs)
        self.read += len(rest)
        self.decode(rest, on_rows, deadline)

    def end(self, finished: Sequence[Run], live: Sequence[Run] = ()) -> None:
        """Takes sequences back, and moves the `live` ones together."""
        for run in finished:
            self._cells.give_back(run.sequence)
        while moved := self._cells.close_gap([run.sequence for run in live]):
            next(run for run in live if run.sequence == moved[0]).sequence = moved[1]

    def _shared(self, runs: Sequence[Run]) -> int:
        """Tokens that all runs begin with, none of which has wanted logits; of one run its whole pieces."""
        wanted = min(run.want for run in runs)
        if len(runs) == 1:
            return max((place for place in runs[0].reading.cuts if place <= wanted), default=0)
        common = min(wanted, native.common_prefix([run.tokens for run in runs]))
        return common if common >= SHARE else 0

    def _lead(self, run: R, end: int, on_rows: OnRows[R], deadline: float) -> None:
        """Reads a run's tokens up to `end`, pausing at its cuts."""
        cuts = [place for place in run.reading.cuts if place <= end]
        done = self._recall(run, end)
        for place in (*cuts, end):
            if place <= done:
                continue
            self.read += place - done
            self.decode([(run, at) for at in range(done, place)], on_rows, deadline)
            done = place
            if place == run.reading.fixed or (not self.rewinds and cuts and place == cuts[-1]):
                self._keep(run, place)
        self._cells.note(run.sequence, run.reading, end)

    def _recall(self, run: Run, limit: int) -> int:
        """Puts into the run's sequence as many of its first tokens as were read before; says how many."""
        source, held = self._cells.longest(run.reading, limit)
        stored = None if self._cells.copying else self._prefixes.find(run.reading, held, limit)
        if stored and self._cells.restore(self._handle, run.sequence, stored[1]):
            run.reused = stored[0]
        elif held and self._cells.first_of(source, held, run.sequence):
            run.reused = held
        else:
            self._cells.empty(run.sequence)
        self._cells.note(run.sequence, run.reading, run.reused)
        return run.reused

    def _keep(self, run: Run, tokens: int) -> None:
        """Keeps the state after so many tokens for other contexts and, of what never changes, processes."""
        if not self._keeps or tokens < PIECE or self._prefixes.knows(run.reading, tokens):
            return
        if state := native.get_state(self._handle, run.sequence):
            self._prefixes.keep(run.reading, tokens, state)

    # --- batches -------------------------------------------------------------

    def decode(self, places: Sequence[tuple[R, int]], on_rows: OnRows[R], deadline: float) -> None:
        """Decodes (run, position) pairs of prompts in order; `on_rows` gets those whose logits are wanted."""
        self._batch.clear()
        rows: list[tuple[R, int]] = []
        for run, position in places:
            wanted = position >= run.want
            if len(self._batch) == self._tuning.batch or (wanted and len(rows) == OUTPUTS):
                self._flush(rows, on_rows, deadline)
                rows = []
            place = self._batch.add(run.tokens[position], position, run.sequence, wanted)
            if wanted:
                rows.append((run, place))
        if len(self._batch):
            self._flush(rows, on_rows, deadline)

    def _flush(self, rows: list[tuple[R, int]], on_rows: OnRows[R], deadline: float) -> None:
        if time.monotonic() > deadline:
            raise TimedOut("ran out of time while reading the prompt")
        self._decode()
        self._batch.clear()
        if rows:
            on_rows(rows, native.logits(self._handle, len(rows), self._vocabulary))

    def next(self, tokens: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """Logits after each (token, position, sequence), shape (tokens, vocabulary): valid until the next call."""
        self._batch.clear()
        for token, position, sequence in tokens:
            self._batch.add(token, position, sequence, True)
        self._decode()
        return native.logits(self._handle, len(tokens), self._vocabulary)

    def _decode(self) -> None:
        self._batch.decode(self._handle, self._abort)
        self._cells.copying = False
