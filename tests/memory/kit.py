"""What the memory's tests share: a small true embedder, and auctions to record."""

from __future__ import annotations

import contextlib
import itertools
import time
import zlib
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

import apsw
import numpy as np
import sqlite_vec

from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.memory.store import AuctionMemory
from edge_sale.scoring.weights import Weights
from edge_sale.types import Award, Bid, Entry, Outcome, Phase, Scored, Strategy, Task
from tests.scripted import Scripted, plan

RUN = {"pool": "starter", "seed": 7, "prompts": "ab12", "weights": "shipped-1", "models": {"m": "00ff"}}


class Grams:
    """Embeds a text as its hashed words and letter triples: like texts come out near each other."""

    def __init__(self, dimension: int = 64, identity: str = "d1" * 32, name: str = "grams") -> None:
        self.name, self.identity, self.dimension = name, identity, dimension
        self.calls: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.calls += texts
        out = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            plain = f"  {text.casefold()}  "
            grams = [plain[i : i + 3] for i in range(len(plain) - 2)] + 3 * plain.split()
            for gram in grams:
                digest = zlib.crc32(gram.encode("utf-8", "surrogatepass"))
                row[digest % self.dimension] += 1 if digest >> 31 else -1
            row[0] += 1e-3  # never a zero vector
            row /= np.linalg.norm(row)
        return out


def bid(agent: str, asking: float, plan: str | None = None, phase: Phase = "opening", price: float = 0.05) -> Scored:
    strategy = Strategy(plan or f"plan of {agent}", 12, 1.25, {"length": 12.0})
    return Scored(Bid(agent, price, strategy, {"quick": 3.0, "planner": 2.5}, phase), asking + 1, 1.0)


def award(id: str, text: str, *bids: Scored, **more: object) -> Award:
    """An award of the bid that asks least, led at first by the opening bid that does."""
    bids = bids or (bid("quick", 1.0), bid("drafts", 2.0), bid("planner", 3.0))
    ranked = tuple(sorted(bids, key=lambda s: s.asking))
    led = next(s for s in ranked if s.bid.phase == "opening")
    return Award(Task(id, text), ranked[0], led, ranked, **more)  # type: ignore[arg-type]


def done(agent: str = "quick", answer: str = "42") -> Outcome:
    return Outcome(agent, "done", answer)


def run(**more: object) -> dict[str, object]:
    entries = [Entry("quick", "bid", 100, 12, 0.5, 0.05), Entry("quick", "work", 200, 80, 2.0, 0.05)]
    return {**RUN, "entries": entries, **more}


def look(path: Path) -> apsw.Connection:
    """A plain connection to a memory file that can read its vectors too."""
    db = apsw.Connection(str(path))
    db.set_busy_timeout(10_000)
    db.enable_load_extension(True)
    db.load_extension(sqlite_vec.loadable_path())
    return db


def sets(path: Path) -> tuple[set[str], set[int], set[int]]:
    """Ids of the auctions, their numbers, and the vectors' numbers; the file is whole besides."""
    with contextlib.closing(look(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        ids = {row[0] for row in db.execute("SELECT id FROM auctions")}
        numbers = {row[0] for row in db.execute("SELECT number FROM auctions")}
        return ids, numbers, {row[0] for row in db.execute("SELECT rowid FROM vectors")}


def market(memory: AuctionMemory, plans: int = 1) -> Market:
    """Two scripted agents on a real memory, ready for `plans` sales: the cheaper one may refine from its lessons."""
    agents = [
        Scripted(
            "quick",
            0.02,
            [plan("quick's plan"), plan("quick's better plan")] * plans,
            [{"quick's plan": 2.0, "big's plan": 4.0}, {"quick's better plan": 3.0, "big's plan": 4.0}] * plans,
            Outcome("quick", "done", "42"),
        ),
        Scripted(
            "big",
            0.2,
            [plan("big's plan")] * plans,
            [{"quick's plan": 2.0, "big's plan": 4.0}, {"quick's better plan": 3.0, "big's plan": 4.0}] * plans,
            Outcome("big", "done", "42"),
        ),
    ]
    scheduler = Scheduler({}, agents={agent.name: agent for agent in agents})
    return Market(agents, scheduler, Weights("w", 1, "", {"price_length": 0.1}, juror=0.5), memory, full=True)


def sell_for_ever(path: Path, name: str, acknowledged: object) -> None:
    """Sell task after task (auction, work, record), and say so of each after it is recorded."""
    with AuctionMemory.open(path, Grams()) as memory:
        for n in itertools.count():
            sale = market(memory).solve(Task(f"{name}-{n}", f"count the words of file {n}"), lambda event: None)
            if sale.recorded:
                acknowledged.send(f"{name}-{n}")  # type: ignore[attr-defined]


def record_some(path: Path, name: str, count: int, together: Barrier) -> None:
    together.wait(60)
    seconds = []
    with AuctionMemory.open(path, Grams()) as memory:
        for n in range(count):
            task = Task(f"{name}-{n}", f"count the words of file {n}")
            memory.recall(task, "quick")
            began = time.perf_counter()
            memory.record(award(task.id, task.text), done(), run())
            seconds.append(time.perf_counter() - began)
    path.with_name(f"{name}.seconds").write_text("\n".join(map(str, seconds)))


def agree(path: Path) -> set[str]:
    """Ids of the auctions of a memory whose rows, vectors and codes are one set; fails where they are not."""
    ids, numbers, vectors = sets(path)
    with contextlib.closing(look(path)) as db:
        codes = {
            64 * block + place
            for block, taken in db.execute("SELECT block, taken FROM codes")
            for place in range(64)
            if taken >> place & 1
        }
    assert numbers == vectors == codes, (numbers ^ vectors, numbers ^ codes)
    return ids
