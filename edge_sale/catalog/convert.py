"""Making the GGUF that is run from the files that were pulled: re-quantizing, and converting BERT weights.

Both write beside the target and then move the file, so the target is either complete or not there.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_sale.catalog.cards import ModelCard
from edge_sale.errors import PullFailed

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total): in bytes for a stage that reads or fetches, in tensors for one that makes."""

SPECIAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
NORMAL, CONTROL = 1, 3  # llama.cpp's kinds of token
LAYER_NORM_EPS = 1e-12  # BERT's


def quiet(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def build(card: ModelCard, folder: Path, target: Path, progress: Progress = quiet) -> dict[str, str]:
    """Make `target` from the card's files in `folder`; returns the versions of the tools that were used.

    Raises PullFailed where a tool refuses the files.
    """
    assert card.make is not None
    beside = target.with_name(f"{target.name}.making")
    beside.unlink(missing_ok=True)
    try:
        tools = MAKERS[card.make.how](card, folder, beside, progress)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return tools


def requantize(card: ModelCard, folder: Path, target: Path, progress: Progress) -> dict[str, str]:
    """Write the one pulled GGUF with its large tensors as type `make.to`."""
    assert card.make is not None
    return requantize_file(folder / card.files[0].name, target, card.make.to, progress)


def requantize_file(source: Path, target: Path, to: str, progress: Progress) -> dict[str, str]:
    """Write `source` with its large tensors as type `to`. Raises PullFailed with llama.cpp's reason."""
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{to}")
    params.allow_requantize = True
    log: list[str] = []

    def on_line(line: str) -> None:
        log.append(line)
        if found := re.match(r"\[\s*(\d+)/\s*(\d+)\]", line):
            progress("re-quantizing", int(found[1]), int(found[2]))

    with _llama_log(on_line):
        code = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), params)
    if code != 0:
        why = next((line for line in reversed(log) if line), f"code {code}")
        raise PullFailed(f"llama.cpp could not re-quantize {source.name}: {why}")
    return {"llama-cpp-python": version("llama-cpp-python")}


@contextmanager
def _llama_log(on_line: Callable[[str], None]) -> Iterator[None]:
    """Send llama.cpp's log to `on_line` for the duration, then back to where it went before."""
    import llama_cpp

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
    def callback(level: int, text: bytes, user_data: Any) -> None:
        on_line(text.decode("utf-8", errors="replace").strip())

    before, data = llama_cpp.llama_log_callback(), ctypes.c_void_p()
    llama_cpp.llama_log_get(ctypes.byref(before), ctypes.byref(data))
    llama_cpp.llama_log_set(callback, ctypes.c_void_p())
    try:
        yield
    finally:
        llama_cpp.llama_log_set(before, data)


def bert(card: ModelCard, folder: Path, target: Path, progress: Progress) -> dict[str, str]:
    """Write model.safetensors and vocab.txt of a BERT encoder with mean pooling as one GGUF.

    Matrices are stored as float16, the rest as float32. The pooler is left out: sentence-transformers does not use it.
    """
    import gguf
    import numpy as np

    assert card.make is not None
    weights = {
        to: array for name, array in _safetensors(card, folder / "model.safetensors").items() if (to := bert_name(name))
    }
    tokens = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    vocabulary, width = weights["token_embd.weight"].shape
    if len(tokens) != vocabulary:
        raise PullFailed(f"{card.name}: vocab.txt has {len(tokens)} tokens, the weights {vocabulary}")
    layers = 1 + max(int(found[1]) for name in weights if (found := re.match(r"blk\.(\d+)\.", name)))

    writer = gguf.GGUFWriter(target, "bert")
    writer.add_name(card.title)
    writer.add_license(card.licence)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(len(weights["position_embd.weight"]))
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(len(weights["blk.0.ffn_up.weight"]))
    writer.add_block_count(layers)
    writer.add_head_count(card.make.heads)
    writer.add_layer_norm_eps(LAYER_NORM_EPS)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_tokenizer_model("bert")  # WordPiece; llama.cpp handles lower case and accents
    writer.add_token_list([word_piece(token) for token in tokens])
    writer.add_token_types([CONTROL if token in SPECIAL else NORMAL for token in tokens])
    writer.add_token_type_count(len(weights["token_types.weight"]))
    place = {token: tokens.index(token) for token in SPECIAL}
    writer.add_bos_token_id(place["[CLS]"])
    writer.add_eos_token_id(place["[SEP]"])
    writer.add_sep_token_id(place["[SEP]"])
    writer.add_unk_token_id(place["[UNK]"])
    writer.add_pad_token_id(place["[PAD]"])
    writer.add_mask_token_id(place["[MASK]"])
    for done, (name, array) in enumerate(weights.items(), start=1):
        half = array.ndim == 2 and name not in ("position_embd.weight", "token_types.weight")
        writer.add_tensor(name, array.astype(np.float16 if half else np.float32))
        progress("making GGUF", done, len(weights))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {"gguf": version("gguf"), "numpy": np.__version__}


def word_piece(token: str) -> str:
    """A vocab.txt token as llama.cpp writes it: "▁" before the start of a word, nothing inside a word."""
    if token in SPECIAL:
        return token
    return token[2:] if token.startswith("##") else f"▁{token}"


BERT = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def bert_name(name: str) -> str:
    """The GGUF name of a BERT tensor; empty for tensors that are left out (pooler, position ids)."""
    layer, rest = "", name.removeprefix("bert.")
    if found := re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)", rest):
        layer, rest = f"blk.{found[1]}.", found[2]
    stem, _, kind = rest.rpartition(".")
    return f"{layer}{BERT[stem]}.{kind}" if stem in BERT else ""


def _safetensors(card: ModelCard, file: Path) -> dict[str, Any]:
    """The float32 arrays of a safetensors file, memory-mapped. The caller has checked its sha256."""
    import numpy as np

    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > file.stat().st_size:
            raise PullFailed(f"{card.name}: {file.name} is not a safetensors file")
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    data = np.memmap(file, dtype=np.uint8, mode="r", offset=8 + length)
    return {
        name: data[slice(*entry["data_offsets"])].view(np.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if entry["dtype"] == "F32"
    }


MAKERS: dict[str, Callable[[ModelCard, Path, Path, Progress], dict[str, str]]] = {
    "requantize": requantize,
    "bert": bert,
}
