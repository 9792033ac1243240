"""llama.cpp's C API in the few calls that we need, with its traps taken care of.

Only `engines` imports this module. Every function here runs on the one worker
thread of the engine that owns the handles.
"""

from __future__ import annotations

import codecs
import ctypes
import ctypes.util
import os
import re
import sys
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from edge_sale.errors import BadGrammar, EngineError, OutOfMemory
from edge_sale.types import Sampling


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _swallow(level: int, text: bytes, data: object) -> None:
    """llama.cpp logs to stderr by default; a user's terminal is not the place."""


@cache
def start() -> None:
    """Initialise the back ends once a process, quietly."""
    lib.llama_log_set(_swallow, ctypes.c_void_p(0))
    lib.llama_backend_init()


class Abort:
    """A flag that stops a running decode from any thread.

    llama.cpp asks its abort callback at every graph node. A Python callback would
    take the GIL a thousand times a token, so the callback is libc's `strlen` over
    two bytes of ours: an empty string is "go on", any other is "stop".
    """

    def __init__(self) -> None:
        self._flag = ctypes.create_string_buffer(2)
        libc = ctypes.CDLL(ctypes.util.find_library("msvcrt") if sys.platform == "win32" else None)
        self._callback = ctypes.cast(libc.strlen, lib.ggml_abort_callback)
        self.reason = EngineError("stopped")

    def set(self, reason: EngineError) -> None:
        """Stops the running decode, which then raises `reason`."""
        self.reason = reason
        self._flag[0] = b"x"

    def clear(self) -> None:
        self._flag[0] = b"\0"

    def __bool__(self) -> bool:
        return self._flag[0] != b"\0"

    def attach(self, context: Any) -> None:
        lib.llama_set_abort_callback(context, self._callback, ctypes.cast(self._flag, ctypes.c_void_p))


def load_model(path: str, gpu_layers: int, mapped: bool = True) -> Any:
    """The model's handle. Raises EngineError naming the file.

    `mapped` weights are read when they are first used and shared with other processes; where llama.cpp
    copies them into another order anyway, the mapped file would be in memory a second time.
    """
    start()
    params = lib.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    params.load_mode = lib.LLAMA_LOAD_MODE_AUTO if mapped else lib.LLAMA_LOAD_MODE_NONE
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise EngineError(f"llama.cpp cannot load {path}; pull the model again with --force")
    return model


def free_context(context: Any) -> None:
    lib.llama_free(context)


FLASH = {"auto": -1, "off": 0, "on": 1}  # llama_flash_attn_type
MOST_CELLS = 2**31 - 1  # llama.cpp counts in 32 bits: 2^32 cells would be 0 to it


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
    """A context for `sequences` sequences of `cells` tokens each, with a cache of its own for each.

    One shared cache would make every token attend over all sequences' cells. `outputs` bounds the
    logits of a batch: room for a whole vocabulary at every token is most of the memory of a small model.
    """
    no_room = OutOfMemory(
        f"no memory for a context of {sequences} x {cells} tokens; fewer samples or a smaller max_tokens needs less"
    )
    if sequences * cells > MOST_CELLS:
        raise no_room
    params = lib.llama_context_default_params()
    params.n_ctx = sequences * cells
    params.n_seq_max = sequences
    params.n_batch = batch
    params.n_ubatch = micro_batch or batch
    params.n_outputs_max = outputs
    params.n_threads, params.n_threads_batch = threads, batch_threads or threads
    params.flash_attn_type = FLASH[flash]
    # caches of their own make llama.cpp cut a batch where sequences end, and means are over what is decoded at once
    params.kv_unified = embeddings
    params.no_perf = True
    if embeddings:
        params.embeddings = True
        params.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
    context = lib.llama_init_from_model(model, params)
    if not context:
        raise no_room
    return context


