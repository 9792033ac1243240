"""Measure recall from large memories: its time and what it misses, compared with numpy, faiss and hnswlib.

The vectors are embeddings of real tasks (--data: MBPP, GSM8K, PopQA, StrategyQA, CRUXEval, javascript-questions),
each repeated many times with noise of random strength. Their cosines to the original are 0.98 to 0.64, so they form
clusters as a user's tasks do; uniform noise would have no near neighbours. A query is one more such draw. The vectors
are in a real memory file, each with an auction of two bids. Our time is the whole `recall` (search, exact comparison,
reading lessons), without embedding the query.

Exact search in numpy (float32) is the ground truth for recall@8. hnswlib is measured only at the smaller size: at a
million its index takes longer to build than everything else.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peak_memory import resident
from edge_sale import assemble
from edge_sale.catalog.cards import load as cards
from edge_sale.errors import EdgeSaleError, ExtraMissing
from edge_sale.evaluation import task_sets
from edge_sale.evaluation.report import Figure
from edge_sale.memory import binary_index, vectors
from edge_sale.memory.database import load_vectors, opened
from edge_sale.memory.store import AuctionMemory
from edge_sale.protocols import Embedder
from edge_sale.settings import load
from edge_sale.sqlite.transactions import writing
from edge_sale.types import Award, Bid, Scored, Strategy, Task

SETS = {
    "mbpp": "mbpp_sanitized",
    "gsm8k": "gsm8k",
    "popqa": "popqa_1k",
    "strategyqa": "strategyqa",
    "cruxeval": "cruxeval",
    "javascript": "javascript_questions",
}
OF_EACH = 400  # tasks taken from each set
SIZES = {100_000: 10.0, 1_000_000: 50.0}  # number of tasks -> goal for the 95th percentile of recall, ms
K = 8
QUERIES = 200
NOISE = (0.2, 1.2)  # length of the noise that is added to a vector of length 1
BATCH = 64_000

Vectors = NDArray[np.float32]


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Iterator[Figure]:
    """Measure at each size, the smaller first. `runs` is not used: each figure is over 200 queries."""
    if data is None:
        raise EdgeSaleError("this bench takes --data, the folder of task sets whose texts are embedded")
    faiss, hnswlib = _rival("faiss"), _rival("hnswlib")
    texts = _texts(data)
    settings = load()
    catalogue = cards(settings.cards_dir)
    embedder = assemble.embedder(catalogue.model(catalogue.pool("starter").embedder), settings)
    tell(f"embedding {len(texts)} tasks")
    base = np.concatenate([embedder.embed(texts[i : i + 64]) for i in range(0, len(texts), 64)])
    for size, goal in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            yield from _at(size, goal, base, embedder, Path(folder), faiss, hnswlib, tell)


def _at(
    size: int,
    goal: float,
    base: Vectors,
    embedder: Embedder,
    folder: Path,
    faiss: Any,
    hnswlib: Any,
    tell: Callable[[str], None],
) -> Iterator[Figure]:
    draw = np.random.default_rng(size)
    tell(f"{size:,} tasks: generating them")
    stored, queries = noisy(base, size, draw), noisy(base, QUERIES, draw)
    path = folder / "memory.sqlite"
    fill(path, stored, embedder.name, embedder.identity)
    name = f"{size:,} tasks"
    yield Figure(f"{name}: file", path.stat().st_size / 1e6, "MB")

    truth, exact = _timed(queries, lambda q: _best(stored @ q))
    yield from _figures(f"{name}, numpy exact", exact)

    known = KnownVectors(queries, embedder)
    before, began = resident(), time.perf_counter()
    with AuctionMemory.open(path, known) as memory:
        memory.recall(Task("first", "0"), "quick")
        yield Figure(f"{name}, ours: opened and first recall", (time.perf_counter() - began) * 1e3, "ms")
        yield Figure(f"{name}, ours: resident for it", (resident() - before) / 1e6, "MB")
        found = [{int(id_[1:]) for _, id_ in memory.nearest(str(n), K)} for n in range(QUERIES)]
        _, seconds = _timed(list(range(QUERIES)), lambda n: memory.recall(Task("new", str(n)), "quick"))
        yield from _figures(f"{name}, ours", seconds, goal)
        yield Figure(f"{name}, ours: recall@{K}", _share(found, truth), "%", 98, "least")
        yield Figure(f"{name}, ours: median against numpy exact", float(np.median(exact) / np.median(seconds)), "x")
        _, seconds = _timed(list(range(50)), lambda n: memory.record(_award(f"new{n}", str(n)), None, {}))
        yield from _figures(f"{name}, ours, a record", seconds)

    flat = faiss.IndexFlatIP(stored.shape[1])
    flat.add(stored)
    answers, seconds = _timed(queries, lambda q: set(flat.search(q[None], K)[1][0].tolist()))
    yield from _figures(f"{name}, faiss flat", seconds)
    yield Figure(f"{name}, faiss flat: recall@{K}", _share(answers, truth), "%")
    if size == min(SIZES):
        tell(f"{name}: building hnswlib's index")
        began = time.perf_counter()
        graph = hnswlib.Index("ip", stored.shape[1])
        graph.init_index(size, M=16, ef_construction=100, random_seed=1)
        graph.add_items(stored)
        graph.set_ef(128)
        yield Figure(f"{name}, hnswlib: building", time.perf_counter() - began, "s")
        answers, seconds = _timed(queries, lambda q: set(graph.knn_query(q, K)[0][0].tolist()))
        yield from _figures(f"{name}, hnswlib", seconds)
        yield Figure(f"{name}, hnswlib: recall@{K}", _share(answers, truth), "%")


# --- the generated memory -----------------------------------------------------------


def noisy(base: Vectors, count: int, draw: np.random.Generator) -> Vectors:
    """Draw unit vectors of `base`, each with noise of its own strength. Shape (count, dimension), float32."""
    made = np.empty((count, base.shape[1]), np.float32)
    for start in range(0, count, BATCH):
        part = made[start : start + BATCH]
        noise = draw.standard_normal(part.shape, np.float32)
        noise *= draw.uniform(*NOISE, (len(part), 1)).astype(np.float32) / np.float32(np.sqrt(base.shape[1]))
        np.add(noise, base[draw.integers(0, len(base), len(part))], out=part)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made


def fill(path: Path, stored: Vectors, name: str, sha256: str) -> None:
    """Write a memory file with an auction of two bids for each vector. Auction number n + 1 has the id `t<n>`."""
    with opened(path) as db:
        load_vectors(db)
        db.pragma("synchronous", "off")
        with writing(db):
            vectors.start_with(db, name, sha256, stored.shape[1])
        for start in range(0, len(stored), BATCH):
            part = stored[start : start + BATCH]
            numbers = range(start + 1, start + 1 + len(part))
            with writing(db):
                db.executemany(
                    'INSERT INTO auctions (number, id, at, text, domain, files, "check", likeness, sat_out, run)'
                    " VALUES (?1, 't' || (?1 - 1), 1.0, 'task ' || ?1, 'text', '[]', NULL, randomblob(16), '{}', '{}')",
                    ((n,) for n in numbers),
                )
                db.executemany(
                    "INSERT INTO bids (auction, rank, agent, phase, price, plan, tokens, entropy, signals, scores,"
                    " cost, value, led, won) VALUES (?1, ?2, ?3, 'opening', 0.05, 'plan of ' || ?3, 3, 1.0, '{}',"
                    " '{}', 1.0, 1.0, ?2 = 0, ?2 = 0)",
                    ((n, rank, agent) for n in numbers for rank, agent in enumerate(("quick", "drafts"))),
                )
                db.executemany(
                    "INSERT INTO vectors (rowid, embedding) VALUES (?, ?)",
                    ((n, row.tobytes()) for n, row in zip(numbers, part, strict=True)),
                )
        with writing(db):
            db.executemany("INSERT INTO codes (block, taken, bits) VALUES (?, ?, ?)", _blocks(stored))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _blocks(stored: Vectors) -> Iterator[tuple[int, int, bytes]]:
    for block in range(len(stored) // binary_index.BLOCK + 1):
        numbers = range(max(1, block * binary_index.BLOCK), min(len(stored) + 1, (block + 1) * binary_index.BLOCK))
        if numbers:
            bits = [binary_index.encode(stored[n - 1].tobytes()) for n in numbers]
            before = numbers[0] - block * binary_index.BLOCK
            after = binary_index.BLOCK - before - len(bits)
            taken = ((1 << len(bits)) - 1) << before
            empty = bytes(len(bits[0]))
            yield block, taken - (1 << 64 if taken >> 63 else 0), before * empty + b"".join(bits) + after * empty


class KnownVectors:
    """An embedder for numbered queries whose vectors are given."""

    def __init__(self, queries: Vectors, of: Embedder) -> None:
        self.queries = queries
        self.name, self.identity, self.dimension = of.name, of.identity, of.dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self.queries[[int(text) for text in texts]]


def _award(id_: str, text: str) -> Award:
    bids = [
        Scored(Bid(agent, 0.05, Strategy(f"plan of {agent}", 3, 1.0)), 1.0 + n, 1.0)
        for n, agent in enumerate(("quick", "drafts"))
    ]
    return Award(Task(id_, text), bids[0], bids[0], tuple(bids))


def _texts(data: Path) -> list[str]:
    texts: list[str] = []
    for name, folder in SETS.items():
        if (data / folder).is_dir():
            texts += [one.item.task.text for one in task_sets.load(name, data / folder)][:OF_EACH]
    if not texts:
        raise EdgeSaleError(f"{data}: holds none of {', '.join(SETS.values())}")
    return texts


# --- measuring ----------------------------------------------------------


def _timed(queries: Sequence[Any] | Vectors, request: Callable[[Any], Any]) -> tuple[list[Any], list[float]]:
    answers, seconds = [], []
    for query in queries:
        began = time.perf_counter()
        answers.append(request(query))
        seconds.append(time.perf_counter() - began)
    return answers, seconds


def _best(cosines: Vectors) -> set[int]:
    return set(np.argpartition(-cosines, K)[:K].tolist())


def _share(found: Sequence[set[int]], truth: Sequence[set[int]]) -> float:
    return 100 * sum(len(a & b) for a, b in zip(found, truth, strict=True)) / (K * len(truth))


def _figures(what: str, seconds: Sequence[float], goal: float | None = None) -> Iterator[Figure]:
    yield Figure(f"{what}: median", float(np.median(seconds)) * 1e3, "ms")
    yield Figure(f"{what}: p95", float(np.percentile(seconds, 95)) * 1e3, "ms", goal)


def _rival(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ExtraMissing(name, "bench") from error
