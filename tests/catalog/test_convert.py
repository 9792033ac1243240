"""Models are made from what was pulled by the real tools, here at toy size and then at the starter's."""

from __future__ import annotations

import ctypes
import json
import struct
from pathlib import Path

import gguf as reference
import numpy as np
import pytest

from edge_sale import settings
from edge_sale.catalog import cards, convert, gguf_header, installed
from edge_sale.errors import PullFailed
from tests.hub import HUB, card_text

WIDTH, INNER, PLACES = 32, 64, 16
TO_Q8_0 = '[make]\nwith = "requantize"\nto = "Q8_0"\nfile = "t.gguf"'
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "run", "##ning", "!"]


def write_bert(folder: Path) -> dict[str, bytes]:
    """model.safetensors and vocab.txt of a BERT with one layer, named as sentence-transformers names them."""
    draw = np.random.default_rng(0)
    shapes = {
        "embeddings.word_embeddings.weight": (len(TOKENS), WIDTH),
        "embeddings.position_embeddings.weight": (PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "pooler.dense.weight": (WIDTH, WIDTH),
    }
    layer = "encoder.layer.0."
    for stem in ("self.query", "self.key", "self.value", "output.dense"):
        name = f"{layer}attention.{stem}"
        shapes |= {f"{name}.weight": (WIDTH, WIDTH), f"{name}.bias": (WIDTH,)}
    up = f"{layer}intermediate.dense"
    shapes |= {f"{up}.weight": (INNER, WIDTH), f"{up}.bias": (INNER,)}
    shapes |= {f"{layer}output.dense.weight": (WIDTH, INNER), f"{layer}output.dense.bias": (WIDTH,)}
    for stem in ("embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"):
        shapes |= {f"{stem}.weight": (WIDTH,), f"{stem}.bias": (WIDTH,)}
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, shape in shapes.items():
        data = draw.standard_normal(shape).astype(np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    files = {
        "model.safetensors": struct.pack("<Q", len(text)) + text + body,
        "vocab.txt": "\n".join(TOKENS).encode() + b"\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files


def bert_card(tmp_path: Path, files: dict[str, bytes]) -> cards.ModelCard:
    text = card_text("tiny", files, HUB, '[make]\nwith = "bert"\nheads = 2\nfile = "tiny.F16.gguf"')
    (tmp_path / "tiny.toml").write_text(text)
    return cards.read_model(tmp_path / "tiny.toml")


def test_bert_weights_become_a_gguf_that_says_how_to_use_them(tmp_path: Path) -> None:
    """Mean pooling, no causal mask, WordPiece in llama.cpp's spelling, matrices as float16."""
    files = write_bert(tmp_path / "pulled")
    card, target = bert_card(tmp_path, files), tmp_path / "tiny.F16.gguf"
    heard: list[tuple[str, int, int]] = []
    tools = convert.build(card, tmp_path / "pulled", target, lambda *all: heard.append(all))
    assert set(tools) == {"gguf", "numpy"}
    assert heard[-1][1] == heard[-1][2] == 21
    info = gguf_header.inspect(target)
    keys = ("pooling_type", "attention.causal", "attention.head_count", "block_count", "context_length")
    assert [info.metadata[f"bert.{key}"] for key in keys] == [1, False, 2, 1, PLACES]
    types = {tensor.name: tensor.type for tensor in info.tensors}
    assert (types["blk.0.ffn_up.weight"], types["position_embd.weight"]) == ("F16", "F32")
    assert not [name for name in types if "pooler" in name]
    fields = reference.GGUFReader(target).fields
    pieces = fields["tokenizer.ggml.tokens"].contents()
    assert pieces == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁run", "ning", "▁!"]
    assert fields["tokenizer.ggml.token_type"].contents() == [3, 3, 3, 3, 3, 1, 1, 1]
    assert convert.build(card, tmp_path / "pulled", tmp_path / "b.gguf") == tools
    assert installed.sha256_of(tmp_path / "b.gguf") == installed.sha256_of(target)  # the same every time


def test_a_gguf_is_requantized_and_says_so_with_progress(tmp_path: Path) -> None:
    """By llama.cpp, whose log does not reach the terminal and goes back to whoever had it."""
    import llama_cpp

    files = write_bert(tmp_path / "pulled")
    source = tmp_path / "again"
    source.mkdir()
    convert.build(bert_card(tmp_path, files), tmp_path / "pulled", source / "tiny.gguf")
    data = (source / "tiny.gguf").read_bytes()
    text = card_text("tiny", {"tiny.gguf": data}, HUB, TO_Q8_0)
    (tmp_path / "tiny.toml").write_text(text)
    before, after, mark = llama_cpp.llama_log_callback(), llama_cpp.llama_log_callback(), ctypes.c_void_p()
    llama_cpp.llama_log_get(ctypes.byref(before), ctypes.byref(mark))
    heard: list[tuple[str, int, int]] = []
    card = cards.read_model(tmp_path / "tiny.toml")
    convert.build(card, source, tmp_path / "t.gguf", lambda *all: heard.append(all))
    assert heard[-1] == ("re-quantizing", 21, 21)
    assert {tensor.type for tensor in gguf_header.inspect(tmp_path / "t.gguf").tensors} == {"F32", "Q8_0"}
    llama_cpp.llama_log_get(ctypes.byref(after), ctypes.byref(mark))
    address = [ctypes.cast(callback, ctypes.c_void_p).value for callback in (before, after)]
    assert address[0] == address[1]


def test_a_file_that_llama_cpp_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    """And is named with llama.cpp's reason."""
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    text = card_text("tiny", {"bad.gguf": b"x"}, HUB, TO_Q8_0)
    (tmp_path / "tiny.toml").write_text(text)
    with pytest.raises(PullFailed, match=r"llama.cpp could not re-quantize bad.gguf: \w+"):
        convert.build(cards.read_model(tmp_path / "tiny.toml"), tmp_path, tmp_path / "t.gguf")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.gguf", "tiny.toml"]


def test_a_vocabulary_of_another_model_is_refused(tmp_path: Path) -> None:
    """With both counts."""
    files = write_bert(tmp_path / "pulled")
    (tmp_path / "pulled" / "vocab.txt").write_text("one\ntwo\n")
    with pytest.raises(PullFailed, match=r"vocab\.txt has 2 tokens, the weights 8"):
        convert.build(bert_card(tmp_path, files), tmp_path / "pulled", tmp_path / "t.gguf")


# --- the starter's real weights ----------------------------------------------


def starter(name: str) -> Path:
    return installed.ready(cards.load().model(name), settings.load().models_dir)


@pytest.mark.models
def test_the_starter_was_requantized_to_q8_0() -> None:
    """Its large matrices, not its norms."""
    info = gguf_header.inspect(starter("smollm2-135m"))
    types = [tensor.type for tensor in info.tensors if "ffn" in tensor.name and "norm" not in tensor.name]
    assert set(types) == {"Q8_0"}
    assert info.architecture == "llama"


@pytest.mark.models
def test_the_embedder_puts_paraphrases_together_and_strangers_apart() -> None:
    """Cosine over 0.6 and under 0.2."""
    import llama_cpp

    llama = llama_cpp.Llama(str(starter("all-minilm-l6-v2")), embedding=True, n_ctx=512, verbose=False)

    def vector(text: str) -> np.ndarray:
        found = np.array(llama.embed(text))
        return found / np.linalg.norm(found)

    sort = vector("Write a function that sorts a list of numbers.")
    assert sort @ vector("Create a routine to order an array of integers.") > 0.6
    assert vector("How do I bake bread?") @ vector("What is the recipe for making bread?") > 0.6
    assert sort @ vector("The weather in Oslo is cold in winter.") < 0.2
    words = llama.tokenize(b"Hello, unaffable Caf\xc3\xa9s!", special=False)
    assert words == [101, 7592, 1010, 14477, 20961, 3468, 23812, 999, 102], "as BERT's own tokenizer"
