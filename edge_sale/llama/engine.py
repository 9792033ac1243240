"""A GGUF model in this process: many sequences in one batch, entropy as they are drawn.

All work runs on the process's one worker thread; the caller waits where ^C
can reach it and stops a running decode within a graph node. A batch is decoded
in the order it was asked for, and what was read before changes no bit of it: the
same asks give the same tokens.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import Cancelled, EngineError, NotFinite, PromptTooLong, TimedOut, naming
from edge_sale.hardware.processors import processor
from edge_sale.llama import native
from edge_sale.llama.cells import Reading, cut
from edge_sale.llama.chat import ChatTemplate
from edge_sale.llama.context import Context, OnRows
from edge_sale.llama.llama_thread import llama_thread
from edge_sale.llama.prefixes import ON_DISK, Prefixes
from edge_sale.llama.sequence import Choosing, Draw, Run, Scoring, measure
from edge_sale.llama.tuning import Tuning
from edge_sale.types import Choice, Choose, Generate, Generation, LogLik, LogProb, Prompt

A = TypeVar("A")
R = TypeVar("R", bound=Run)
Out = TypeVar("Out")


class LlamaEngine:
    """One model's weights and its context. Implements `types.Engine`."""

    def __init__(
        self,
        name: str,
        file: Path,
        *,
        context: int = 0,
        tuning: Tuning = Tuning(),  # noqa: B008 - frozen
        identity: str = "",
        prefixes: Path | None = None,
        prefix_bytes: int = ON_DISK,
    ) -> None:
        """Loads `file`, which the caller has verified and whose sha256 is `identity`.

        `context` 0 is what the model was trained for. In the folder `prefixes`, with an identity, the
        beginnings that all tasks share are kept for later processes, in at most `prefix_bytes`.
        """
        self.name = name
        self._tuning = tuning
        self._worker = llama_thread()
        try:
            self._model = self._worker.do(lambda: native.load_model(str(file), tuning.gpu_layers, tuning.mapped))
        except EngineError as error:
            raise naming(error, name) from error
        try:
            self._prepare(context, identity, prefixes, prefix_bytes)
        except BaseException:
            self._worker.do(lambda: lib.llama_model_free(self._model))
            raise

    def _prepare(self, context: int, identity: str, prefixes: Path | None, prefix_bytes: int) -> None:
        """What is known of the model before its first context. Raises EngineError for one that cannot answer."""
        name, tuning = self.name, self._tuning
        self._vocab = lib.llama_model_get_vocab(self._model)
        if not native.has_end(self._vocab):
            raise EngineError(
                f"model {name!r}: its vocabulary has no end token, so no answer would end; choose an instruct model"
            )
        self._vocabulary = int(lib.llama_vocab_n_tokens(self._vocab))
        self._lead = native.spaced(self._vocab)
        trained = int(lib.llama_model_n_ctx_train(self._model))
        self.context = min(context, trained) if context else trained
        template = lib.llama_model_chat_template(self._model, None)
        self._template = ChatTemplate(
            name,
            template.decode() if template else None,
            bos=self._special(lib.llama_vocab_bos(self._vocab)),
            eos=self._special(lib.llama_vocab_eos(self._vocab)),
        )
        run = (processor(), tuning.flash, tuning.batch, tuning.micro_batch, tuning.gpu_layers)
        manner = f"{identity} llama-cpp-python {version('llama-cpp-python')} {run}"
        kept = Prefixes(manner, prefixes if identity else None, prefix_bytes)
        self._context = Context(self._model, self._vocabulary, self._worker.abort, tuning, kept)

    @property
    def read(self) -> int:
        """Tokens of prompts that were decoded since the engine was made."""
        return self._context.read

    @property
    def reused(self) -> int:
        """Tokens of prompts that were not, because the engine had read them before."""
        return self._context.reused

    def forget(self) -> None:
        """Drops from memory what was read before, as if the engine were new."""
        self._worker.do(self._context.forget)

    def count(self, prompt: Prompt) -> int:
        """Tokens of the prompt as the model will see it."""
        return len(self._reading(prompt).tokens)

    def generate(
        self, requests: Sequence[Generate], seconds: float | None = None
    ) -> list[list[Generation] | Exception]:
        """Every ask's samples, all drawn in one batch; a failed ask is its exception."""
        return self._worker.do(lambda: self._generate(requests, seconds), seconds)

    def loglik(self, requests: Sequence[LogLik], seconds: float | None = None) -> list[LogProb | Exception]:
        """log p(text | prompt) of every ask, by prefill in one batch."""
        return self._worker.do(lambda: self._loglik(requests, seconds), seconds)

    def choose(self, requests: Sequence[Choose], seconds: float | None = None) -> list[Choice | Exception]:
        """Which option comes next in every ask, read from the logits of one position each."""
        return self._worker.do(lambda: self._choose(requests, seconds), seconds)

    def timed(self, tuning: Tuning, read: int, write: int) -> tuple[float, float]:
        """Seconds to read so many tokens and to write so many, run as `tuning` says."""
        return self._worker.do(lambda: self._timed(tuning, read, write))

    def close(self) -> None:
        """Frees context and weights; the engine is of no use afterwards."""
        if self._model:
            self._worker.do(self._free)

    # --- on the worker -------------------------------------------------------

    def _free(self) -> None:
        self._context.close()
        lib.llama_model_free(self._model)
        self._model = None

    def _special(self, token: int) -> str:
        return str(lib.llama_vocab_get_text(self._vocab, token).decode()) if token >= 0 else ""

    def _reading(self, prompt: Prompt) -> Reading:
        """The prompt's tokens, with the places up to which they can be reused."""
        tokens: list[int] = []
        ends: list[int] = []
        bos = lib.llama_vocab_bos(self._vocab)
        adds_bos = lib.llama_vocab_get_add_bos(self._vocab)
        fixed = 0
        for text, message in self._template.pieces(prompt):
            if message is not None and not fixed and message >= prompt.fixed:
                fixed = len(tokens)  # the first words that may be a user's begin here
            begins = not tokens or native.is_control(self._vocab, tokens[-1])
            lead = [] if begins else self._lead
            tokens += native.inside(self._vocab, text, lead, special=message is None)
            if adds_bos and tokens[:1] != [bos]:
                tokens.insert(0, bos)
            ends.append(len(tokens))
        fixed = fixed if prompt.fixed else 0
        return Reading(tokens, cut((end for end in ends if end > fixed), fixed), fixed)

    def _timed(self, tuning: Tuning, read: int, write: int) -> tuple[float, float]:
        nothing = Prefixes("")
        context = Context(self._model, self._vocabulary, self._worker.abort, tuning, nothing)
        tokens = [1 + i % (self._vocabulary - 1) for i in range(read)]  # which ones does not matter
        run = Choosing(tokens, -1, read - 1, options=[0])
        try:
            context.ready(1, read + write)
            began = time.monotonic()
            context.begin([run], lambda rows, logits: None, float("inf"))
            middle = time.monotonic()
            for step in range(write):
                context.next([(tokens[0], read + step, run.sequence)])
            return middle - began, time.monotonic() - middle
        finally:
            context.close()

    # --- drawing -------------------------------------------------------------

    def _generate(self, requests: Sequence[Generate], seconds: float | None) -> list[list[Generation] | Exception]:
        began = time.monotonic()
        failed: dict[int, Exception] = {}
        draws: list[Draw] = []
        try:
            for place, request in enumerate(requests):
                try:
                    self._open(place, request, draws)
                except Exception as error:
                    failed[place] = error
            deadline = began + seconds if seconds else float("inf")
            with _blame(draws, self._context):
                if draws:
                    self._context.ready(len(draws), max(len(d.tokens) + d.sampling.max_tokens for d in draws))
                    self._draw(draws, deadline)
        finally:
            for draw in draws:
                lib.llama_sampler_free(draw.sampler)
        failed |= {draw.request: draw.error for draw in draws if draw.error}
        failed = {place: naming(error, self.name) for place, error in failed.items()}
        share = (time.monotonic() - began) / (sum(len(d.tokens) + d.drawn for d in draws) or 1)
        return [
            failed.get(place) or [d.generation(share * (len(d.tokens) + d.drawn)) for d in draws if d.request == place]
            for place in range(len(requests))
        ]

    def _open(self, place: int, request: Generate, draws: list[Draw]) -> None:
        """Appends a draw for each sample of the ask."""
        sampling = request.sampling
        reading = self._fitting(request.prompt, max(sampling.max_tokens, request.headroom))
        greedy = sampling.temperature <= 0 and sampling.repeat_penalty == 1.0 and not sampling.grammar
        for i in range(request.samples):
            draws.append(
                Draw(
                    tokens=reading.tokens,
                    sequence=-1,
                    want=len(reading.tokens) - 1,
                    reading=reading,
                    request=place,
                    sampling=sampling,
                    sampler=native.new_sampler(self._vocab, self._vocabulary, sampling, sampling.seed + i),
                    words=native.Detokenizer(self._vocab),
                    stream=request.on_text if i == 0 else None,
                    greedy=greedy,
                )
            )

    def _draw(self, draws: Sequence[Draw], deadline: float) -> None:
        """Continuous batching: whoever is finished makes room for the next that waits."""
        began = time.monotonic()
        waiting, live = deque(draws), list[Draw]()
        while waiting or live:
            if time.monotonic() > deadline:
                raise TimedOut(f"not finished after {time.monotonic() - began:.0f} s")
            if waiting and self._context.free:
                fresh = [waiting.popleft() for _ in range(min(len(waiting), self._context.free))]
                live += fresh
                self._context.begin(fresh, self._take_rows, deadline)
            else:
                self._step(live)
            finished = [draw for draw in live if draw.ended or draw.error]
            if finished:
                live = [draw for draw in live if not draw.ended and not draw.error]
                self._context.end(finished, live)

    def _step(self, live: Sequence[Draw]) -> None:
        """One more token for each, in the order of their sequences."""
        live = sorted(live, key=lambda draw: draw.sequence)
        logits = self._context.next([(draw.last, draw.place, draw.sequence) for draw in live])
        self._take_rows([(draw, row) for row, draw in enumerate(live)], logits)

    def _take_rows(self, rows: Sequence[tuple[Draw, int]], logits: NDArray[np.float32]) -> None:
        """Draws the next token of each row's sequence; a row is (draw, place in the batch)."""
        entropies, log_zs = self._measured(rows, logits)
        for row, (draw, place) in enumerate(rows):
            if draw.error:
                continue
            if draw.sampling.grammar:
                try:
                    token = native.sample_within(draw.sampler, logits[row])
                except EngineError as error:
                    draw.error = error
                    continue
            elif draw.greedy:
                token = int(logits[row].argmax())  # what the sampler would find, without sorting anything
            else:
                token = native.sample(draw.sampler, self._context.handle, place)
            logprob = float(logits[row, token] - log_zs[row])
            draw.take(token, float(entropies[row]), logprob, self._ends(token))

    def _ends(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_eog(self._vocab, token))

    # --- scoring -------------------------------------------------------------

    def _loglik(self, requests: Sequence[LogLik], seconds: float | None) -> list[LogProb | Exception]:
        def run(request: LogLik) -> Scoring:
            targets = native.inside(self._vocab, request.text, self._lead, special=False)
            reading = self._fitting(request.prompt, len(targets))
            want = len(reading.tokens) - 1 if targets else len(reading.tokens)  # of no text nothing is wanted
            return Scoring(reading.tokens + targets[:-1], -1, want, targets=targets, reading=reading)

        def reply(run: Scoring, share: float) -> LogProb:
            read = len(run.reading.tokens)
            return LogProb(run.total, len(run.targets), read, share * len(run.tokens), run.reused)

        return self._read(requests, seconds, run, self._score, reply)

    def _score(self, rows: Sequence[tuple[Scoring, int]], logits: NDArray[np.float32]) -> None:
        log_zs = self._measured(rows, logits)[1]
        for row, (run, _) in enumerate(rows):
            run.total += float(logits[row, run.targets[run.scored]] - log_zs[row])
            run.scored += 1

    def _choose(self, requests: Sequence[Choose], seconds: float | None) -> list[Choice | Exception]:
        def run(request: Choose) -> Choosing:
            reading = self._fitting(request.prompt, 1)
            options = [self._single(option) for option in request.options]
            return Choosing(reading.tokens, -1, len(reading.tokens) - 1, options=options, reading=reading)

        def weigh(rows: Sequence[tuple[Choosing, int]], logits: NDArray[np.float32]) -> None:
            self._measured(rows, logits)
            for row, (run, _) in enumerate(rows):
                if run.error:
                    continue
                weights = np.exp(logits[row, run.options] - logits[row, run.options].max())
                run.probabilities = tuple((weights / weights.sum()).tolist())

        def reply(run: Choosing, share: float) -> Choice:
            return Choice(run.probabilities, len(run.tokens), share * len(run.tokens), run.reused)

        return self._read(requests, seconds, run, weigh, reply)

    def _read(
        self,
        requests: Sequence[A],
        seconds: float | None,
        run: Callable[[A], R],
        on_rows: OnRows[R],
        reply: Callable[[R, float], Out],
    ) -> list[Out | Exception]:
        """Reads one run an ask, as many at a time as there is room for; replies share the time by their tokens."""
        began = time.monotonic()
        results: list[R | Exception] = []
        for request in requests:
            try:
                results.append(run(request))
            except Exception as error:
                results.append(error)
        runs = [result for result in results if not isinstance(result, Exception)]
        deadline = began + seconds if seconds else float("inf")
        with _blame(runs, self._context):
            width = self._context.ready(len(runs), max(len(r.tokens) for r in runs)) if runs else 1
            for start in range(0, len(runs), width):
                self._context.begin(runs[start : start + width], on_rows, deadline)
                self._context.end(runs[start : start + width])
        share = (time.monotonic() - began) / (sum(len(run.tokens) for run in runs) or 1)
        failed = [r if isinstance(r, Exception) else r.error for r in results]
        return [
            naming(error, self.name) if error else reply(cast(R, result), share)
            for error, result in zip(failed, results, strict=True)
        ]

    def _measured(
        self, rows: Sequence[tuple[Run, int]], logits: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Entropies and log normalisers; a run whose row is not finite has failed, the others go on."""
        entropies, log_zs = measure(logits)
        for row in np.flatnonzero(~np.isfinite(entropies)).tolist():
            rows[row][0].error = NotFinite(f"model {self.name!r} gave logits that are not finite; pull it with --force")
        return entropies, log_zs

    def _single(self, option: str) -> int:
        tokens = native.inside(self._vocab, option, self._lead, special=False)
        if len(tokens) != 1:
            raise EngineError(f"model {self.name!r}: option {option!r} is {len(tokens)} tokens, should be one")
        return tokens[0]

    def _fitting(self, prompt: Prompt, more: int) -> Reading:
        """The prompt as tokens. Raises PromptTooLong where `more` tokens do not fit behind them."""
        reading = self._reading(prompt)
        if len(reading.tokens) + more > self.context:
            raise PromptTooLong(self.name, len(reading.tokens) + more, self.context)
        return reading


@contextmanager
def _blame(runs: Sequence[Run], context: Context) -> Iterator[None]:
    """Runs that an error leaves unfinished get it for their result; a stop from outside goes on up."""
    try:
        yield
    except Exception as error:
        context.reset()
        if isinstance(error, Cancelled):
            raise
        for run in runs:
            if not run.finished:
                run.error = run.error or error
    if any(isinstance(run.error, NotFinite) for run in runs):
        context.drop()  # without flash attention what they left would spoil who comes after them
