"""Text to vectors for the auction memory: on a small encoder, or from the pooled states of a chat model."""

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
from edge_sale.llama.llama_thread import llama_thread

SEQUENCES = 8  # texts a batch, at most
# Windows of a text, at most. Those of an encoder are 512 tokens, so that 16 are what the starter's models take: who is
# sent more, as by a pipe of the wrong file, refuses it, and should not be waited for while it is embedded whole.
WINDOWS = 16
TOGETHER = 256  # tokens a batch, unless one text is longer: every token attends over all of its batch


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
        """Loads `file`, which the caller has verified and whose sha256 is `identity`.

        `spent` hears of the tokens and seconds of every call.
        """
        self.name, self.identity = name, identity
        self._spent = spent
        self._worker = llama_thread()
        self._model: Any = None
        self._batch: native.Batch | None = None
        self._context: Any = None
        try:
            self._worker.do(lambda: self._load(str(file), threads, gpu_layers))
        except EngineError as error:
            self.close()
            raise naming(error, name) from error
        except BaseException:
            self.close()
            raise

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector a text, shape (texts, dimension).

        A text longer than the model's window is read in windows, and the mean of their
        vectors stands for it. Of a very long one that is its beginning: the first WINDOWS.
        """
        began = time.monotonic()
        vectors, tokens = self._worker.do(lambda: self._embed(texts))
        if self._spent:
            self._spent(tokens, time.monotonic() - began)
        return vectors

    def close(self) -> None:
        """Frees context and weights; the embedder is of no use afterwards."""
        self._worker.do(self._free)

    def _load(self, file: str, threads: int, gpu_layers: int) -> None:
        self._model = native.load_model(file, gpu_layers)
        self._vocab = lib.llama_model_get_vocab(self._model)
        self.dimension = int(lib.llama_model_n_embd(self._model))
        self._window = int(lib.llama_model_n_ctx_train(self._model))
        # an encoder must see a whole sequence in one micro-batch
        self._batch = native.Batch(max(TOGETHER, self._window))
        self._context = native.new_context(
            self._model,
            sequences=SEQUENCES,
            cells=self._window,
            threads=threads,
            batch=max(TOGETHER, self._window),
            embeddings=True,
        )
        self._worker.abort.attach(self._context)
        self._memory = native.memory(self._context)  # only a model that writes has one

    def _free(self) -> None:
        if self._batch:
            self._batch.free()
        if self._context:
            lib.llama_free(self._context)
        if self._model:
            lib.llama_model_free(self._model)
        self._batch = self._context = self._model = None

    def _embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        first, last = lib.llama_vocab_bos(self._vocab), lib.llama_vocab_eos(self._vocab)
        if last < 0:  # many an encoder's file names its [SEP] as separator only
            last = lib.llama_vocab_sep(self._vocab)
        opening, closing = [first] if first >= 0 else [], [last] if last >= 0 else []
        inside = self._window - len(opening) - len(closing)
        windows: list[tuple[int, list[int]]] = []  # (text, tokens)
        for place, text in enumerate(texts):
            tokens = native.tokenize(self._vocab, text, special=False)
            for start in range(0, min(len(tokens), WINDOWS * inside) or 1, inside):
                windows.append((place, [*opening, *tokens[start : start + inside], *closing]))
        sums = np.zeros((len(texts), self.dimension), dtype=np.float64)
        for part in packed(windows):
            for (place, tokens), vector in zip(part, self._encode([t for _, t in part]), strict=True):
                sums[place] += len(tokens) * vector
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms == 0).any():
            raise EngineError(f"model {self.name!r} gave a vector without a direction")
        vectors: NDArray[np.float32] = (sums / norms).astype(np.float32)
        return vectors, sum(len(tokens) for _, tokens in windows)

    def _encode(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        batch = self._batch
        assert batch is not None, "the embedder was closed"
        batch.clear()
        for sequence, tokens in enumerate(sequences):
            for position, token in enumerate(tokens):
                batch.add(token, position, sequence, True)
        if self._memory:
            native.clear(self._memory)
            batch.decode(self._context, self._worker.abort)
        else:
            batch.encode(self._context, self._worker.abort)
        vectors = []
        for sequence in range(len(sequences)):
            pointer = lib.llama_get_embeddings_seq(self._context, sequence)
            vector = np.ctypeslib.as_array(pointer, (self.dimension,)).astype(np.float64)
            vectors.append(vector / (np.linalg.norm(vector) or 1.0))
        return vectors


def packed(windows: Sequence[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    """The windows in order, as many a batch as stay within TOGETHER tokens and SEQUENCES, and at least one."""
    part: list[tuple[int, list[int]]] = []
    size = 0
    for window in windows:
        if part and (len(part) == SEQUENCES or size + len(window[1]) > TOGETHER):
            yield part
            part, size = [], 0
        part.append(window)
        size += len(window[1])
    if part:
        yield part
