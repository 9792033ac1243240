"""Another embedder: all vectors are made anew, and never stand beside the old ones."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from edge_sale.errors import MemoryFault
from edge_sale.memory.erase import Which, forget
from edge_sale.memory.reembed import BATCH, reembed
from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Task

from .kit import Grams, award, done, look, run, sets

COUNT = 3 * BATCH + 5


class Other(Grams):
    """Another model: other vectors of another size. Stops after so many calls, where that is asked for."""

    def __init__(self, calls_left: int = 10**9, dimension: int = 40) -> None:
        super().__init__(dimension, identity="e2" * 32, name="other")
        self.left = calls_left

    def embed(self, texts):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().embed(texts)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "memory.sqlite"
    with AuctionMemory.open(path, Grams()) as memory:
        for n in range(COUNT):
            memory.record(award(f"t{n}", f"sum the numbers of list {n}"), done(), run())
    return path


def test_all_vectors_are_the_new_embedders(path):
    """Afterwards the old embedder is refused, the new one finds, and each vector is that of its text."""
    new = Other()
    told = []
    assert reembed(path, new, lambda done, of: told.append((done, of))) == (COUNT, COUNT)
    assert told[-1] == (COUNT, COUNT) and len(told) == 4
    with contextlib.closing(look(path)) as db:
        for text, blob in db.execute("SELECT text, embedding FROM auctions JOIN vectors ON rowid = number"):
            assert np.allclose(np.frombuffer(blob, np.float32), new.embed([text])[0], atol=1e-6)
        assert db.execute("SELECT count(*) FROM pending").fetchall() == [(0,)]
    with AuctionMemory.open(path, Other()) as memory:
        assert memory.recall(Task("new", "sum the numbers of list 7"), "quick")[0].similarity > 0.99
    with pytest.raises(MemoryFault, match="edge-sale memory reembed"):
        AuctionMemory.open(path, Grams())
    assert reembed(path, Other()) == (COUNT, 0), "a second time there is nothing to do"
    assert sets(path)[1] == sets(path)[2]


def test_stopped_it_goes_on_where_it_was(path):
    """^C after two steps: the memory is still the old embedder's and in use; the rest is made the next time."""
    with pytest.raises(KeyboardInterrupt):
        reembed(path, Other(calls_left=2))
    with AuctionMemory.open(path, Grams()) as memory:
        assert memory.recall(Task("new", "sum the numbers of list 7"), "quick")
        memory.record(award("meanwhile", "sum what came between"), done(), run())
    forget(path, Which(id="t3"))
    assert reembed(path, Other()) == (COUNT, COUNT + 1 - 2 * BATCH)
    assert sets(path)[0] == {f"t{n}" for n in range(COUNT)} - {"t3"} | {"meanwhile"}
    assert sets(path)[1] == sets(path)[2]


def test_half_made_vectors_of_a_third_embedder_are_thrown_away(path):
    """Begun with one model and finished with another: only the other's are put in place."""
    with pytest.raises(KeyboardInterrupt):
        reembed(path, Other(calls_left=2))
    third = Grams(dimension=24, identity="f3" * 32, name="third")
    assert reembed(path, third) == (COUNT, COUNT)
    with AuctionMemory.open(path, third) as memory:
        assert memory.recall(Task("new", "sum the numbers of list 7"), "quick")[0].similarity > 0.99


def test_a_model_that_gives_no_vector_changes_nothing(path):
    """NaN from the new embedder: refused, and the memory stays the old one's."""
    broken = Other()
    broken.embed = lambda texts: np.full((len(texts), 40), np.nan)
    with pytest.raises(MemoryFault, match="'other' gave a vector with NaN"):
        reembed(path, broken)
    with AuctionMemory.open(path, Grams()) as memory:
        assert memory.recall(Task("new", "sum the numbers of list 7"), "quick")
