"""A batch of tokens for llama.cpp, and the logits that it gives."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import EngineError, OutOfMemory
from edge_sale.llama.abort import Abort


class Batch:
    """A `llama_batch` that is filled token by token. The owner frees it."""

    def __init__(self, capacity: int) -> None:
        self._batch = lib.llama_batch_init(capacity, 0, 1)

    def clear(self) -> None:
        """Remove all tokens."""
        self._batch.n_tokens = 0

    def __len__(self) -> int:
        return int(self._batch.n_tokens)

    def add(self, token: int, position: int, sequence: int, logits: bool) -> None:
        """Add one token; `logits` says whether the logits after it are wanted."""
        at = int(self._batch.n_tokens)
        self._batch.token[at] = token
        self._batch.pos[at] = position
        self._batch.n_seq_id[at] = 1
        self._batch.seq_id[at][0] = sequence
        self._batch.logits[at] = logits
        self._batch.n_tokens = at + 1

    def decode(self, context: Any, abort: Abort) -> None:
        """Run the model over the batch. Raises the reason of `abort` if that stopped it."""
        status = lib.llama_decode(context, self._batch)
        if abort:
            raise abort.reason
        if status == 1:
            raise OutOfMemory("the context has no room left for this batch")
        if status != 0:
            raise EngineError(f"llama.cpp could not decode a batch of {len(self)} tokens (status {status})")

    def encode(self, context: Any, abort: Abort) -> None:
        """Run an encoder over the batch. Raises the reason of `abort` if that stopped it."""
        status = lib.llama_encode(context, self._batch)
        if abort:
            raise abort.reason
        if status != 0:
            raise EngineError(f"llama.cpp could not encode a batch of {len(self)} tokens (status {status})")

    def free(self) -> None:
        """Free the memory; the batch cannot be used afterwards."""
        lib.llama_batch_free(self._batch)


def logits(context: Any, rows: int, vocabulary_size: int) -> NDArray[np.float32]:
    """The logits of the last decode, shape (rows, vocabulary_size): a view that is valid until the next decode."""
    first = ctypes.addressof(lib.llama_get_logits(context).contents)
    values: Any = (ctypes.c_float * (rows * vocabulary_size)).from_address(first)
    return np.frombuffer(values, dtype=np.float32).reshape(rows, vocabulary_size)
