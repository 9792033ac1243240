"""Tiny whole models for tests: real GGUF files of seeded random weights, half a megabyte each.

llama.cpp loads them in milliseconds, and everything about them is real but the sense: tokens, chats,
caches, grammars, likelihoods. What they write depends on every token they read, so a cache that is
wrong shows in the answer.

    dense(path)      attention only: can go back to any earlier token
    hybrid(path)     LFM2: short convolutions and attention, cannot go back
    sliding(path)    Gemma 3: layers that see no further back than WINDOW tokens, and one that sees all

`template=None` leaves out the chat template, `end=False` the end token; `nan=True` spoils every answer,
`poison="q"` those to prompts with that token in them. `context` is what the file claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

CONTEXT = 2048  # what the models were trained for, they say
WINDOW = 16  # tokens that a sliding layer of `sliding` looks back

WIDE, HEADS, KV_HEADS, HEAD, INNER = 64, 4, 2, 16, 96
LOUD = 3.0  # standard deviation of the logits: neither certain nor uniform

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# Each is a token of its own, reached by merges; "=" * 64 is longer than llama.cpp's usual buffer of 32 bytes.
WORDS = [
    "the",
    " the",
    " a",
    " is",
    " of",
    " and",
    " to",
    " in",
    " you",
    " what",
    "user",
    "system",
    "assistant",
    " plan",
    " step",
    "def",
    "return",
    "    ",
    "He",
    "llo",
    "=" * 64,
]


def dense(path: Path, **kind: object) -> Path:
    """The `llama` architecture in two layers."""

    def weights(draw: Draw) -> Iterator[tuple[str, NDArray[np.float32]]]:
        for i in range(2):
            yield from attention(draw, f"blk.{i}")
            yield from feed_forward(draw, f"blk.{i}")

    return _write(path, "llama", 2, weights, **kind)


def hybrid(path: Path, **kind: object) -> Path:
    """LFM2 in three layers: convolution, attention, convolution."""

    def describe(out: gguf.GGUFWriter) -> None:
        out.add_shortconv_l_cache(3)

    def weights(draw: Draw) -> Iterator[tuple[str, NDArray[np.float32]]]:
        for i, attends in enumerate((False, True, False)):
            name = f"blk.{i}"
            if attends:
                yield from attention(draw, name)
                yield from head_norms(name)
            else:
                yield f"{name}.attn_norm.weight", ones(WIDE)
                yield f"{name}.shortconv.in_proj.weight", draw(3 * WIDE, WIDE)
                yield f"{name}.shortconv.conv.weight", draw(WIDE, 3)
                yield f"{name}.shortconv.out_proj.weight", draw(WIDE, WIDE)
            yield from feed_forward(draw, name)

    return _write(path, "lfm2", 3, weights, describe, kv_heads=[0, KV_HEADS, 0], last_norm="token_embd_norm", **kind)


def sliding(path: Path, **kind: object) -> Path:
    """Gemma 3 in three layers: sliding, sliding, full."""

    def describe(out: gguf.GGUFWriter) -> None:
        out.add_sliding_window(WINDOW)
        out.add_sliding_window_pattern([True, True, False])

    def weights(draw: Draw) -> Iterator[tuple[str, NDArray[np.float32]]]:
        for i in range(3):
            yield from attention(draw, f"blk.{i}")
            yield from head_norms(f"blk.{i}")
            yield f"blk.{i}.post_attention_norm.weight", ones(WIDE)
            yield from feed_forward(draw, f"blk.{i}")
            yield f"blk.{i}.post_ffw_norm.weight", ones(WIDE)

    return _write(path, "gemma3", 3, weights, describe, **kind)


class Draw:
    """Random matrices, shape (out, in), that keep the size of what they are applied to."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def __call__(self, out: int, into: int, size: float = 1.0) -> NDArray[np.float32]:
        return (self._random.standard_normal((out, into)) * size / np.sqrt(into)).astype(np.float32)


def ones(size: int) -> NDArray[np.float32]:
    return np.ones(size, dtype=np.float32)


