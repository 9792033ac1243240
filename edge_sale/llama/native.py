"""Models and contexts of llama.cpp: loading them, and what a model says of itself.

Models are loaded, contexts are made and batches are decoded on the process's one llama.cpp thread
(llama_thread.py); reading a model's header and vocabulary is safe on any thread.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

import llama_cpp.llama_cpp as lib

from edge_sale.errors import EngineError, OutOfMemory

FLASH = {"auto": -1, "off": 0, "on": 1}  # llama_flash_attn_type
MAX_CELLS = 2**31 - 1  # llama.cpp counts cells in 32 bits: 2^32 of them would be 0


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _discard(level: int, text: bytes, data: object) -> None:
    """Drop a log line: by default llama.cpp logs to stderr, which is the user's terminal."""


@cache
def start() -> None:
    """Initialise the back ends, once per process and without log output."""
    lib.llama_log_set(_discard, ctypes.c_void_p(0))
    lib.llama_backend_init()


def load_model(path: str, gpu_layers: int, mapped: bool = True) -> Any:
    """The handle of the loaded model. Raises EngineError that names the file.

    A `mapped` file is read when its weights are first used, and shared with other processes. Where llama.cpp
    copies the weights into another layout, a mapped file would be in memory a second time.
    """
    start()
    params = lib.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    params.load_mode = lib.LLAMA_LOAD_MODE_AUTO if mapped else lib.LLAMA_LOAD_MODE_NONE
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise EngineError(f"llama.cpp cannot load {path}; pull the model again with --force")
    return model


def new_context(
    model: Any,
    *,
    sequences: int,
    cells: int,
    threads: int,
    batch_threads: int = 0,
    batch: int,
    micro_batch: int = 0,
    outputs: int = 0,
    flash: str = "auto",
    embeddings: bool = False,
) -> Any:
    """A context for `sequences` sequences of `cells` tokens each, each with a KV cache of its own.

    With one shared cache every token would attend over the cells of all sequences. `outputs` limits the rows of
    logits per batch: rows for every token would be most of the memory that a small model takes.
    Raises OutOfMemory.
    """
    too_large = OutOfMemory(
        f"no memory for a context of {sequences} x {cells} tokens; fewer samples or a smaller max_tokens needs less"
    )
    if sequences * cells > MAX_CELLS:
        raise too_large
    params = lib.llama_context_default_params()
    params.n_ctx = sequences * cells
    params.n_seq_max = sequences
    params.n_batch = batch
    params.n_ubatch = micro_batch or batch
    params.n_outputs_max = outputs
    params.n_threads, params.n_threads_batch = threads, batch_threads or threads
    params.flash_attn_type = FLASH[flash]
    # with separate caches llama.cpp splits a batch between sequences, and it pools over each part by itself
    params.kv_unified = embeddings
    params.no_perf = True
    if embeddings:
        params.embeddings = True
        params.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
    context = lib.llama_init_from_model(model, params)
    if not context:
        raise too_large
    return context


# --- what a model says of itself ---------------------------------------------


def can_rewind(model: Any) -> bool:
    """Whether the last tokens of a sequence can be removed; a recurrent state cannot go back."""
    return not (lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model))


def can_save_state(model: Any) -> bool:
    """Whether the saved state of a sequence is complete, and valid in a context of any size.

    For sliding-window layers llama.cpp saves the window alone. With long RoPE, keys are rotated by other factors
    in contexts beyond the length that the model was first trained for.
    """
    return not int(lib.llama_model_n_swa(model)) and architecture_value(model, "rope.scaling.type") != "longrope"


def kv_bytes_per_token(model: Any) -> int:
    """Bytes of KV cache per token, in 16 bits; an upper bound for a hybrid model."""
    heads = int(lib.llama_model_n_head(model))
    evenly = int(lib.llama_model_n_embd(model)) // max(1, heads)
    sizes = (architecture_value(model, f"attention.{name}_length") for name in ("key", "value"))
    key_and_value = sum(int(size) if size.isdecimal() else evenly for size in sizes)
    # llama.cpp tells the number of the first layer, which is 0 where that layer of a hybrid has no attention
    kv_heads = int(lib.llama_model_n_head_kv(model)) or heads
    return 2 * int(lib.llama_model_n_layer(model)) * kv_heads * key_and_value


def architecture_value(model: Any, key: str) -> str:
    """The header's value of `key` for the model's architecture; empty where the header has none."""
    return _header(model, f"{_header(model, 'general.architecture')}.{key}")


def _header(model: Any, key: str) -> str:
    buffer = ctypes.create_string_buffer(256)
    length = lib.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if length >= 0 else ""
