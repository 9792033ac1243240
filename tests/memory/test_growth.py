"""A memory in use for years: bounded, compact, and as quick as ever. The long one is for scripts/soak alone."""

from __future__ import annotations

import contextlib
import os
import time

import numpy as np
import pytest

from benchmarks.recall import KnownVectors, fill
from edge_sale.memory import overview, retention
from edge_sale.memory.binary_index import BLOCK, BinaryIndex
from edge_sale.memory.retention import Bounds
from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Task

from .kit import Grams, agree, award, done, look, run

TIMES = int(os.environ.get("EDGE_SALE_TEST_TIMES", "0"))


@pytest.mark.skipif(not TIMES, reason="scripts/soak memory: takes minutes")
def test_a_hundred_thousand_auctions_within_bounds(tmp_path):
    """Recorded one after another under a bound of 64 MB: the file is at most 1.5 times its live data after compact."""
    path, bounds = tmp_path / "memory.sqlite", Bounds(mb=64)
    with AuctionMemory.open(path, Grams(dimension=384), bounds=bounds) as memory:
        for n in range(100_000):
            memory.record(award(f"t{n}", f"count the words of file {n}"), done(), run())
        assert retention.live_bytes(memory._db) <= 66_000_000
        seconds = []
        for n in range(100):
            began = time.perf_counter()
            assert memory.recall(Task("new", f"count the words of file {99_000 + n}"), "quick")
            seconds.append(time.perf_counter() - began)
    assert sorted(seconds)[95] < 0.05
    overview.compact(path, bounds)
    with contextlib.closing(look(path)) as db:
        assert path.stat().st_size <= 1.5 * retention.live_bytes(db)
    assert "t99999" in agree(path)


def vectors(count: int, draw: np.random.Generator) -> np.ndarray:
    """Clustered unit vectors of 384 parts: 200 centres, each vector near one."""
    centres = draw.standard_normal((200, 384), np.float32)
    made = centres[draw.integers(0, 200, count)] + 0.8 * draw.standard_normal((count, 384), np.float32)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def filled(stored: np.ndarray) -> BinaryIndex:
    """Their binary index as a process holds them; number n is that of row n."""
    index = BinaryIndex(stored.shape[1])
    bits = np.packbits(stored > 0, axis=1, bitorder="little")
    index._take([(b, -1, bits[b * BLOCK : (b + 1) * BLOCK].tobytes()) for b in range(len(stored) // BLOCK)])
    return index


def test_what_is_compared_exactly_holds_the_nearest():
    """Of 20,000 clustered vectors, the 128 chosen by sign bits hold the 8 nearest in at least 98 of 100 cases."""
    made = vectors(20_082, np.random.default_rng(4))  # queries come from the same clusters, as tasks of one user do
    stored, queries = made[:20_032], made[20_032:]
    index = filled(stored)
    hits = sum(
        len(set(np.argpartition(-(stored @ q), 8)[:8].tolist()) & set(index.nearest(q.tobytes(), 128))) for q in queries
    )
    assert hits >= 0.98 * 8 * len(queries)
    assert len(index.nearest(queries[0].tobytes(), 256)) == 256


def test_a_search_among_some_finds_only_these():
    """Numbers that are not there are left out; none among none."""
    draw = np.random.default_rng(5)
    stored = vectors(640, draw)
    index = filled(stored)
    assert sorted(index.nearest(stored[7].tobytes(), 4, [7, 70, 10_000, -3])) == [7, 70]
    assert index.nearest(stored[7].tobytes(), 4, []) == []
    assert BinaryIndex(384).nearest(stored[7].tobytes(), 4) == []


def test_a_task_sold_ten_thousand_times_does_not_hide_the_others():
    """With `distinct` one stands for all of one code, the newest, and the rest are found behind it."""
    draw = np.random.default_rng(6)
    stored = vectors(10_048, draw)
    stored[:10_000] = stored[0]
    found = filled(stored).nearest(stored[0].tobytes(), 32, distinct=True)
    assert len(found) >= 32 and 9_999 in found
    assert sum(number < 10_000 for number in found) == 1


def cone(count: int, draw: np.random.Generator, dimension: int) -> np.ndarray:
    """Clustered unit vectors that point much the same way, as a small language model's states do: signs say little."""
    usual = 4.0 * draw.standard_normal(dimension).astype(np.float32)
    centres = usual + 2.0 * draw.standard_normal((20, dimension), np.float32)
    made = centres[draw.integers(0, 20, count)] + 0.8 * draw.standard_normal((count, dimension), np.float32)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(("made", "dimension", "count"), [("vectors", 384, 6000), ("cone", 128, 4000)])
def test_the_nearest_are_found_in_a_memory_of_either_embedder(made, dimension, count, tmp_path):
    """recall@8 against exact search is ≥ 98 %, also where few bits say much the same (128 vectors held 90 % there)."""
    draw = np.random.default_rng(4)
    stored = vectors(count + 50, draw) if made == "vectors" else cone(count + 50, draw, dimension)
    stored, queries = stored[:count], stored[count:]
    path = tmp_path / "memory.sqlite"
    fill(path, stored, "grams", "d1" * 32)
    asked = KnownVectors(queries, Grams(dimension))
    found = 0
    with AuctionMemory.open(path, asked) as memory:
        for n, query in enumerate(queries):
            truth = set(np.argpartition(-(stored @ query), 8)[:8].tolist())
            found += len(truth & {int(name[1:]) for _, name in memory.nearest(str(n), 8)})
    share = 100 * found / (8 * len(queries))
    print(f"{made}: {share:.1f} %")
    assert share >= 98
