"""Whose vectors a memory holds, and which embedder goes on when the starter joins the market."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_sale import assemble
from edge_sale.catalog import cards
from edge_sale.memory import embedder_identity
from edge_sale.memory.store import AuctionMemory
from edge_sale.settings import load
from tests.memory.kit import Grams, award, done, run


def test_an_embedder_is_known_once_an_auction_is_recorded(tmp_path: Path) -> None:
    """No file, a foreign file and a memory without auctions have none."""
    file = tmp_path / "memory.sqlite"
    assert embedder_identity.embedder(file) == ""
    with AuctionMemory.open(file, Grams()) as memory:
        assert embedder_identity.embedder(file) == ""
        memory.record(award("a", "count words"), done(), run())
        assert embedder_identity.embedder(file) == Grams().identity
    foreign = tmp_path / "other"
    foreign.write_bytes(b"no database")
    assert embedder_identity.embedder(foreign) == ""


@pytest.mark.parametrize(
    ("pool", "known", "expected"),
    [
        ("", True, "bundled-embedder"),
        ("", False, "all-minilm-l6-v2"),
        ("mixed", True, "all-minilm-l6-v2"),
    ],
)
def test_pulling_the_starter_leaves_the_past_where_it_is(
    pool: str, known: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What made the memory's vectors goes on where nobody chose a pool; a pool that was chosen has its own."""
    file = tmp_path / "memory.sqlite"
    card = cards.load().model("bundled-embedder")
    if known:
        with AuctionMemory.open(file, Grams(identity=card.files[0].sha256)) as memory:
            memory.record(award("a", "count words"), done(), run())
    monkeypatch.setattr("edge_sale.catalog.pools.in_use", lambda catalogue, settings: settings.pool or "mixed")
    settings = replace(load({"EDGE_SALE_HOME": str(tmp_path)}), pool=pool)
    plan = assemble.plan(settings)
    assert plan.embedder is not None and plan.embedder.name == expected
