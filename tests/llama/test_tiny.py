"""The tiny models are what other tests take them for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
import pytest

from edge_sale.errors import EngineError
from edge_sale.llama import native
from edge_sale.llama.abort import Abort
from edge_sale.llama.batch import Batch
from edge_sale.llama.engine import LlamaEngine
from edge_sale.llama.vocabulary import Detokenizer
from edge_sale.types import Choose, Generate, LogLik
from tests.llama import tiny
from tests.llama.kit import GREEDY, Independent, chat, chatml, log_softmax

KINDS = [tiny.dense, tiny.hybrid, tiny.sliding]
each = pytest.mark.parametrize("kind", ["dense", "hybrid", "sliding"])


@pytest.fixture
def model(kind: str, request: pytest.FixtureRequest) -> LlamaEngine:
    return request.getfixturevalue(kind)


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_the_same_seed_is_the_same_file(make: Callable[..., Path], tmp_path: Path):
    """A file is the same bytes each time, less than 700 kB, and another seed is another file."""
    one, same, other = make(tmp_path / "a"), make(tmp_path / "b"), make(tmp_path / "c", seed=2)
    assert one.read_bytes() == same.read_bytes() != other.read_bytes()
    assert one.stat().st_size < 700_000


@each
def test_it_chats_as_chatml(model: LlamaEngine, kind: str, tiny_files: dict[str, Path]):
    """A chat has the tokens of its ChatML text; greedy text and likelihoods are llama-cpp-python's own."""
    independent = Independent(tiny_files[kind])
    prompt, text = chat("What is 12 + 30? é🦊", prefill="The"), "the plan of 42"
    tokens = model._model.tokenize(prompt).tokens
    assert tokens == independent.tokens(chatml("What is 12 + 30? é🦊", prefill="The"))
    assert model.generate([Generate(prompt, GREEDY)])[0][0].text == independent.greedy(tokens, GREEDY.max_tokens)
    targets = independent.tokens(text, special=False)
    log_p = log_softmax(independent.logits(tokens + targets)[len(tokens) - 1 : -1])
    expected = sum(log_p[i, token] for i, token in enumerate(targets))
    assert model.loglik([LogLik(prompt, text)])[0].total == pytest.approx(expected, abs=0.02)


@each
def test_a_score_is_one_token(model: LlamaEngine):
    """Digits can be chosen among, and none is certain."""
    chances = model.choose([Choose(chat("How good?"), tuple("012345"))])[0].probabilities
    assert sum(chances) == pytest.approx(1)
    assert max(chances) < 0.99


@each
def test_the_first_word_tells_in_the_answer(model: LlamaEngine):
    """What was read 300 tokens ago moves a likelihood by more than a wrong cache could hide."""
    replies = model.loglik([LogLik(chat(word + " the plan of" * 100), "the plan of a user") for word in "abc"])
    assert np.ptp([reply.total for reply in replies]) > 0.02


@each
def test_text_comes_back_from_its_tokens(model: LlamaEngine):
    """Long tokens, split characters and white space come back whole."""
    text = "=" * 200 + " é🦊漢字\t\n  x" + " " * 50
    vocabulary = model._model.vocabulary
    words = Detokenizer(vocabulary)
    tokens = vocabulary.tokenize(text, special=False)
    assert "".join(words.add(token) for token in tokens) + words.end() == text
    assert max(len(vocabulary.piece(token)) for token in tokens) == 64


@pytest.fixture
def after(request: pytest.FixtureRequest, tiny_files: dict[str, Path]):
    """The cache of (kind, tokens, whether sliding layers keep all) after that many tokens."""
    kind, tokens, whole = request.param
    model = native.load_model(str(tiny_files[kind]), 0)
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch, params.swa_full = 1024, 128, 128, whole
    context = lib.llama_init_from_model(model, params)
    batch = Batch(128)
    for start in range(0, tokens, 128):
        batch.clear()
        for place in range(start, min(start + 128, tokens)):
            batch.add(65, place, 0, False)
        batch.decode(context, Abort())
    yield lib.llama_get_memory(context)
    batch.free()
    lib.llama_free(context)
    lib.llama_model_free(model)


@pytest.mark.parametrize(
    ("after", "goes_back"), [(("dense", 100, True), True), (("hybrid", 100, True), False)], indirect=["after"]
)
def test_only_the_dense_model_goes_back(after: Any, goes_back: bool):
    """llama.cpp takes the last tokens off a dense model's cache, and refuses to with the hybrid's."""
    assert lib.llama_memory_seq_rm(after, 0, 50, -1) is goes_back


@pytest.mark.parametrize(
    ("after", "forgets"), [(("sliding", 900, False), True), (("sliding", 900, True), False)], indirect=["after"]
)
def test_the_sliding_model_forgets(after: Any, forgets: bool):
    """Of 900 tokens its cache has the first no longer, unless it was to keep them all."""
    assert (lib.llama_memory_seq_pos_min(after, 0) > 0) is forgets


@pytest.mark.parametrize("lacks", [{"template": None}, {"end": False}])
def test_weights_that_cannot_answer_are_freed(lacks: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A model that is refused after it was loaded does not stay in memory, however often it is tried."""
    freed, free = [], lib.llama_model_free
    monkeypatch.setattr(lib, "llama_model_free", lambda model: (freed.append(1), free(model)))
    file = tiny.dense(tmp_path / "m.gguf", **lacks)
    for _ in range(2):
        with pytest.raises(EngineError, match="choose an instruct model"):
            LlamaEngine("m", file)
    assert len(freed) == 2
