"""Engines, loaded once a session: on the starter's weights, and on tiny ones that need no download."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.catalog import cards, installed
from edge_sale.llama.embedder import LlamaEmbedder
from edge_sale.llama.engine import LlamaEngine
from tests.llama import tiny
from tests.llama.kit import Independent


@pytest.fixture(scope="session")
def weights(models_dir: Path) -> Path:
    """The starter chat model's verified file."""
    return installed.ready(cards.load().model("smollm2-135m"), models_dir)


@pytest.fixture(scope="session")
def engine(weights: Path):
    engine = LlamaEngine("smollm2-135m", weights)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def embedder(models_dir: Path):
    card = cards.load().model("all-minilm-l6-v2")
    embedder = LlamaEmbedder(card.name, installed.ready(card, models_dir), "tests")
    yield embedder
    embedder.close()


@pytest.fixture(scope="session")
def independent(weights: Path) -> Independent:
    """One sequence at a time, without any code of edge-sale."""
    return Independent(weights)


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny whole models by their kind; see tests/llama/tiny.py."""
    folder = tmp_path_factory.mktemp("tiny")
    return {make.__name__: make(folder / f"{make.__name__}.gguf") for make in (tiny.dense, tiny.hybrid, tiny.sliding)}


@pytest.fixture(scope="session")
def dense(tiny_files: dict[str, Path]):
    """A tiny model that can go back to any earlier token."""
    engine = LlamaEngine("dense", tiny_files["dense"])
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def hybrid(tiny_files: dict[str, Path]):
    """A tiny model that cannot go back."""
    engine = LlamaEngine("hybrid", tiny_files["hybrid"])
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def sliding(tiny_files: dict[str, Path]):
    """A tiny model whose layers forget what lies further back than tiny.WINDOW tokens, but for one."""
    engine = LlamaEngine("sliding", tiny_files["sliding"])
    yield engine
    engine.close()