class Batch:
    """A llama_batch that is filled token by token; freed with its owner."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._batch = lib.llama_batch_init(capacity, 0, 1)

    def clear(self) -> None:
        self._batch.n_tokens = 0

    def __len__(self) -> int:
        return int(self._batch.n_tokens)

    def add(self, token: int, position: int, sequence: int, logits: bool) -> int:
        """Adds one token and returns its place in the batch."""
        at = int(self._batch.n_tokens)
        self._batch.token[at] = token
        self._batch.pos[at] = position
        self._batch.n_seq_id[at] = 1
        self._batch.seq_id[at][0] = sequence
        self._batch.logits[at] = logits
        self._batch.n_tokens = at + 1
        return at

    def decode(self, context: Any, abort: Abort) -> None:
        """Runs the model over the batch. Raises the reason of `abort` when that stopped it."""
        status = lib.llama_decode(context, self._batch)
        if abort:
            raise abort.reason
        if status == 1:
            raise OutOfMemory("the context has no room left for this batch")
        if status != 0:
            raise EngineError(f"llama.cpp could not decode a batch of {len(self)} tokens (status {status})")

    def encode(self, context: Any, abort: Abort) -> None:
        """Runs an encoder over the batch. Raises the reason of `abort` when that stopped it."""
        status = lib.llama_encode(context, self._batch)
        if abort:
            raise abort.reason
        if status != 0:
            raise EngineError(f"llama.cpp could not encode a batch of {len(self)} tokens (status {status})")

    def free(self) -> None:
        lib.llama_batch_free(self._batch)


def can_rewind(model: Any) -> bool:
    """Whether a sequence can take back its last tokens; a recurrent state has no way back."""
    return not (lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model))


def keeps_states(model: Any) -> bool:
    """Whether a saved state is all of a beginning, and good in a context of any size.

    Of layers that see a sliding window it has the window alone; and long RoPE turns keys by other factors in
    contexts beyond the length that a model was first trained for.
    """
    return not int(lib.llama_model_n_swa(model)) and value(model, "rope.scaling.type") != "longrope"


def value(model: Any, key: str) -> str:
    """What the file's header says of its architecture's `key`; empty where it says nothing."""
    return _header(model, f"{_header(model, 'general.architecture')}.{key}")


def _header(model: Any, key: str) -> str:
    buffer = ctypes.create_string_buffer(256)
    length = lib.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if length >= 0 else ""


def has_end(vocab: Any) -> bool:
    """Whether an answer can end; where a file names no end token llama.cpp takes some other for it."""
    ends = (lib.llama_vocab_eos(vocab), lib.llama_vocab_eot(vocab))
    return any(token >= 0 and is_control(vocab, token) for token in ends)


def bytes_a_token(model: Any) -> int:
    """Bytes of cache that one token takes, keys and values in 16 bits; of a hybrid model at most that."""
    heads = int(lib.llama_model_n_head(model))
    evenly = int(lib.llama_model_n_embd(model)) // max(1, heads)
    sizes = (value(model, f"attention.{name}_length") for name in ("key", "value"))
    both = sum(int(size) if size.isdecimal() else evenly for size in sizes)
    # llama.cpp tells the first layer's, and a hybrid's first layer may be one that attends to nothing
    shared = int(lib.llama_model_n_head_kv(model)) or heads
    return 2 * int(lib.llama_model_n_layer(model)) * shared * both


def memory(context: Any) -> Any:
    """The context's cache of keys and values, or its recurrent states."""
    return lib.llama_get_memory(context)


def clear(memory: Any) -> None:
    """Empties every sequence."""
    lib.llama_memory_clear(memory, False)


def rewind(memory: Any, sequence: int, position: int) -> bool:
    """Takes back everything from `position` on; False where this kind of memory cannot."""
    return bool(lib.llama_memory_seq_rm(memory, sequence, position, -1))


def copy(memory: Any, source: int, target: int) -> None:
    """Puts all of `source` into `target`, which is empty."""
    lib.llama_memory_seq_cp(memory, source, target, -1, -1)


def get_state(context: Any, sequence: int) -> bytes:
    """All that the context knows of a sequence; empty where it cannot tell."""
    size = lib.llama_state_seq_get_size(context, sequence)
    data = (ctypes.c_uint8 * size)()
    written = lib.llama_state_seq_get_data(context, data, size, sequence)
    return bytes(data) if written == size else b""


def set_state(context: Any, sequence: int, state: bytes) -> bool:
    """Puts a state into an empty sequence; False where llama.cpp does not take it."""
    data = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
    return bool(lib.llama_state_seq_set_data(context, data, len(state), sequence))


def logits(context: Any, rows: int, vocabulary: int) -> NDArray[np.float32]:
    """A view, shape (rows, vocabulary), on the logits of the batch just decoded: valid until the next."""
    first = ctypes.addressof(lib.llama_get_logits(context).contents)
    values: Any = (ctypes.c_float * (rows * vocabulary)).from_address(first)
    return np.frombuffer(values, dtype=np.float32).reshape(rows, vocabulary)


def spaced(vocab: Any) -> list[int]:
    """What a line's end is to a vocabulary that puts a space before every text; nothing to one that does not."""
    tokens = tokenize(vocab, "\n", special=False)
    return tokens if len(tokens) > 1 and piece(vocab, tokens[0]) == b" " else []


def inside(vocab: Any, text: str, lead: list[int], *, special: bool) -> list[int]:
    """Token ids of a text that goes on within a line, without the space; `lead` is what `spaced` says."""
    tokens = tokenize(vocab, f"\n{text}" if lead else text, special=special)
    return tokens[len(lead) :] if tokens[: len(lead)] == lead else tokenize(vocab, text, special=special)


