"""The auction memory: records past auctions and recalls those that help with the current task.

It is one SQLite file in WAL mode. An auction and the vector of its task are written in one transaction. Several
processes may use the file at once; one object serves one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from edge_sale.errors import MemoryFault
from edge_sale.memory import evidence, retention, rows, vectors
from edge_sale.memory.binary_index import BinaryIndex
from edge_sale.memory.database import ASIDE, connect, faults, load_vectors
from edge_sale.memory.recall import MIN_SIMILARITY, contrast
from edge_sale.memory.retention import Bounds
from edge_sale.protocols import Embedder
from edge_sale.sqlite.connection import close
from edge_sale.sqlite.query import one, select
from edge_sale.sqlite.transactions import reading, writing
from edge_sale.sqlite.unit_vectors import unit
from edge_sale.types import Award, Lesson, Outcome, Past, Task

INVOLVED = "SELECT auction FROM bids WHERE agent = ? UNION SELECT auction FROM outcomes WHERE agent = ?"
AGENT_STEPS = (1024, 4096)  # how many of an agent's own auctions are compared exactly, step by step
# An index of fewer than MIN_BITS is imprecise; many of the bundled embedder's 128 bits are equal for all tasks. The
# number of candidates that holds 99 % of the 8 nearest then grows with the square root of the number of tasks:
# measured on 1,000 to 8,000 generated tasks.
MIN_BITS, CANDIDATES_PER_ROOT = 256, 6.0
MANY = 250_000  # tasks for which 64 candidates are too few: in a million they hold 95 % of the 8 nearest
REPEATS = 8  # of a task auctioned several times, so many of the newest auctions are considered
CACHED_VECTORS = 64
NO_BOUNDS = Bounds(mb=0, days=0)


class AuctionMemory:
    """Records auctions and recalls lessons. Create one with `open`; end it with `close` or `with`."""

    def __init__(self, db: apsw.Connection, path: Path, embedder: Embedder, bounds: Bounds) -> None:
        self._db, self.path, self._embedder, self._bounds = db, path, embedder, bounds
        self._records = 0
        self._index = BinaryIndex(embedder.dimension)
        self._last: tuple[object, dict[int, list[tuple[float, int]]]] = (None, {})  # the last search over all tasks
        self._vectors: dict[str, bytes] = {}  # task text -> its vector: embedded once for recalls and record

    @classmethod
    def open(
        cls, path: Path, embedder: Embedder, *, durable: bool = False, bounds: Bounds = NO_BOUNDS
    ) -> AuctionMemory:
        """Open the memory in the file `path`. A missing file is created.

        The oldest auctions beyond `bounds` are forgotten. With `durable`, every acknowledged auction survives power
        loss, at the cost of one more sync for each record. Raises MemoryFault for a file that is damaged, of another
        program or of a newer version, and if the stored vectors come from another embedder.
        """
        db = connect(path, durable=durable)
        memory = cls(db, path.absolute(), embedder, bounds)
        try:
            with faults(memory.path):
                load_vectors(db)
                memory._bind_embedder()
                retention.enforce(db, bounds)
        except BaseException:
            close(db)
            raise
        return memory

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        close(self._db)

    def __enter__(self) -> AuctionMemory:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def record(self, award: Award, outcome: Outcome | None, run: Mapping[str, Any]) -> None:
        """Store the auction, all of it or nothing. Once this returns, the auction is stored.

        `run["entries"]` are the ledger entries and `run["earlier"]` the outcomes before the last one; the rest of
        `run` is stored as JSON. `outcome` is None if the auction was held and nothing was executed. Raises
        MemoryFault, also for an id that is already recorded.
        """
        vector, now = self._vector(award.task), time.time()
        try:
            with faults(self.path), writing(self._db):
                self._check_embedder()
                number = rows.add_auction(self._db, award, run, now)
                vectors.add(self._db, number, vector)
                rows.add_lessons(self._db, number, award)
                for earlier in run.get("earlier", ()):
                    rows.add_outcome(self._db, number, earlier, now)
                if outcome is not None:
                    rows.add_outcome(self._db, number, outcome, now)
                rows.add_entries(self._db, number, list(run.get("entries", ())))
            self._records += 1
            if self._records % retention.CHECK_EVERY == 0:
                with suppress(apsw.Error):  # the auction is stored in any case; the next check tries again
                    retention.enforce(self._db, self._bounds)
        except (UnicodeEncodeError, OverflowError, ValueError) as error:
            raise MemoryFault(f"auction {award.task.id!r} cannot be stored: {error}") from error

    def recall(self, task: Task, agent: str, k: int = 8) -> list[Lesson]:
        """Return at most `k` lessons for `agent` from similar tasks, the most similar first.

        A lesson is a pair of plans, at least one of them the agent's own. Tasks with a cosine below
        `MIN_SIMILARITY` are left out. Of a task auctioned several times, only the newest lesson is returned.
        """
        vector = self._vector(task)
        lessons: list[Lesson] = []
        seen: set[bytes] = set()
        with faults(self.path), self._consistent_view():
            for similarity, number in self._neighbours(vector, agent, distinct=True):
                if len(lessons) >= k:
                    break
                (digest,) = one(self._db, "SELECT likeness FROM auctions WHERE number = ?", number)
                if digest not in seen:
                    seen.add(digest)
                    lessons += self._newest_lesson(digest, task, agent, similarity)
        return lessons

    def past(self, task: Task, agent: str, k: int = 32) -> list[Past]:
        """Return what `agent` did on at most `k` similar tasks, the most similar first."""
        vector = self._vector(task)
        with faults(self.path), self._consistent_view():
            near = self._neighbours(vector, agent, distinct=False)
            return list(islice(evidence.past_of(self._db, near, task, agent), k))

    def records(self, task: Task, agents: Sequence[str]) -> dict[str, evidence.TrackRecord]:
        """Return how well each agent did on similar and on recent tasks, without agents that have no known outcome."""
        vector = self._vector(task)
        with faults(self.path), self._consistent_view():
            recent = evidence.recent_counts(self._db)
            found = {}
            for agent in agents:
                if agent in recent:
                    near = self._neighbours(vector, agent, distinct=False)
                    found[agent] = evidence.track_record(evidence.past_of(self._db, near, task, agent), *recent[agent])
            return found

    def nearest(self, text: str, k: int = 8) -> list[tuple[float, str]]:
        """Return cosine and id of the `k` auctions whose tasks are most like `text`."""
        vector = self._vector(Task("search", text))
        with faults(self.path), self._consistent_view():
            want = self._of_all(distinct=True)[0] * max(k, 8) // 8
            found = vectors.cosines(self._db, vector, self._index.nearest(vector, want))[:k]
            id_of = "SELECT id FROM auctions WHERE number = ?"
            return [(similarity, one(self._db, id_of, number)[0]) for similarity, number in found]

    @contextmanager
    def _consistent_view(self) -> Iterator[None]:
        """Run all reads inside on one state of the memory, with the binary index brought up to date."""
        with reading(self._db):
            self._check_embedder()
            self._index.refresh(self._db)
            yield

    def _neighbours(self, vector: bytes, agent: str, *, distinct: bool) -> Iterator[tuple[float, int]]:
        """Yield cosine and number of similar past tasks, the nearest first, searching in growing steps.

        The first steps search all tasks, which is fastest and mostly enough. The later ones search only the tasks
        that `agent` bid for or worked on.
        """
        seen: set[int] = set()
        among: list[int] | None = None
        of_all = self._of_all(distinct)
        for step, count in enumerate((*of_all, *AGENT_STEPS)):
            if step == len(of_all):
                among = [number for (number,) in select(self._db, INVOLVED, agent, agent)]
            found = self._near(vector, count, among, distinct)
            for similarity, number in found:
                if similarity < MIN_SIMILARITY:
                    return
                if number not in seen:
                    seen.add(number)
                    yield similarity, number
            if len(found) < count and (among is not None or len(found) == len(self._index)):
                return

    def _of_all(self, distinct: bool) -> tuple[int, ...]:
        """Return how many neighbours among all tasks each step compares. Lessons need fewer than an agent's past."""
        if self._embedder.dimension < MIN_BITS:
            return (min(AGENT_STEPS[-1], max(128, int(CANDIDATES_PER_ROOT * len(self._index) ** 0.5))),)
        return (64, 128) if distinct and len(self._index) <= MANY else (128,)

    def _near(self, vector: bytes, want: int, among: list[int] | None, distinct: bool) -> list[tuple[float, int]]:
        """Search the binary index, then compare exactly. The agents of an auction share a search over all tasks."""
        if among is not None:
            return vectors.cosines(self._db, vector, self._index.nearest(vector, want, among, distinct))
        key = (vector, distinct, self._index.state)
        if self._last[0] != key:
            self._last = key, {}
        found = self._last[1]
        if want not in found:
            found[want] = vectors.cosines(self._db, vector, self._index.nearest(vector, want, None, distinct))
        return found[want]

    def _newest_lesson(self, digest: bytes, task: Task, agent: str, similarity: float) -> list[Lesson]:
        """Return the newest lesson for `agent` from the auctions of this very task; an empty list if there is none."""
        for number, past, text in select(
            self._db,
            "SELECT number, id, text FROM auctions a WHERE likeness = ? AND id != ?"
            " AND EXISTS (SELECT 1 FROM bids b WHERE b.agent = ? AND b.auction = a.number)"
            " ORDER BY number DESC LIMIT ?",
            digest,
            task.id,
            agent,
            REPEATS,
        ):
            outcomes = rows.newest_outcomes(self._db, number)
            if pair := contrast(agent, rows.plans(self._db, number), outcomes):
                good, bad = pair
                status = outcomes[good.agent].status if good.agent in outcomes else None
                return [Lesson(past, text, good.text, bad.text, good.agent, bad.agent, similarity, status)]
        return []

    def _vector(self, task: Task) -> bytes:
        """Return the unit vector of the task's text, float32. Raises MemoryFault."""
        if task.text not in self._vectors:
            if len(self._vectors) >= CACHED_VECTORS:
                self._vectors.pop(next(iter(self._vectors)))
            self._vectors[task.text] = self._embed(task)
        return self._vectors[task.text]

    def _embed(self, task: Task) -> bytes:
        if not task.text.strip():
            raise MemoryFault(f"task {task.id!r} is empty: nothing to remember it by; say what is to be done")
        return unit(self._embedder.embed([task.text]), self._embedder)

    def _bind_embedder(self) -> None:
        """Check that the stored vectors come from this embedder; set up an empty memory for it. Raises MemoryFault."""
        if not vectors.has_layout(self._db):
            with writing(self._db):
                vectors.update_layout(self._db)
        try:
            self._check_embedder()
        except MemoryFault:
            with writing(self._db):
                if not select(self._db, "SELECT 1 FROM auctions LIMIT 1"):
                    mine = self._embedder
                    vectors.start_with(self._db, mine.name, mine.identity, mine.dimension)
            self._check_embedder()
        auctions, kept = vectors.counts(self._db)
        if auctions != kept:
            raise MemoryFault(f"{self.path}: damaged, {auctions} auctions but {kept} vectors; {ASIDE}")

    def _check_embedder(self) -> None:
        """Raise MemoryFault if the vectors come from another embedder: another process may have replaced them."""
        try:
            vectors.check(self._db, self._embedder)
        except MemoryFault as fault:
            raise MemoryFault(f"{self.path}: {fault}") from fault
