"""How much memory a model takes for a context, from its file's header, and what fits into the memory that is free.

The formulas follow llama.cpp. A KV cell holds the key and the value of every layer that has a cache, in 16-bit floats;
a hybrid layer holds a state of fixed size for each sequence instead (llama-hparams.cpp). Compute is one micro-batch at
the output, where all logits may be asked for, and the buffer in which they are returned, which is as large again.
Tensors that a CPU back end repacks are copied: the pages of the file stay in the page cache until the memory is
needed, so they count towards the peak of resident memory but not towards what has to be free. `./scripts/bench models`
checks the peak.

Sliding-window layers are counted at the full context (swa_full), because the engine copies and rewinds sequences, and
llama.cpp needs the full context for that.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_sale.catalog.gguf_header import ArrayInfo, GgufInfo
from edge_sale.errors import BadModelFile, DoesNotFit
from edge_sale.hardware.memory import Free, Gpu

BATCH, OUTPUTS = 512, 64  # tokens in one decode, and how many of them with logits, as in llama/engine.py
GRAIN = 256  # llama.cpp rounds the number of cells up to a multiple of this
SHARE = 0.9  # of the free memory is used at most, so that the rest of the machine can go on
LEAST = 512  # tokens: a smaller context is of no use
LIBRARY = 16 << 20  # bytes for graphs and threads' work space, measured at 135M
TOKEN, MERGE = 160, 200  # bytes that the tokenizer keeps for each token and each merge, measured
LAYERS = 4096  # more than any model has
REPACKED = ("Q4_0", "Q4_K", "Q2_K", "IQ4_NL", "MXFP4")  # types that a CPU back end may copy into another order


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that decide how much memory a model takes: per token, per sequence and per step."""

    layers: int
    weights: int  # bytes of all tensors
    repacked: int  # bytes of those that a CPU back end may copy
    tokenizer: int  # bytes
    cell: int  # bytes of KV a token, over all layers
    state: int  # bytes a sequence, whatever its length (hybrid layers)
    vocabulary: int
    embedding: int
    feed_forward: int
    heads: int
    trained: int  # the context the model was trained for
    encoder: bool
    kind: str  # dense | hybrid | sliding-window | encoder


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes for one model: its weights, `kv` for `context` tokens in all, and compute buffers.

    `total` has to be free; `peak` is what a process that has just loaded it may show as resident.
    """

    context: int
    weights: int
    kv: int
    compute: int
    copied: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.compute

    @property
    def peak(self) -> int:
        return self.total + self.copied

    def __str__(self) -> str:
        return (
            f"{size(self.total)} (weights {size(self.weights)}, context of {self.context} tokens {size(self.kv)}, "
            f"compute {size(self.compute)})"
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """A choice: the context, how many layers go to the GPU, and what each side then holds in bytes."""

    need: Need
    gpu_layers: int
    layers: int
    gpu: int
    ram: int
    free: Free

    @property
    def context(self) -> int:
        return self.need.context


def repacks(info: GgufInfo) -> bool:
    """Whether llama.cpp's CPU back ends may copy most of the weights into another order."""
    sizes = shape(info)
    return 2 * sizes.repacked > sizes.weights


def size(count: float) -> str:
    """Bytes in readable form: "2.5 GB" or "310 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def shape(info: GgufInfo) -> Shape:
    """What the header says of the model's memory. Missing keys have the defaults that llama.cpp gives them."""
    read = _Keys(info)
    layers = read.integer("block_count")
    if layers > LAYERS:
        raise BadModelFile(f"its header names {layers} layers, which no model has: the file is damaged")
    embedding = read.integer("embedding_length")
    heads = max(read.per_layer("attention.head_count", layers), default=0)
    heads_kv = read.per_layer("attention.head_count_kv", layers) or (heads,) * layers
    head_size = embedding // heads if heads else 0
    key = read.integer("attention.key_length", head_size)
    value = read.integer("attention.value_length", head_size)
    recurrent = _recurrent(read, heads_kv, layers)
    cached = layers - read.integer("attention.shared_kv_layers")  # the last layers share the caches of others
    encoder = info.metadata.get(f"{info.architecture}.attention.causal") is False
    sliding = read.integer("attention.sliding_window") > 0
    narrow = read.integer("attention.key_length_swa", key), read.integer("attention.value_length_swa", value)
    slides = read.per_layer("attention.sliding_window_pattern", layers) if sliding else ()
    cell = 0
    for layer in range(0 if encoder else cached):
        if layer not in recurrent:
            small = len(slides) == layers and slides[layer]
            cell += 2 * heads_kv[layer] * (sum(narrow) if small else key + value)
    output = next((t for name in ("output.weight", "token_embd.weight") for t in info.tensors if t.name == name), None)
    return Shape(
        layers=layers,
        weights=sum(tensor.bytes for tensor in info.tensors),
        repacked=sum(t.bytes for t in info.tensors if t.type in REPACKED and not t.name.startswith("token_embd")),
        tokenizer=TOKEN * _length(info, "tokens") + MERGE * _length(info, "merges"),
        cell=cell,
        state=4 * len(recurrent) * _state(read, embedding),
        vocabulary=output.shape[-1] if output else 0,
        embedding=embedding,
        feed_forward=max(read.per_layer("feed_forward_length", layers), default=0),
        heads=heads,
        trained=read.integer("context_length"),
        encoder=encoder,
        kind="encoder" if encoder else "hybrid" if recurrent else "sliding-window" if sliding else "dense",
    )


def _length(info: GgufInfo, what: str) -> int:
    value = info.metadata.get(f"tokenizer.ggml.{what}")
    return value.length if isinstance(value, ArrayInfo) else 0


