"""How much memory a model takes for a context, from its file's header, and what fits into what is free.

Formulas follow llama.cpp. A KV cell holds key and value of every layer that has a cache, in
16-bit floats; hybrid layers hold a fixed state a sequence instead (llama-hparams.cpp). Compute
is one micro-batch at the output, where all logits may be asked for, and the buffer in which
they are handed over, which is as large again. Tensors that a CPU back end repacks are copied:
the file's pages stay in its cache until somebody wants them, so they count for the peak of
resident memory and not for what has to be free. `./scripts/bench models` checks the peak.

Sliding-window layers are counted at the full context, as the engine's contexts have it
(swa_full): it copies and rewinds sequences, for which llama.cpp needs that.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_sale.catalog.gguf_header import ArrayInfo, GgufInfo
from edge_sale.errors import BadModelFile, DoesNotFit
from edge_sale.hardware.memory import Free, Gpu

BATCH, OUTPUTS = 512, 64  # tokens a decode, and how many of them with logits, as the engine has it
GRAIN = 256  # llama.cpp pads cells to this
SHARE = 0.9  # of what is free is taken at most: the rest of the machine goes on
LEAST = 512  # tokens: below this nothing useful is done
LIBRARY = 16 << 20  # bytes of graphs and threads' work space, measured at 135M
TOKEN, MERGE = 160, 200  # bytes that the tokenizer keeps for each, measured
LAYERS = 4096  # more than any model has
REPACKED = ("Q4_0", "Q4_K", "Q2_K", "IQ4_NL", "MXFP4")  # types that some CPU back end copies into another order


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model's layers remember: bytes a token, bytes a sequence, and the sizes of one step."""

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
    of = shape(info)
    return 2 * of.repacked > of.weights


def size(count: float) -> str:
    """Bytes for people: "2.5 GB" or "310 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def shape(info: GgufInfo) -> Shape:
    """What the header says of the model's memory. Keys that are missing count as llama.cpp counts them."""
    read = _Keys(info)
    layers = read.integer("block_count")
    if layers > LAYERS:
        raise BadModelFile(f"its header names {layers} layers, which no model has: the file is damaged")
    embedding = read.integer("embedding_length")
    heads = max(read.per_layer("attention.head_count", layers), default=0)
    heads_kv = read.per_layer("attention.head_count_kv", layers) or (heads,) * layers
    each = embedding // heads if heads else 0
    key = read.integer("attention.key_length", each)
    value = read.integer("attention.value_length", each)
    recurrent = _recurrent(read, heads_kv, layers)
    cached = layers - read.integer("attention.shared_kv_layers")  # the last ones look into the others' caches
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
    """The metadata of the file's architecture, whose keys its name goes before."""

    def __init__(self, info: GgufInfo) -> None:
        self._info = info

    def integer(self, key: str, default: int = 0) -> int:
        value = self._info.metadata.get(f"{self._info.architecture}.{key}")
        return value if isinstance(value, int) and 0 <= value < 1 << 32 else default

    def per_layer(self, key: str, layers: int) -> tuple[int, ...]:
        """The value of every layer, whether the file gives one for all or one for each."""
        value = self._info.metadata.get(f"{self._info.architecture}.{key}")
        if isinstance(value, ArrayInfo):
            return value.items if len(value.items) == layers else ()
        return (value,) * layers if isinstance(value, int) and 0 <= value < 1 << 32 else ()


def _recurrent(read: _Keys, heads_kv: tuple[int, ...], layers: int) -> set[int]:
    """The layers that keep a state instead of a cache."""
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
    """Bytes for `context` tokens, all sequences together, read in micro-batches of `batch` tokens.

    At worst: as many tokens of a micro-batch as may be are asked for their logits.
    """
    of = shape(info)
    cells = -(-max(context, 1) // GRAIN) * GRAIN
    step = min(batch, cells)
    wide = of.feed_forward + 3 * of.embedding
    mask = 2 * step * step if of.encoder else 0
    # worked out and handed over; an encoder's too: llama.cpp keeps room for logits nobody asked for
    logits = 4 * of.vocabulary * (step if of.encoder else 2 * min(OUTPUTS, step))
    compute = 4 * step * wide + mask + logits + of.tokenizer + LIBRARY
    return Need(context, of.weights, of.cell * cells + of.state * sequences, compute, of.repacked)


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
    """The offload and the context for this machine; with `shrink` a smaller context rather than none.

    `gpu_layers` -1 puts on the GPU what fits there. Raises DoesNotFit with numbers and a suggestion.
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
    """What goes where: a layer takes its share of weights and cache along, the last one the output too."""
    of = shape(info)
    every = of.layers + 1  # the output counts as one
    if not free.gpus or gpu_layers == 0:
        return Fit(found, 0, of.layers, 0, found.total, free)
    device: Gpu = free.gpus[0]
    a_layer = (found.weights + found.kv) / every
    room = max(0.0, SHARE * device.free - found.compute)
    wanted = every if gpu_layers < 0 else min(gpu_layers, every)
    layers = int(min(wanted, room // a_layer)) if gpu_layers < 0 else wanted
    moved = int(a_layer * layers)
    return Fit(found, layers, of.layers, moved + (found.compute if layers else 0), found.total - moved, free)


def _way_out(info: GgufInfo, free: Free) -> str:
    least = need(info, LEAST)
    if least.total > SHARE * free.ram:
        room = size(SHARE * free.ram)
        return f"close other programs or choose a model of at most {room}; see: edge-sale models --fits"
    largest = largest_context(info, free)
    return f"a context of {largest} tokens would fit: context in its card, or --context {largest}"


def largest_context(info: GgufInfo, free: Free, sequences: int = 1, batch: int = BATCH) -> int:
    """The largest context, in whole GRAINs, that fits into the memory of the machine; 0 where none does."""
    of = shape(info)
    low, high = 0, max((of.trained or 1 << 20) // GRAIN, 1)
    while low < high:
        middle = (low + high + 1) // 2
        if need(info, middle * GRAIN, sequences, batch).total <= SHARE * free.ram:
            low = middle
        else:
            high = middle - 1
    return low * GRAIN
