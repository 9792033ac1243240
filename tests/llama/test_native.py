"""llama.cpp's C API without weights: a vocabulary of our own in a real GGUF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import llama_cpp.llama_cpp as lib
import numpy as np
import pytest

from edge_sale.errors import BadGrammar, EngineError
from edge_sale.llama import native
from edge_sale.llama.sampler import Sampler
from edge_sale.llama.vocabulary import Detokenizer, Vocabulary
from edge_sale.types import Sampling

LONG = "=" * 200
WORDS = [LONG, "hi", "\u2581"]


def load(file: Path, prefix: bool) -> Any:
    """A SentencePiece vocabulary: three control tokens, every byte, and a few words."""
    kind = gguf.TokenType
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *WORDS]
    types = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256, *[kind.NORMAL] * len(WORDS)]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(prefix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    native.start()
    params = lib.llama_model_default_params()
    params.vocab_only = True
    return lib.llama_model_load_from_file(str(file).encode(), params)


@pytest.fixture(scope="module")
def vocab(tmp_path_factory: pytest.TempPathFactory):
    model = load(tmp_path_factory.mktemp("vocab") / "vocab.gguf", prefix=False)
    yield Vocabulary(model)
    lib.llama_model_free(model)


def words(vocab: Vocabulary, tokens: list[int]) -> list[str]:
    detokenizer = Detokenizer(vocab)
    return [*(detokenizer.add(token) for token in tokens), detokenizer.end()]


def byte(value: int) -> int:
    return 3 + value


def test_a_token_may_be_of_any_length(vocab: Vocabulary):
    """A token of 200 bytes comes out whole."""
    assert vocab.piece(259) == LONG.encode()


def test_control_tokens_have_no_text(vocab: Vocabulary):
    """The end of a turn is not shown."""
    assert [vocab.piece(token) for token in (1, 2)] == [b"", b""]


def test_half_a_character_waits_for_its_other_half(vocab: Vocabulary):
    """A character of four tokens appears with the last of them."""
    assert words(vocab, [byte(b) for b in "é🦊".encode()]) == ["", "é", "", "", "", "🦊", ""]


def test_a_character_never_finished_is_a_mark(vocab: Vocabulary):
    """Half a character at the end is a replacement mark, not an error."""
    assert words(vocab, [260, byte(0xF0), byte(0x9F)]) == ["hi", "", "", "\ufffd"]


def test_control_tokens_count_only_where_they_are_meant(vocab: Vocabulary):
    """`</s>` is the control token in a template, and four characters in a text."""
    assert vocab.tokenize("</s>", special=True) == [2]
    assert vocab.tokenize("</s>", special=False) == [byte(b) for b in b"</s>"]


def logits(**chances: float) -> np.ndarray:
    """One row where only the given characters have a chance."""
    row = np.full(3 + 256 + len(WORDS), -30.0, dtype=np.float32)
    for character, logit in chances.items():
        row[byte(ord(character))] = logit
    return row


def test_a_token_outside_the_grammar_is_never_drawn(vocab: Vocabulary):
    """However likely another token is, the grammar's own is drawn; then the end."""
    sampler = Sampler(vocab, Sampling(grammar='root ::= "7"'), seed=1)
    assert sampler.pick(logits(x=50.0), None, 0) == byte(ord("7"))
    assert sampler.pick(logits(x=50.0), None, 0) == 2
    sampler.free()


def test_a_draw_within_a_grammar_keeps_the_models_odds(vocab: Vocabulary):
    """Among the tokens that a grammar allows the model's own distribution decides."""
    sampling = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, grammar="root ::= [ab]+")
    sampler = Sampler(vocab, sampling, seed=3)
    row = logits(a=np.log(3.0), b=0.0, x=20.0)
    drawn = [sampler.pick(row, None, 0) for _ in range(400)]
    sampler.free()
    assert set(drawn) == {byte(ord("a")), byte(ord("b"))}
    assert drawn.count(byte(ord("a"))) / 400 == pytest.approx(0.75, abs=0.08)


def test_where_no_token_may_follow_the_draw_fails(vocab: Vocabulary):
    """A grammar that leaves no token a chance is an error; accepting one would end the process."""
    sampler = Sampler(vocab, Sampling(grammar='root ::= "7"'), seed=1)
    row = logits(x=1.0)
    row[row < 0] = -np.inf
    with pytest.raises(BadGrammar, match="allows no next token"):
        sampler.pick(row, None, 0)
    sampler.free()


def test_a_file_that_llama_cpp_refuses_is_an_error_that_names_it(tmp_path: Path):
    """A file that is no model is refused by its name, and the process lives."""
    file = tmp_path / "no-model.gguf"
    file.write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(EngineError, match=r"no-model\.gguf"):
        native.load_model(str(file), 0)


def test_a_text_within_a_line_gets_no_space_of_its_own(vocab: Vocabulary, tmp_path: Path):
    """Llama 2's kind of vocabulary puts a space before every text: a digit is one token there too."""
    model = load(tmp_path / "spaced.gguf", prefix=True)
    spaced = Vocabulary(model)
    assert (len(spaced.spaced_newline), vocab.spaced_newline) == (2, [])
    assert len(spaced.tokenize("3", special=False)) == 2
    for text in ("3", "hi", " hi", "\nhi", "", "é"):
        assert spaced.tokenize_inline(text, special=False) == vocab.tokenize(text, special=False)
        assert vocab.tokenize_inline(text, special=False) == vocab.tokenize(text, special=False)
    lib.llama_model_free(model)
