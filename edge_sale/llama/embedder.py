"""Turns texts into vectors for the auction memory, with an encoder or with the averaged states of a chat model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import EngineError, naming
from edge_sale.llama import native
from edge_sale.llama.batch import Batch
from edge_sale.llama.llama_thread import llama_thread
from edge_sale.llama.vocabulary import Vocabulary

SEQUENCES = 8  # texts per batch, at most
# Windows per text, at most. An encoder's window is 512 tokens, so 16 windows hold as much as the models of the starter
# pool take. They refuse a longer text, such as a wrong file from a pipe, and embedding all of it would only take time.
WINDOWS = 16
BATCH_TOKENS = 256  # per batch, unless one text is longer: every token attends over all of its batch

Window = tuple[int, list[int]]  # the number of its text, its tokens


class LlamaEmbedder:
    """An encoder, or a chat model whose last states are averaged over the text.

    Implements `types.Embedder`; vectors are float32 of length 1.
    """

    def __init__(
        self,
        name: str,
        file: Path,
        identity: str,
        *,
        threads: int = 1,
        gpu_layers: int = -1,
        spent: Callable[[int, float], None] | None = None,
    ) -> None:
        """Load `file`, which the caller has verified and whose sha256 is `identity`.

        `spent` is called with the tokens and seconds of every call. Raises EngineError.
        """
        self.name, self.identity = name, identity
        self._spent = spent
        self._thread = llama_thread()
        self._model: Any = None
        self._batch: Batch | None = None
        self._context: Any = None
        try:
            self._thread.do(lambda: self._load(str(file), threads, gpu_layers))
        except EngineError as error:
            self.close()
            raise naming(error, name) from error
        except BaseException:
            self.close()
            raise

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector per text, shape (texts, dimension).

        A text longer than the model's window is read in windows, and its vector is the mean of theirs. Of a very
        long text only the first WINDOWS windows are read. Raises EngineError.
        """
        began = time.monotonic()
        vectors, tokens = self._thread.do(lambda: self._embed(texts))
        if self._spent:
            self._spent(tokens, time.monotonic() - began)
        return vectors

    def close(self) -> None:
        """Free context and weights; the embedder cannot be used afterwards."""
        self._thread.do(self._free)

    def _load(self, file: str, threads: int, gpu_layers: int) -> None:
        self._model = native.load_model(file, gpu_layers)
        self._vocabulary = Vocabulary(self._model)
        self.dimension = int(lib.llama_model_n_embd(self._model))
        self._window = int(lib.llama_model_n_ctx_train(self._model))
        # an encoder has to see a whole sequence in one micro-batch
        self._batch = Batch(max(BATCH_TOKENS, self._window))
        self._context = native.new_context(
            self._model,
            sequences=SEQUENCES,
            cells=self._window,
            threads=threads,
            batch=max(BATCH_TOKENS, self._window),
            embeddings=True,
        )
        self._thread.abort.attach(self._context)
        self._memory = lib.llama_get_memory(self._context)  # None for an encoder, which has no KV cache

    def _free(self) -> None:
        if self._batch:
            self._batch.free()
        if self._context:
            lib.llama_free(self._context)
        if self._model:
            lib.llama_model_free(self._model)
        self._batch = self._context = self._model = None

    def _embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """The vectors, and how many tokens were read."""
        windows = self._windows(texts)
        sums = np.zeros((len(texts), self.dimension), dtype=np.float64)
        for batch in pack(windows):
            for (number, tokens), vector in zip(batch, self._encode([tokens for _, tokens in batch]), strict=True):
                sums[number] += len(tokens) * vector
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms == 0).any():
            raise EngineError(f"model {self.name!r} gave a vector without a direction")
        vectors: NDArray[np.float32] = (sums / norms).astype(np.float32)
        return vectors, sum(len(tokens) for _, tokens in windows)

    def _windows(self, texts: Sequence[str]) -> list[Window]:
        """Every text in windows that the model can read, each between the marks that it was trained with."""
        first, last = self._vocabulary.bos, self._vocabulary.eos
        if last < 0:  # the files of many encoders name their [SEP] as separator only
            last = self._vocabulary.sep
        opening, closing = [first] if first >= 0 else [], [last] if last >= 0 else []
        inside = self._window - len(opening) - len(closing)
        windows: list[Window] = []
        for number, text in enumerate(texts):
            tokens = self._vocabulary.tokenize(text, special=False)
            for start in range(0, min(len(tokens), WINDOWS * inside) or 1, inside):
                windows.append((number, [*opening, *tokens[start : start + inside], *closing]))
        return windows

    def _encode(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """One unit vector per sequence."""
        batch = self._batch
        assert batch is not None, "the embedder was closed"
        batch.clear()
        for sequence, tokens in enumerate(sequences):
            for position, token in enumerate(tokens):
                batch.add(token, position, sequence, True)
        if self._memory:
            lib.llama_memory_clear(self._memory, False)
            batch.decode(self._context, self._thread.abort)
        else:
            batch.encode(self._context, self._thread.abort)
        vectors = []
        for sequence in range(len(sequences)):
            pointer = lib.llama_get_embeddings_seq(self._context, sequence)
            vector = np.ctypeslib.as_array(pointer, (self.dimension,)).astype(np.float64)
            vectors.append(vector / (np.linalg.norm(vector) or 1.0))
        return vectors


def pack(windows: Sequence[Window]) -> Iterator[list[Window]]:
    """The windows in order, in batches of at most BATCH_TOKENS tokens and SEQUENCES windows, and at least one."""
    batch: list[Window] = []
    size = 0
    for window in windows:
        if batch and (len(batch) == SEQUENCES or size + len(window[1]) > BATCH_TOKENS):
            yield batch
            batch, size = [], 0
        batch.append(window)
        size += len(window[1])
    if batch:
        yield batch
