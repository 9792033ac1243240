from __future__ import annotations

import numpy as np
import pytest

from edge_sale.llama.embedder import LlamaEmbedder

pytestmark = pytest.mark.models

WORDS = ("river stone market lantern copper violin harvest winter sailor garden letter engine " * 170).split()[:2000]


def test_vectors_have_length_one(embedder: LlamaEmbedder):
    """Every text, the empty one too, has a float32 vector of the model's dimension and of length 1."""
    vectors = embedder.embed(["A task.", "", "  \n", "Ünïcödé 🦊", "\ud800"])
    assert (vectors.shape, vectors.dtype) == ((5, embedder.dimension), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_no_texts_no_vectors(embedder: LlamaEmbedder):
    """An empty list has an empty matrix."""
    assert embedder.embed([]).shape == (0, embedder.dimension)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Write a Python function that sums a list of numbers.", "Write Python code to add up all numbers in a list."),
        ("How do I reverse a string?", "What is the way to turn a string backwards?"),
    ],
)
def test_paraphrases_are_near(embedder: LlamaEmbedder, one: str, other: str):
    """Two ways of asking for the same thing have a cosine over 0.6."""
    vectors = embedder.embed([one, other])
    assert float(vectors[0] @ vectors[1]) > 0.6


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Write a Python function that sums a list of numbers.", "The cat slept on the warm windowsill."),
        ("How do I reverse a string?", "Plan a vegetarian dinner for six guests."),
    ],
)
def test_strangers_are_far(embedder: LlamaEmbedder, one: str, other: str):
    """Two tasks with nothing in common have a cosine under 0.2."""
    vectors = embedder.embed([one, other])
    assert float(vectors[0] @ vectors[1]) < 0.2


def test_a_long_text_is_read_to_its_end(embedder: LlamaEmbedder):
    """What stands behind the model's window counts: 2,000 words are not their first 500."""
    end = "Photosynthesis turns sunlight into sugar inside a leaf. " * 110
    whole, beginning, alone = embedder.embed([" ".join(WORDS) + " " + end, " ".join(WORDS[:500]), end])
    assert float(whole @ beginning) < 0.95
    assert float(whole @ alone) > float(beginning @ alone) + 0.2


def test_a_vector_does_not_depend_on_its_neighbours(embedder: LlamaEmbedder):
    """A text has the same vector alone and in a batch of many of other lengths."""
    texts = [" ".join(WORDS[: 3 * n + 1]) for n in range(19)]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert (together * alone).sum(axis=1) == pytest.approx(np.ones(19), abs=1e-3)


def test_control_tokens_in_a_text_are_text(embedder: LlamaEmbedder):
    """`[SEP]` in a task is not the model's own separator."""
    vectors = embedder.embed(["before [SEP] after", "before  after"])
    assert float(vectors[0] @ vectors[1]) < 0.999