def attention(draw: Draw, name: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
    yield f"{name}.attn_norm.weight", ones(WIDE)
    yield f"{name}.attn_q.weight", draw(HEADS * HEAD, WIDE, 1.5)  # sharper, so that one far token can tell
    yield f"{name}.attn_k.weight", draw(KV_HEADS * HEAD, WIDE, 1.5)
    yield f"{name}.attn_v.weight", draw(KV_HEADS * HEAD, WIDE)
    yield f"{name}.attn_output.weight", draw(WIDE, HEADS * HEAD, 2.0)


def head_norms(name: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
    yield f"{name}.attn_q_norm.weight", ones(HEAD) * 1.5
    yield f"{name}.attn_k_norm.weight", ones(HEAD) * 1.5


def feed_forward(draw: Draw, name: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
    yield f"{name}.ffn_norm.weight", ones(WIDE)
    yield f"{name}.ffn_gate.weight", draw(INNER, WIDE)
    yield f"{name}.ffn_up.weight", draw(INNER, WIDE)
    yield f"{name}.ffn_down.weight", draw(WIDE, INNER)


# --- the file ----------------------------------------------------------------


def _write(
    path: Path,
    arch: str,
    layers: int,
    weights: Callable[[Draw], Iterator[tuple[str, NDArray[np.float32]]]],
    describe: Callable[[gguf.GGUFWriter], None] = lambda out: None,
    *,
    kv_heads: int | list[int] = KV_HEADS,
    last_norm: str = "output_norm",
    seed: int = 1,
    template: str | None = CHATML,
    end: bool = True,
    nan: bool = False,
    poison: str = "",
    context: int = CONTEXT,
) -> Path:
    tokens, types, merges = vocabulary(end)
    draw = Draw(seed)
    out = gguf.GGUFWriter(path, arch)
    out.add_name(f"tiny {arch}")
    out.add_context_length(context)
    out.add_embedding_length(WIDE)
    out.add_block_count(layers)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(kv_heads)
    out.add_key_length(HEAD)
    out.add_value_length(HEAD)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(HEAD)
    out.add_rope_freq_base(10_000.0)
    out.add_vocab_size(len(tokens))
    describe(out)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")  # every digit is a token of its own
    out.add_token_list(tokens)
    out.add_token_types(types)
    out.add_token_merges(merges)
    out.add_add_bos_token(False)
    if end:
        out.add_bos_token_id(tokens.index("<|im_start|>"))
        out.add_eos_token_id(tokens.index("<|im_end|>"))
    if template is not None:
        out.add_chat_template(template)

    head = draw(len(tokens), WIDE, LOUD)
    head[[byte for byte in range(256) if not 32 <= byte < 127]] = 0  # seldom drawn: answers can be printed
    embedding = draw(len(tokens), WIDE, 8.0)
    if nan:
        head[0, 0] = np.nan
    if poison:
        embedding[tokens.index(poison)] = np.nan
    out.add_tensor("token_embd.weight", embedding)
    out.add_tensor("output.weight", head)
    out.add_tensor(f"{last_norm}.weight", ones(WIDE))
    for name, weight in weights(draw):
        out.add_tensor(name, weight)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def vocabulary(end: bool) -> tuple[list[str], list[gguf.TokenType], list[str]]:
    """Tokens, their types and the merges: every byte, WORDS with what they are merged from, ChatML's marks.

    Without `end` the marks have names of which llama.cpp does not think that they end anything.
    """
    tokens = [_letters()[byte] for byte in range(256)]
    merges: list[str] = []
    for word in WORDS:
        parts = [_letters()[byte] for byte in word.encode()]
        while len(parts) > 1:  # pair by pair, so that 64 like letters take 6 merges
            halves = zip(parts[::2], parts[1::2], strict=False)
            merges += [f"{a} {b}" for a, b in halves if f"{a} {b}" not in merges]
            parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)] + parts[len(parts) & ~1 :]
            tokens += [part for part in dict.fromkeys(parts) if part not in tokens]
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] if end else ["<|im_start|>"]
    types = [gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL] * len(control)
    return tokens + control, types, list(dict.fromkeys(merges))


@cache
def _letters() -> list[str]:
    """GPT-2's letter for each byte: itself where it is visible, else the next free one from 256 on."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = iter(range(256, 512))
    return [chr(byte if byte in visible else next(rest)) for byte in range(256)]