class _Keys:
    """The metadata keys that begin with the name of the file's architecture."""

    def __init__(self, info: GgufInfo) -> None:
        self._info = info

    def integer(self, key: str, default: int = 0) -> int:
        value = self._info.metadata.get(f"{self._info.architecture}.{key}")
        return value if isinstance(value, int) and 0 <= value < 1 << 32 else default

    def per_layer(self, key: str, layers: int) -> tuple[int, ...]:
        """The value for every layer; the file may give one for all layers or one for each."""
        value = self._info.metadata.get(f"{self._info.architecture}.{key}")
        if isinstance(value, ArrayInfo):
            return value.items if len(value.items) == layers else ()
        return (value,) * layers if isinstance(value, int) and 0 <= value < 1 << 32 else ()


def _recurrent(read: _Keys, heads_kv: tuple[int, ...], layers: int) -> set[int]:
    """The layers that keep a state of fixed size instead of a cache."""
    if interval := read.integer("full_attention_interval"):
        return {layer for layer in range(layers) if (layer + 1) % interval}
    if read.integer("ssm.state_size") or read.integer("shortconv.l_cache"):
        return {layer for layer, heads in enumerate(heads_kv) if not heads}
    return set()


def _state(read: _Keys, embedding: int) -> int:
    """Floats that one recurrent layer keeps for a sequence."""
    if window := read.integer("shortconv.l_cache"):
        return embedding * (window - 1)
    inner, states, groups = (
        read.integer("ssm.inner_size"),
        read.integer("ssm.state_size"),
        read.integer("ssm.group_count"),
    )
    convolution = max(read.integer("ssm.conv_kernel") - 1, 0) * (inner + 2 * groups * states)
    return convolution + states * inner


def need(info: GgufInfo, context: int, sequences: int = 1, batch: int = BATCH) -> Need:
    """Bytes for `context` tokens of all sequences together, read in micro-batches of `batch` tokens.

    This is the worst case, in which as many tokens of a micro-batch as possible are asked for their logits.
    """
    sizes = shape(info)
    cells = -(-max(context, 1) // GRAIN) * GRAIN
    step = min(batch, cells)
    wide = sizes.feed_forward + 3 * sizes.embedding
    mask = 2 * step * step if sizes.encoder else 0
    # once to compute them and once to return them; llama.cpp keeps room for an encoder's logits as well
    logits = 4 * sizes.vocabulary * (step if sizes.encoder else 2 * min(OUTPUTS, step))
    compute = 4 * step * wide + mask + logits + sizes.tokenizer + LIBRARY
    return Need(context, sizes.weights, sizes.cell * cells + sizes.state * sequences, compute, sizes.repacked)


def choose(
    info: GgufInfo,
    free: Free,
    *,
    context: int,
    name: str = "this model",
    sequences: int = 1,
    batch: int = BATCH,
    gpu_layers: int = -1,
    shrink: bool = True,
) -> Fit:
    """The context, and the number of layers on the GPU, for this machine.

    With `shrink`, the context is halved until it fits. `gpu_layers` -1 puts on the GPU what fits there. Raises
    DoesNotFit with numbers and a suggestion.
    """
    wanted = min(context, shape(info).trained or context)
    while True:
        found = need(info, wanted, sequences, batch)
        fit = _place(info, found, free, gpu_layers)
        if fit.ram <= SHARE * free.ram and (not fit.gpu_layers or fit.gpu <= SHARE * free.gpus[0].free):
            return fit
        if not shrink or wanted <= LEAST:
            break
        wanted = max(LEAST, wanted // 2 // GRAIN * GRAIN)
    asked = need(info, min(context, shape(info).trained or context), sequences, batch)
    raise DoesNotFit(f"{name} needs {asked}; {size(free.ram)} are free ({free.limit}); {_way_out(info, free)}")


def _place(info: GgufInfo, found: Need, free: Free, gpu_layers: int) -> Fit:
    """What the GPU and the main memory hold. Each layer counts as an equal share of the weights and the cache."""
    count = shape(info).layers
    every = count + 1  # the output counts as a layer
    if not free.gpus or gpu_layers == 0:
        return Fit(found, 0, count, 0, found.total, free)
    device: Gpu = free.gpus[0]
    a_layer = (found.weights + found.kv) / every
    room = max(0.0, SHARE * device.free - found.compute)
    wanted = every if gpu_layers < 0 else min(gpu_layers, every)
    layers = int(min(wanted, room // a_layer)) if gpu_layers < 0 else wanted
    moved = int(a_layer * layers)
    return Fit(found, layers, count, moved + (found.compute if layers else 0), found.total - moved, free)


def _way_out(info: GgufInfo, free: Free) -> str:
    least = need(info, LEAST)
    if least.total > SHARE * free.ram:
        room = size(SHARE * free.ram)
        return f"close other programs or choose a model of at most {room}; see: edge-sale models --fits"
    largest = largest_context(info, free)
    return f"a context of {largest} tokens would fit: context in its card, or --context {largest}"


def largest_context(info: GgufInfo, free: Free, sequences: int = 1, batch: int = BATCH) -> int:
    """The largest context, a multiple of GRAIN, that fits into the free memory; 0 where none does."""
    low, high = 0, max((shape(info).trained or 1 << 20) // GRAIN, 1)
    while low < high:
        middle = (low + high + 1) // 2
        if need(info, middle * GRAIN, sequences, batch).total <= SHARE * free.ram:
            low = middle
        else:
            high = middle - 1
    return low * GRAIN
