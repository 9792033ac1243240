"""The baseline: llama-cpp-python's own `Llama` behind our `Engine` protocol, called as its users call it.

Every request is a call of its own, one after the other. `Llama` keeps the beginning that a prompt shares with the
one before, and that stays on. For what it has no call for (entropy while drawing, the likelihood of a text), the
shortest way through its public methods is taken, so that the baseline is not slower than necessary. Its numbers
agree with our engine's, except for the small differences between batches of different shapes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from llama_cpp import Llama, LlamaGrammar, llama_cpp
from numpy.typing import NDArray

from edge_sale.errors import EngineError, PromptTooLong
from edge_sale.llama.chat import ChatTemplate
from edge_sale.llama.llama_thread import llama_thread
from edge_sale.types import Choice, Choose, Generate, Generation, LogLik, LogProb, Prompt, Sampling

A = TypeVar("A")
Out = TypeVar("Out")


class MeasuringLlama(Llama):  # type: ignore[misc]  # llama_cpp has no types
    """`Llama` that measures entropy and log p of every token it draws, inside `with measuring()`."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self._measuring = False
        self.entropies: list[float] = []
        self.logprobs: list[float] = []

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure the tokens that are drawn inside, into `entropies` and `logprobs`."""
        self._measuring, self.entropies, self.logprobs = True, [], []
        try:
            yield
        finally:
            self._measuring = False

    def last_logits(self) -> NDArray[np.float32]:
        """The logits after the last decoded token, shape (vocabulary,): a view that is valid until the next decode."""
        pointer = llama_cpp.llama_get_logits_ith(self.ctx, -1)
        return np.ctypeslib.as_array(pointer, (self.n_vocab(),))

    def sample(self, *args: Any, **values: Any) -> int:
        """The next token. `create_completion` draws all its tokens through this method."""
        token = int(super().sample(*args, **values))
        if self._measuring:
            shifted = (row := self.last_logits()) - row.max()
            weights = np.exp(shifted)
            z = weights.sum(dtype=np.float64)
            self.entropies.append(float(np.log(z) - np.dot(weights, shifted) / z))
            self.logprobs.append(float(shifted[token] - np.log(z)))
        return token


class SequentialEngine:
    """One model in `Llama`. Implements `protocols.Engine`; a batch is answered one request after the other."""

    def __init__(self, name: str, file: Path, *, context: int, threads: int, batch: int = 512) -> None:
        """Load `file`, which the caller has verified. `context` is the most tokens of prompt and answer together.

        `batch` tokens of a prompt are read at a time; 512 is `Llama`'s default.
        """
        self.name, self.context = name, context
        self._file, self._threads, self._batch = file, threads, batch
        self._scorer: Llama | None = None
        self.llama: MeasuringLlama = llama_thread().do(lambda: self._load(MeasuringLlama, context))
        self._template = ChatTemplate(name, self.llama.metadata.get("tokenizer.chat_template"), bos="", eos="")

    def tokens(self, prompt: Prompt) -> list[int]:
        """The prompt's tokens, tokenized as one text: only for our own prompts, not for untrusted text."""
        text = "".join(piece for piece, _ in self._template.pieces(prompt))
        return list(self.llama.tokenize(text.encode(), add_bos=False, special=True))

    def count(self, prompt: Prompt) -> int:
        return len(self.tokens(prompt))

    def generate(
        self, requests: Sequence[Generate], seconds: float | None = None
    ) -> list[list[Generation] | Exception]:
        """The samples of every request, one call of `create_completion` each."""
        return self._each(requests, self._generate)

    def loglik(self, requests: Sequence[LogLik], seconds: float | None = None) -> list[LogProb | Exception]:
        """log p(text | prompt), one prefill per request with the logits of every position."""
        return self._each(requests, self._loglik)

    def choose(self, requests: Sequence[Choose], seconds: float | None = None) -> list[Choice | Exception]:
        """Which option comes next, from the logits after one prefill per request."""
        return self._each(requests, self._choose)

    def forget(self) -> None:
        """Drop what was read, so that the next prompt is read from its first token."""
        self.llama.reset()
        if self._scorer:
            self._scorer.reset()

    def close(self) -> None:
        self.llama.close()
        if self._scorer:
            self._scorer.close()

    def complete(self, tokens: Sequence[int], sampling: Sampling, seed: int) -> tuple[str, int, str]:
        """One call of `create_completion`, on the llama.cpp thread: text, tokens in it, and "stop" or "length"."""
        grammar = LlamaGrammar.from_string(sampling.grammar, verbose=False) if sampling.grammar else None
        out: Any = self.llama.create_completion(
            list(tokens),
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            repeat_penalty=sampling.repeat_penalty,
            seed=seed,
            stop=list(sampling.stop),
            grammar=grammar,
        )
        choice = out["choices"][0]
        return choice["text"], out["usage"]["completion_tokens"], choice["finish_reason"]

    # --- on the llama.cpp thread -------------------------------------------------------

    def _load(self, kind: type[Any], context: int, **values: Any) -> Any:
        return kind(
            str(self._file),
            n_ctx=context,
            n_threads=self._threads,
            n_threads_batch=self._threads,
            flash_attn=True,  # llama.cpp's own choice here, and our engine's
            n_batch=self._batch,
            n_ubatch=self._batch,
            n_gpu_layers=-1,
            verbose=False,
            **values,
        )

    def _each(self, requests: Sequence[A], answer: Callable[[A], Out]) -> list[Out | Exception]:
        """The replies to the requests in order; the reply to a failed request is its exception."""

        def one(request: A) -> Out | Exception:
            try:
                return answer(request)
            except Exception as error:
                return error

        return llama_thread().do(lambda: [one(request) for request in requests])

    def _generate(self, request: Generate) -> list[Generation]:
        tokens = self._fitting(request.prompt, max(request.sampling.max_tokens, request.headroom))
        return [self._sample(tokens, request.sampling, i) for i in range(request.samples)]

    def _sample(self, tokens: list[int], sampling: Sampling, i: int) -> Generation:
        began = time.monotonic()
        with self.llama.measuring():
            text, written, finish = self.complete(tokens, sampling, sampling.seed + i)
        drawn = len(self.llama.entropies)  # with the end token, if there was one
        return Generation(
            text=text,
            tokens=drawn,
            prompt_tokens=len(tokens),
            entropy=float(np.mean(self.llama.entropies)),
            logprob=float(np.mean(self.llama.logprobs)),
            ended="length" if finish == "length" else "end" if drawn > written else "stop",
            seconds=time.monotonic() - began,
        )

    def _loglik(self, request: LogLik) -> LogProb:
        began = time.monotonic()
        targets = self.llama.tokenize(request.text.encode(), add_bos=False, special=False) if request.text else []
        prompt = self._fitting(request.prompt, len(targets))
        if not targets:
            return LogProb(0.0, 0, len(prompt), time.monotonic() - began)
        if self._scorer is None:  # a second context: with logits_all, drawing would keep all logits too
            self._scorer = self._load(Llama, self.context, logits_all=True)
        scorer = self._scorer
        self._read(scorer, prompt + targets[:-1], keep=len(prompt) - 1)
        rows = np.array(scorer.scores[len(prompt) - 1 : len(prompt) + len(targets) - 1], dtype=np.float64)
        tops = rows.max(axis=1)
        log_z = tops + np.log(np.exp(rows - tops[:, None]).sum(axis=1))
        total = float(rows[np.arange(len(targets)), targets].sum() - log_z.sum())
        return LogProb(total, len(targets), len(prompt), time.monotonic() - began)

    def _choose(self, request: Choose) -> Choice:
        began = time.monotonic()
        options = [self.llama.tokenize(option.encode(), add_bos=False, special=False) for option in request.options]
        if wrong := [text for text, ids in zip(request.options, options, strict=True) if len(ids) != 1]:
            raise EngineError(f"option {wrong[0]!r} is not one token")
        prompt = self._fitting(request.prompt, 1)
        self._read(self.llama, prompt, keep=len(prompt) - 1)
        logits = self.llama.last_logits()[[ids[0] for ids in options]].astype(np.float64)
        weights = np.exp(logits - logits.max())
        return Choice(tuple((weights / weights.sum()).tolist()), len(prompt), time.monotonic() - began)

    def _read(self, llama: Llama, tokens: list[int], keep: int) -> None:
        """Decode all but what the last prompt shares, at most `keep` tokens, as `Llama.generate` does."""
        known = Llama.longest_token_prefix(llama.input_ids[: llama.n_tokens].tolist(), tokens[:keep])
        llama.n_tokens = known
        llama.eval(tokens[known:])

    def _fitting(self, prompt: Prompt, more: int) -> list[int]:
        tokens = self.tokens(prompt)
        if len(tokens) + more > self.context:
            raise PromptTooLong(self.name, len(tokens) + more, self.context)
        return tokens
