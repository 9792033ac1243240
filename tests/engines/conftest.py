"""The starter's engine, loaded once a session, and the same weights under llama-cpp-python's own class."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.catalog import cards, store
from edge_sale.engines.embedder import LlamaEmbedder
from edge_sale.engines.llama import LlamaEngine
from tests.engines.kit import Independent


@pytest.fixture(scope="session")
def weights(models_dir: Path) -> Path:
    """The starter chat model's verified file."""
    return store.ready(cards.load().model("smollm2-135m"), models_dir)


@pytest.fixture(scope="session")
def engine(weights: Path):
    engine = LlamaEngine("smollm2-135m", weights)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def embedder(models_dir: Path):
    card = cards.load().model("all-minilm-l6-v2")
    embedder = LlamaEmbedder(card.name, store.ready(card, models_dir), "tests")
    yield embedder
    embedder.close()


@pytest.fixture(scope="session")
def independent(weights: Path) -> Independent:
    """One sequence at a time, without any code of edge-sale."""
    return Independent(weights)
