"""What the machine and llama.cpp allow at best: a bare decode loop, memory bandwidth, and bytes per token."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from edge_sale.catalog.gguf_header import GgufInfo
from edge_sale.errors import EngineError

COPIED = 256 << 20  # bytes: more than any processor cache holds
COPIES = 7
F16 = 2  # bytes of a cached key or value


def weight_bytes(info: GgufInfo) -> float:
    """Bytes of weights that decoding one token reads.

    All tensors count whole, with two exceptions: one row of an embedding table that is not the output matrix as
    well, and the experts in use of a mixture of experts.
    """
    names = {tensor.name for tensor in info.tensors}
    metadata, arch = info.metadata, info.architecture
    used, experts = metadata.get(f"{arch}.expert_used_count"), metadata.get(f"{arch}.expert_count")
    share = used / experts if isinstance(used, int) and isinstance(experts, int) and experts else 1.0
    total = 0.0
    for tensor in info.tensors:
        if tensor.name == "token_embd.weight" and "output.weight" in names:
            total += tensor.bytes / tensor.shape[-1]
        else:
            total += tensor.bytes * (share if "_exps" in tensor.name else 1.0)
    return total


def file_bytes(info: GgufInfo) -> int:
    """Bytes of all tensors."""
    return sum(tensor.bytes for tensor in info.tensors)


def kv_bytes(info: GgufInfo, tokens: int) -> int:
    """Bytes of the 16-bit keys and values of so many tokens in all layers.

    Raises EngineError if the header gives lists and not whole numbers, because its layers differ.
    """

    def number(key: str, otherwise: int | None = None) -> int:
        value = info.metadata.get(f"{info.architecture}.{key}", otherwise)
        if not isinstance(value, int):
            raise EngineError(f"the header's {info.architecture}.{key} is {value!r}; it should be a whole number")
        return value

    heads = number("attention.head_count")
    width = number("embedding_length") // heads
    both = number("attention.key_length", width) + number("attention.value_length", width)
    return number("block_count") * number("attention.head_count_kv", heads) * both * F16 * tokens


def copy_bandwidth(threads: int) -> float:
    """Bytes per second that `threads` threads read and write while they copy memory, the best of several copies.

    Counted as in STREAM: each byte once as read and once as written (McCalpin 1995).
    """
    share = COPIED // threads
    blocks = [(np.ones(share, np.uint8), np.zeros(share, np.uint8)) for _ in range(threads)]
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:  # numpy releases the GIL while it copies
        for _ in range(COPIES):
            began = time.perf_counter()
            for done in [pool.submit(np.copyto, target, source) for source, target in blocks]:
                done.result()
            best = min(best, time.perf_counter() - began)
    return 2 * share * threads / best


class BareLoop:
    """Decodes one sequence with `llama_decode` alone: nothing is sampled, measured or turned into text.

    It is used on the thread that made it. `model` is a llama.cpp handle that must outlive it.
    """

    def __init__(self, model: Any, *, threads: int, cells: int, batch: int = 512) -> None:
        import llama_cpp.llama_cpp as lib

        self._lib = lib
        params = lib.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = batch
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        self._context = lib.llama_init_from_model(model, params)
        if not self._context:
            raise EngineError(f"llama.cpp could not make a context of {cells} tokens")
        self._batch = lib.llama_batch_init(batch, 0, 1)

    def run(self, prompt: Sequence[int], drawn: Sequence[int]) -> None:
        """Read the prompt, then decode as many times as it took to draw the tokens of `drawn`."""
        lib, batch = self._lib, self._batch
        lib.llama_memory_clear(lib.llama_get_memory(self._context), False)
        for place, token in enumerate(prompt):
            batch.token[place], batch.pos[place], batch.logits[place] = token, place, False
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, 0
        batch.logits[len(prompt) - 1] = True
        self._decode(len(prompt))
        batch.logits[0] = True
        token_at, position_at = batch.token, batch.pos
        for position, token in enumerate(drawn[:-1], start=len(prompt)):  # the last one drawn is never decoded
            token_at[0], position_at[0] = token, position
            self._decode(1)

    def _decode(self, tokens: int) -> None:
        self._batch.n_tokens = tokens
        if status := self._lib.llama_decode(self._context, self._batch):
            raise EngineError(f"llama.cpp could not decode {tokens} tokens (status {status})")

    def close(self) -> None:
        self._lib.llama_batch_free(self._batch)
        self._lib.llama_free(self._context)
