"""A GGUF model in this process: it draws answers, scores texts and chooses among options, in batches.

All work runs on the process's one llama.cpp thread. The caller waits where ^C can reach it, and a running decode
can be stopped at every graph node. Batches are decoded in the order of the calls. What was read before does not
change a single bit of an answer: the same requests give the same tokens.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import llama_cpp.llama_cpp as lib

from edge_sale.errors import EngineError, naming
from edge_sale.hardware.processors import processor
from edge_sale.llama import drawing, native, scoring
from edge_sale.llama.context import Context
from edge_sale.llama.llama_thread import llama_thread
from edge_sale.llama.model import Model
from edge_sale.llama.prefix_cache import DISK_LIMIT, PrefixCache
from edge_sale.llama.runs import Choosing
from edge_sale.llama.tuning import Tuning
from edge_sale.types import Choice, Choose, Generate, Generation, LogLik, LogProb, Prompt


class LlamaEngine:
    """One model's weights and its context. Implements `protocols.Engine`."""

    def __init__(
        self,
        name: str,
        file: Path,
        *,
        context: int = 0,
        tuning: Tuning = Tuning(),  # noqa: B008 - frozen
        identity: str = "",
        prefixes: Path | None = None,
        prefix_bytes: int = DISK_LIMIT,
    ) -> None:
        """Load `file`, which the caller has verified and whose sha256 is `identity`.

        `context` is the most tokens of prompt and answer together; 0 is what the model was trained for. With an
        `identity`, the beginnings that all tasks share are kept in the folder `prefixes` for later processes, in
        at most `prefix_bytes` bytes. Raises EngineError.
        """
        self.name = name
        self._thread = llama_thread()
        try:
            handle = self._thread.do(lambda: native.load_model(str(file), tuning.gpu_layers, tuning.mapped))
        except EngineError as error:
            raise naming(error, name) from error
        try:
            self._model = Model(name, handle, context)
            self.context = self._model.context
            settings = (processor(), tuning.flash, tuning.batch, tuning.micro_batch, tuning.gpu_layers)
            key = f"{identity} llama-cpp-python {version('llama-cpp-python')} {settings}"
            cache = PrefixCache(key, prefixes if identity else None, prefix_bytes)
            self._context = self._new_context(tuning, cache)
        except BaseException:
            self._thread.do(lambda: lib.llama_model_free(handle))
            raise
        self._closed = False

    @property
    def read(self) -> int:
        """Prompt tokens that were decoded since the engine was made."""
        return self._context.read

    @property
    def reused(self) -> int:
        """Prompt tokens that were not decoded, because the engine had read them before."""
        return self._context.reused

    def forget(self) -> None:
        """Drop from memory what was read before, as if the engine were new."""
        self._thread.do(self._context.forget)

    def count(self, prompt: Prompt) -> int:
        """How many tokens the prompt is to the model."""
        return len(self._model.tokenize(prompt).tokens)

    def generate(
        self, requests: Sequence[Generate], seconds: float | None = None
    ) -> list[list[Generation] | Exception]:
        """The samples of every request, drawn in one batch, or the exception of a request that failed."""
        return self._thread.do(lambda: drawing.generate(self._model, self._context, requests, seconds), seconds)

    def loglik(self, requests: Sequence[LogLik], seconds: float | None = None) -> list[LogProb | Exception]:
        """log p(text | prompt) of every request, by prefill in one batch, or the exception of one that failed."""
        return self._thread.do(lambda: scoring.loglik(self._model, self._context, requests, seconds), seconds)

    def choose(self, requests: Sequence[Choose], seconds: float | None = None) -> list[Choice | Exception]:
        """Which option comes next in every request, from the logits of one position each, or its exception."""
        return self._thread.do(lambda: scoring.choose(self._model, self._context, requests, seconds), seconds)

    def timed(self, tuning: Tuning, read: int, write: int) -> tuple[float, float]:
        """Seconds to read `read` tokens and to write `write` tokens with another tuning."""
        return self._thread.do(lambda: self._timed(tuning, read, write))

    def close(self) -> None:
        """Free context and weights; the engine cannot be used afterwards."""
        if not self._closed:
            self._closed = True
            self._thread.do(self._free)

    def _free(self) -> None:
        self._context.close()
        lib.llama_model_free(self._model.handle)

    def _new_context(self, tuning: Tuning, cache: PrefixCache) -> Context:
        return Context(self._model.handle, self._model.vocabulary.size, self._thread.abort, tuning, cache)

    def _timed(self, tuning: Tuning, read: int, write: int) -> tuple[float, float]:
        context = self._new_context(tuning, PrefixCache(""))
        tokens = [1 + i % (self._model.vocabulary.size - 1) for i in range(read)]  # any tokens will do
        run = Choosing(tokens, -1, read - 1, options=[0])
        try:
            context.ready(1, read + write)
            began = time.monotonic()
            context.begin([run], lambda runs, logits: None, float("inf"))
            middle = time.monotonic()
            for step in range(write):
                context.next_logits([(tokens[0], read + step, run.sequence)])
            return middle - began, time.monotonic() - middle
        finally:
            context.close()