def is_control(vocab: Any, token: int) -> bool:
    """Whether it is a mark, such as the end of a turn, and no text."""
    return bool(lib.llama_vocab_is_control(vocab, token))


def tokenize(vocab: Any, text: str, *, special: bool) -> list[int]:
    """Token ids of `text`. Only with `special` do control tokens in it count as such."""
    data = text.encode("utf-8", "surrogatepass")
    room = len(data) + 8
    out = (lib.llama_token * room)()
    count = lib.llama_tokenize(vocab, data, len(data), out, room, False, special)
    if count < 0:
        raise EngineError(f"llama.cpp could not tokenize a text of {len(data)} bytes")
    return list(out[:count])


def piece(vocab: Any, token: int) -> bytes:
    """The bytes of one token, however long; control tokens are empty."""
    size = 64
    while True:
        buffer = ctypes.create_string_buffer(size)
        length = lib.llama_token_to_piece(vocab, token, buffer, size, 0, False)
        if length >= 0:
            return buffer.raw[:length]
        size = -length


class Detokenizer:
    """Tokens to text as they come; half a character waits for its other half."""

    def __init__(self, vocab: Any) -> None:
        self._vocab = vocab
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        return self._utf8.decode(piece(self._vocab, token))

    def end(self) -> str:
        return self._utf8.decode(b"", final=True)


def new_sampler(vocab: Any, vocabulary: int, sampling: Sampling, seed: int) -> Any:
    """A sampler chain. Raises BadGrammar: a chain over a broken grammar would crash the process."""
    grammar = _new_grammar(vocab, sampling.grammar) if sampling.grammar else None
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    if grammar:
        lib.llama_sampler_chain_add(chain, grammar)
    if sampling.repeat_penalty != 1.0:
        penalties = lib.llama_sampler_init_penalties(vocabulary, 64, sampling.repeat_penalty, 0.0, 0.0)
        lib.llama_sampler_chain_add(chain, penalties)
    if sampling.temperature <= 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_greedy())
        return chain
    if sampling.top_k > 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_k(sampling.top_k))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_p(sampling.top_p, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_min_p(sampling.min_p, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_temp(sampling.temperature))
    # 0xFFFFFFFF itself would mean "draw a seed at random"
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_dist(seed % 0xFFFFFFFF))
    return chain


NESTED = 200  # groups in groups: llama.cpp's parser calls itself for each, and the stack ends somewhere
_LITERALS = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*', re.DOTALL)


def _new_grammar(vocab: Any, text: str) -> Any:
    """A grammar's sampler. Raises BadGrammar also for what llama.cpp would cut short or crash over."""
    first = (text.strip().splitlines() or [""])[0][:60]
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise BadGrammar(f"the grammar that begins {first!r} holds half a character; write it as UTF-8") from error
    if b"\0" in data:
        raise BadGrammar(f"the grammar that begins {first!r} holds a NUL byte; write \\x00 for it")
    steps = ({"(": 1, ")": -1}.get(letter, 0) for letter in _LITERALS.sub("", text))
    if max(accumulate(steps), default=0) > NESTED:
        raise BadGrammar(f"the grammar that begins {first!r} nests over {NESTED} groups; give the inner ones names")
    grammar = lib.llama_sampler_init_grammar(vocab, data, b"root")
    if not grammar:
        raise BadGrammar(f"llama.cpp cannot parse the grammar that begins {first!r}; correct it or leave it out")
    return grammar


def sample(chain: Any, context: Any, place: int) -> int:
    """The next token after the batch's token at `place`, accepted by the chain."""
    return int(lib.llama_sampler_sample(chain, context, place))


_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama_token_data


def sample_within(chain: Any, row: NDArray[np.float32]) -> int:
    """The next token by a chain with a grammar, from one row of logits.

    Raises BadGrammar where no token may follow: accepting any would end the process.
    """
    candidates = np.zeros(len(row), dtype=_CANDIDATE)
    candidates["id"], candidates["logit"] = np.arange(len(row)), row
    data = ctypes.cast(candidates.ctypes.data, lib.llama_token_data_p)
    array = lib.llama_token_data_array(data, len(row), -1, False)
    lib.llama_sampler_apply(chain, ctypes.byref(array))
    if array.selected < 0 or not np.isfinite(array.data[array.selected].logit):
        raise BadGrammar("the grammar allows no next token; every path through it should end")
    token = int(array.data[array.selected].id)
    lib.llama_sampler_accept(chain, token)
    return token


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """How many leading tokens all sequences share."""
    shortest = min(sequences, key=len)
    for place, token in enumerate(shortest):
        if any(sequence[place] != token for sequence in sequences):
            return place
    return len(shortest)
