"""A chat model as an embedder: its last states, averaged over the text."""

from __future__ import annotations

import numpy as np
import pytest

from edge_sale.llama.embedder import WINDOWS, LlamaEmbedder
from tests.llama import tiny


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> LlamaEmbedder:
    return LlamaEmbedder("tiny", tiny.dense(tmp_path_factory.mktemp("m") / "m.gguf", context=64), "00")


def test_a_vector_a_text(pooled: LlamaEmbedder) -> None:
    """Of length 1; the same text has the same vector, another text another one."""
    one, same, other = pooled.embed(["the plan is", "the plan is", "in the system"])
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert (one == same).all() and float(one @ other) < 0.999


def test_a_vector_does_not_depend_on_its_neighbours_or_on_what_came_before(pooled: LlamaEmbedder) -> None:
    """Each call begins with an empty cache, and sequences do not see each other."""
    texts = [f"the plan of step {'a ' * n}" for n in range(11)]
    together = pooled.embed(texts)
    alone = np.concatenate([pooled.embed([text]) for text in texts])
    assert (together * alone).sum(axis=1) == pytest.approx(np.ones(11), abs=1e-4)


def test_a_text_beyond_the_window_is_read_to_its_end(pooled: LlamaEmbedder) -> None:
    """What stands behind the model's 64 tokens counts."""
    begin = "the plan is in the system and you " * 12
    first, second = pooled.embed([begin, begin + "Hello user, what step of the assistant? " * 12])
    assert float(first @ second) < 0.999


def test_a_very_long_text_is_its_beginning(pooled: LlamaEmbedder) -> None:
    """What is read of a text is limited, so that a text that no agent can take does not cost minutes."""
    heard: list[int] = []
    pooled._spent = lambda tokens, seconds: heard.append(tokens)
    long = "the plan is in the system and you " * 2000
    one, more = pooled.embed([long]), pooled.embed([long + "Hello user, what step of the assistant? " * 2000])
    assert (one == more).all() and heard == [WINDOWS * 64] * 2


def test_an_empty_text_has_a_vector_too(pooled: LlamaEmbedder) -> None:
    """So that nothing breaks where a user gives blanks; the memory itself refuses them."""
    assert pooled.embed([" "]).shape == (1, pooled.dimension)
