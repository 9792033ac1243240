"""A GGUF model in this process: many sequences in one batch, entropy as they are drawn.

All work runs on the process's one worker thread; the caller waits where ^C
can reach it and stops a running decode within a graph node. A batch is decoded
in the order it was asked for, so the same asks give the same tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from edge_sale.engines import native
from edge_sale.engines.chat import ChatTemplate
from edge_sale.engines.draw import Choosing, Draw, Run, Scoring, measure
from edge_sale.engines.worker import worker
from edge_sale.errors import Cancelled, EngineError, NotFinite, PromptTooLong, TimedOut
from edge_sale.types import Choice, Choose, Generate, Generation, LogLik, LogProb, Prompt

A = TypeVar("A")
R = TypeVar("R", bound=Run)
Out = TypeVar("Out")
OnRows = Callable[[list[tuple[R, int]], NDArray[np.float32]], None]

BATCH = 512  # tokens a decode: larger gains nothing on a CPU and holds more memory
WIDTH = 64  # sequences at a time: more gain nothing on a CPU, and llama.cpp's own limit is 256
GRAIN = 256  # llama.cpp pads a sequence's cells to this


class LlamaEngine:
    """One model's weights and its context. Implements `types.Engine`."""

    def __init__(
        self, name: str, file: Path, *, context: int = 0, threads: int = 1, gpu_layers: int = -1
    ) -> None:
        """Loads `file`, which the caller has verified. `context` 0 is what the model was trained for."""
        self.name = name
        self._threads = threads
        self._worker = worker()
        self._context: Any = None
        self._shape = (0, 0)  # sequences, cells each
        self._batch = native.Batch(BATCH)
        self._model = self._worker.do(lambda: native.load_model(str(file), gpu_layers))
        self._vocab = lib.llama_model_get_vocab(self._model)
        self._vocabulary = int(lib.llama_vocab_n_tokens(self._vocab))
        trained = int(lib.llama_model_n_ctx_train(self._model))
        self.context = min(context, trained) if context else trained
        template = lib.llama_model_chat_template(self._model, None)
        self._template = ChatTemplate(
            name,
            template.decode() if template else None,
            bos=self._special(lib.llama_vocab_bos(self._vocab)),
            eos=self._special(lib.llama_vocab_eos(self._vocab)),
        )

    def count(self, prompt: Prompt) -> int:
        """Tokens of the prompt as the model will see it."""
        return len(self._tokens(prompt))

    def generate(
        self, asks: Sequence[Generate], seconds: float | None = None
    ) -> list[list[Generation] | Exception]:
        """Every ask's samples, all drawn in one batch; a failed ask is its exception."""
        return self._worker.do(lambda: self._generate(asks, seconds), seconds)

    def loglik(
        self, asks: Sequence[LogLik], seconds: float | None = None
    ) -> list[LogProb | Exception]:
        """log p(text | prompt) of every ask, by prefill in one batch."""
        return self._worker.do(lambda: self._loglik(asks, seconds), seconds)

    def choose(
        self, asks: Sequence[Choose], seconds: float | None = None
    ) -> list[Choice | Exception]:
        """Which option comes next in every ask, read from the logits of one position each."""
        return self._worker.do(lambda: self._choose(asks, seconds), seconds)

    def close(self) -> None:
        """Frees context and weights; the engine is of no use afterwards."""
        if self._model:
            self._worker.do(self._free)

    # --- on the worker -------------------------------------------------------

    def _free(self) -> None:
        self._batch.free()
        if self._context:
            lib.llama_free(self._context)
            self._context = None
        lib.llama_model_free(self._model)
        self._model = None

    def _ready(self, sequences: int, cells: int) -> None:
        """A clean context with at least this room; a much larger one is not kept."""
        cells = -(-cells // GRAIN) * GRAIN
        have, each = self._shape
        if self._context and have >= sequences and each >= cells and have * each <= 4 * sequences * cells:
            lib.llama_memory_clear(lib.llama_get_memory(self._context), False)
            return
        if self._context:
            lib.llama_free(self._context)
            self._context, self._shape = None, (0, 0)
        self._context = native.new_context(
            self._model, sequences=sequences, cells=cells, threads=self._threads, batch=BATCH
        )
        self._shape = (sequences, cells)
        self._worker.abort.attach(self._context)

    def _special(self, token: int) -> str:
        return str(lib.llama_vocab_get_text(self._vocab, token).decode()) if token >= 0 else ""

    def _tokens(self, prompt: Prompt) -> list[int]:
        tokens: list[int] = []
        for text, is_template in self._template.pieces(prompt):
            tokens += native.tokenize(self._vocab, text, special=is_template)
        bos = lib.llama_vocab_bos(self._vocab)
        if lib.llama_vocab_get_add_bos(self._vocab) and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return tokens

    # --- drawing -------------------------------------------------------------

    def _generate(
        self, asks: Sequence[Generate], seconds: float | None
    ) -> list[list[Generation] | Exception]:
        began = time.monotonic()
        failed: dict[int, Exception] = {}
        draws: list[Draw] = []
        try:
            for place, ask in enumerate(asks):
                try:
                    self._open(place, ask, draws)
                except Exception as error:
                    failed[place] = error
            deadline = began + seconds if seconds else float("inf")
            self._carry_out(
                draws, lambda d: len(d.tokens) + d.sampling.max_tokens, lambda wave: self._draw(wave, deadline)
            )
        finally:
            for draw in draws:
                lib.llama_sampler_free(draw.sampler)
        failed |= {draw.ask: draw.error for draw in draws if draw.error}
        share = (time.monotonic() - began) / (sum(len(d.tokens) + d.drawn for d in draws) or 1)
        return [
            failed.get(place)
            or [d.generation(share * (len(d.tokens) + d.drawn)) for d in draws if d.ask == place]
            for place in range(len(asks))
        ]

    def _open(self, place: int, ask: Generate, draws: list[Draw]) -> None:
        """Appends a draw for each sample of the ask."""
        tokens = self._fitting(ask.prompt, max(ask.sampling.max_tokens, ask.reserve))
        for i in range(ask.samples):
            draws.append(
                Draw(
                    tokens=tokens,
                    sequence=len(draws) % WIDTH,
                    want=len(tokens) - 1,
                    ask=place,
                    sampling=ask.sampling,
                    sampler=native.new_sampler(
                        self._vocab, self._vocabulary, ask.sampling, ask.sampling.seed + i
                    ),
                    words=native.Detokenizer(self._vocab),
                    stream=ask.on_text if i == 0 else None,
                )
            )

    def _draw(self, draws: Sequence[Draw], deadline: float) -> None:
        began = time.monotonic()
        self._prefill(draws, self._take, deadline)
        while live := [draw for draw in draws if not draw.ended and not draw.error]:
            if time.monotonic() > deadline:
                raise TimedOut(f"not finished after {time.monotonic() - began:.0f} s")
            self._batch.clear()
            rows = [
                (draw, self._batch.add(draw.last, len(draw.tokens) + draw.drawn - 1, draw.sequence, True))
                for draw in live
            ]
            self._batch.decode(self._context, self._worker.abort)
            self._take(rows, native.logits(self._context, len(rows), self._vocabulary))

    def _take(self, rows: Sequence[tuple[Draw, int]], logits: NDArray[np.float32]) -> None:
        """Draws the next token of each row's sequence; a row is (draw, place in the batch)."""
        entropies, log_zs = self._measured(logits)
        for row, (draw, place) in enumerate(rows):
            if draw.sampling.grammar:
                try:
                    token = native.sample_within(draw.sampler, logits[row])
                except EngineError as error:
                    draw.error = error
                    continue
            else:
                token = native.sample(draw.sampler, self._context, place)
            draw.take(
                token,
                float(entropies[row]),
                float(logits[row, token] - log_zs[row]),
                bool(lib.llama_vocab_is_eog(self._vocab, token)),
            )

    # --- scoring -------------------------------------------------------------

    def _loglik(self, asks: Sequence[LogLik], seconds: float | None) -> list[LogProb | Exception]:
        def run(ask: LogLik, sequence: int) -> Scoring:
            targets = native.tokenize(self._vocab, ask.text, special=False)
            tokens = self._fitting(ask.prompt, len(targets))
            want = len(tokens) - 1 if targets else len(tokens)  # of an empty text nothing is wanted
            return Scoring(tokens + targets[:-1], sequence, want, targets=targets)

        def reply(run: Scoring, share: float) -> LogProb:
            read = len(run.tokens) - max(len(run.targets) - 1, 0)
            return LogProb(run.total, len(run.targets), read, share * len(run.tokens))

        return self._read(asks, seconds, run, self._score, reply)

    def _score(self, rows: Sequence[tuple[Scoring, int]], logits: NDArray[np.float32]) -> None:
        log_zs = self._measured(logits)[1]
        for row, (run, _) in enumerate(rows):
            run.total += float(logits[row, run.targets[run.scored]] - log_zs[row])
            run.scored += 1

    def _choose(self, asks: Sequence[Choose], seconds: float | None) -> list[Choice | Exception]:
        def run(ask: Choose, sequence: int) -> Choosing:
            tokens = self._fitting(ask.prompt, 1)
            options = [self._single(option) for option in ask.options]
            return Choosing(tokens, sequence, want=len(tokens) - 1, options=options)

        def weigh(rows: Sequence[tuple[Choosing, int]], logits: NDArray[np.float32]) -> None:
            self._measured(logits)
            for row, (run, _) in enumerate(rows):
                weights = np.exp(logits[row, run.options] - logits[row, run.options].max())
                run.probabilities = tuple((weights / weights.sum()).tolist())

        def reply(run: Choosing, share: float) -> Choice:
            return Choice(run.probabilities, len(run.tokens), share * len(run.tokens))

        return self._read(asks, seconds, run, weigh, reply)

    def _read(
        self,
        asks: Sequence[A],
        seconds: float | None,
        run: Callable[[A, int], R],
        on_rows: OnRows[R],
        reply: Callable[[R, float], Out],
    ) -> list[Out | Exception]:
        """Prefills one run an ask in a batch; replies share the time by their tokens."""
        began = time.monotonic()
        results: dict[int, R | Exception] = {}
        runs: list[R] = []
        for place, ask in enumerate(asks):
            try:
                runs.append(run(ask, len(runs) % WIDTH))
                results[place] = runs[-1]
            except Exception as error:
                results[place] = error
        deadline = began + seconds if seconds else float("inf")
        self._carry_out(runs, lambda run: len(run.tokens), lambda wave: self._prefill(wave, on_rows, deadline))
        share = (time.monotonic() - began) / (sum(len(run.tokens) for run in runs) or 1)
        return [r if isinstance(r, Exception) else r.error or reply(r, share) for r in results.values()]

    def _measured(self, logits: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        entropies, log_zs = measure(logits)
        if not np.isfinite(entropies).all():
            raise NotFinite(f"model {self.name!r} gave logits that are not finite; pull it with --force")
        return entropies, log_zs

    def _single(self, option: str) -> int:
        tokens = native.tokenize(self._vocab, option, special=False)
        if len(tokens) != 1:
            raise EngineError(f"model {self.name!r}: option {option!r} is {len(tokens)} tokens, should be one")
        return tokens[0]

    # --- prefill -------------------------------------------------------------

    def _carry_out(
        self, runs: Sequence[R], cells: Callable[[R], int], work: Callable[[Sequence[R]], None]
    ) -> None:
        """`work` over the runs, WIDTH at a time; those that it leaves unfinished get the error."""
        for start in range(0, len(runs), WIDTH):
            wave = runs[start : start + WIDTH]
            try:
                self._ready(len(wave), max(cells(run) for run in wave))
                work(wave)
            except Cancelled:
                raise
            except Exception as error:
                for run in wave:
                    if not run.finished:
                        run.error = run.error or error

    def _fitting(self, prompt: Prompt, more: int) -> list[int]:
        """The prompt's tokens. Raises PromptTooLong where `more` tokens do not fit behind them."""
        tokens = self._tokens(prompt)
        if len(tokens) + more > self.context:
            raise PromptTooLong(self.name, len(tokens) + more, self.context)
        return tokens

    def _prefill(self, runs: Sequence[R], on_rows: OnRows[R], deadline: float) -> None:
        """Decodes every run's tokens; what they all begin with is decoded once and copied."""
        shared = min([native.common_prefix([run.tokens for run in runs]), *(run.want for run in runs)])
        if len(runs) == 1 or not shared:
            shared = 0
        else:
            self._decode([(runs[0], place) for place in range(shared)], on_rows, deadline)
            memory = lib.llama_get_memory(self._context)
            for run in runs[1:]:
                lib.llama_memory_seq_cp(memory, runs[0].sequence, run.sequence, -1, -1)
        rest = [(run, place) for run in runs for place in range(shared, len(run.tokens))]
        self._decode(rest, on_rows, deadline)

    def _decode(self, places: Sequence[tuple[R, int]], on_rows: OnRows[R], deadline: float) -> None:
        """Decodes (run, position) pairs in order; `on_rows` gets those whose logits are wanted."""
        for start in range(0, len(places), BATCH):
            if time.monotonic() > deadline:
                raise TimedOut("ran out of time while reading the prompt")
            self._batch.clear()
            rows = []
            for run, position in places[start : start + BATCH]:
                wanted = position >= run.want
                place = self._batch.add(run.tokens[position], position, run.sequence, wanted)
                if wanted:
                    rows.append((run, place))
            self._batch.decode(self._context, self._worker.abort)
            if rows:
                on_rows(rows, native.logits(self._context, len(rows), self._vocabulary))
