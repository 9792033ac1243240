"""The auction memory: what was sold before, to whom, how it went, and which of it helps now.

One SQLite file in WAL mode. An auction and the vector of its task are written in
one transaction; several processes may use the file at once. One object serves one
thread at a time.
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
from edge_sale.memory.binary_index import Codes
from edge_sale.memory.database import ASIDE, connect, faults, load_vectors, shut
from edge_sale.memory.recall import SIMILAR, contrast
from edge_sale.memory.retention import Bounds
from edge_sale.sqlite.transactions import reading, writing
from edge_sale.sqlite.unit_vectors import unit
from edge_sale.types import Award, Embedder, Lesson, Outcome, Past, Task

TAKEN_PART = "SELECT auction FROM bids WHERE agent = ? UNION SELECT auction FROM outcomes WHERE agent = ?"
OF_AGENT = (1024, 4096)  # neighbours compared exactly at a time, of those that an agent has to do with
# Fewer bits than BITS blur, and of the bundled embedder's 128 many are the same for every task. What holds 99 % of the
# 8 nearest grows with the root of the number of tasks: measured on 1,000 to 8,000 generated ones.
BITS, BLUR = 256, 6.0
CROWD = 250_000  # tasks beyond which 64 are too few: bits alone find 95 % of the 8 nearest in a million by them
REPEATS = 8  # of a task auctioned again and again, as many of the newest are looked at
KEPT_VECTORS = 64
NO_BOUNDS = Bounds(mb=0, days=0)


class AuctionMemory:
    """Records auctions and recalls lessons; `open` makes one, `close` or `with` ends it."""

    def __init__(self, db: apsw.Connection, path: Path, embedder: Embedder, bounds: Bounds) -> None:
        self._db, self.path, self._embedder, self._bounds = db, path, embedder, bounds
        self._records = 0
        self._codes = Codes(embedder.dimension)
        self._last: tuple[object, dict[int, list[tuple[float, int]]]] = (None, {})  # the last search over all tasks
        self._vectors: dict[str, bytes] = {}  # task text -> its vector: embedded once for recalls and record

    @classmethod
    def open(
        cls, path: Path, embedder: Embedder, *, durable: bool = False, bounds: Bounds = NO_BOUNDS
    ) -> AuctionMemory:
        """The memory in the file `path`, which is made where there is none.

        Beyond `bounds` the oldest auctions are forgotten.
        `durable` keeps every acknowledged auction through power loss, at one more sync
        a record. Raises MemoryFault for a damaged, foreign or newer file, and where the
        stored vectors come from another embedder.
        """
        db = connect(path, durable=durable)
        memory = cls(db, path.absolute(), embedder, bounds)
        try:
            with faults(memory.path):
                load_vectors(db)
                memory._claim()
                retention.enforce(db, bounds)
        except BaseException:
            shut(db)
            raise
        return memory

    def close(self) -> None:
        """Give the file back; a second call does nothing."""
        shut(self._db)

    def __enter__(self) -> AuctionMemory:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def record(self, award: Award, outcome: Outcome | None, run: Mapping[str, Any]) -> None:
        """Keep the whole auction, or nothing of it; when this returns, it is kept.

        `run["entries"]` are the ledger's lines, `run["earlier"]` the outcomes of work that came before
        the one that stands; the rest of `run` is stored as JSON.
        `outcome` None: the auction was held and nothing executed. Raises MemoryFault,
        among others for an id that is already recorded.
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
            if self._records % retention.EVERY == 0:
                with suppress(apsw.Error):  # this auction is recorded whatever comes of that; the next look tries again
                    retention.enforce(self._db, self._bounds)
        except (UnicodeEncodeError, OverflowError, ValueError) as error:
            raise MemoryFault(f"auction {award.task.id!r} cannot be stored: {error}") from error

    def recall(self, task: Task, agent: str, k: int = 8) -> list[Lesson]:
        """At most `k` lessons for `agent` from tasks like this one, the most similar first.

        Each is a pair of plans, at least one its own. Tasks under a cosine of `SIMILAR`
        are left out; of a task auctioned several times, the newest lesson is given.
        """
        vector = self._vector(task)
        lessons: list[Lesson] = []
        seen: set[bytes] = set()
        with faults(self.path), self._looking():
            for similarity, number in self._neighbours(vector, agent, distinct=True):
                if len(lessons) >= k:
                    break
                (kind,) = rows.one(self._db, "SELECT likeness FROM auctions WHERE number = ?", number)
                if kind not in seen:
                    seen.add(kind)
                    lessons += self._newest(kind, task, agent, similarity)
        return lessons

    def past(self, task: Task, agent: str, k: int = 32) -> list[Past]:
        """What `agent` did on at most `k` tasks like this one, the most similar first."""
        vector = self._vector(task)
        with faults(self.path), self._looking():
            near = self._neighbours(vector, agent, distinct=False)
            return list(islice(evidence.read(self._db, near, task, agent), k))

    def records(self, task: Task, agents: Sequence[str]) -> dict[str, evidence.Record]:
        """How well each agent did on the nearest tasks of its past, and of late; without those that never finished."""
        vector = self._vector(task)
        with faults(self.path), self._looking():
            lately = evidence.lately(self._db)
            found = {}
            for agent in agents:
                if agent in lately:
                    near = self._neighbours(vector, agent, distinct=False)
                    found[agent] = evidence.record(evidence.read(self._db, near, task, agent), *lately[agent])
            return found

    def nearest(self, text: str, k: int = 8) -> list[tuple[float, str]]:
        """Cosine and id of the `k` auctions whose tasks are most like `text`."""
        vector = self._vector(Task("search", text))
        with faults(self.path), self._looking():
            want = self._of_all(distinct=True)[0] * max(k, 8) // 8
            found = vectors.cosines(self._db, vector, self._codes.nearest(vector, want))[:k]
            id_of = "SELECT id FROM auctions WHERE number = ?"
            return [(similarity, rows.one(self._db, id_of, number)[0]) for similarity, number in found]

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """One state of the memory, its codes with it, for the reads inside."""
        with reading(self._db):
            self._check_embedder()
            self._codes.refresh(self._db)
            yield

    def _neighbours(self, vector: bytes, agent: str, *, distinct: bool) -> Iterator[tuple[float, int]]:
        """Cosine and number of past tasks like this one, nearest first, in growing bites.

        The first bites are of all tasks, which is fastest and mostly enough; the others
        are of those that `agent` bid for or worked on.
        """
        seen: set[int] = set()
        among: list[int] | None = None
        of_all = self._of_all(distinct)
        for place, bite in enumerate((*of_all, *OF_AGENT)):
            if place == len(of_all):
                among = [number for (number,) in rows.select(self._db, TAKEN_PART, agent, agent)]
            found = self._near(vector, bite, among, distinct)
            for similarity, number in found:
                if similarity < SIMILAR:
                    return
                if number not in seen:
                    seen.add(number)
                    yield similarity, number
            if len(found) < bite and (among is not None or len(found) == len(self._codes)):
                return

    def _of_all(self, distinct: bool) -> tuple[int, ...]:
        """How many neighbours are looked at first, and then: lessons are few, an agent's past needs more."""
        if self._embedder.dimension < BITS:
            return (min(OF_AGENT[-1], max(128, int(BLUR * len(self._codes) ** 0.5))),)
        return (64, 128) if distinct and len(self._codes) <= CROWD else (128,)

    def _near(self, vector: bytes, want: int, among: list[int] | None, distinct: bool) -> list[tuple[float, int]]:
        """The exact search after the coarse one; that over all tasks is the same for every agent of an auction."""
        if among is not None:
            return vectors.cosines(self._db, vector, self._codes.nearest(vector, want, among, distinct))
        asked = (vector, distinct, self._codes.state)
        if self._last[0] != asked:
            self._last = asked, {}
        found = self._last[1]
        if want not in found:
            found[want] = vectors.cosines(self._db, vector, self._codes.nearest(vector, want, None, distinct))
        return found[want]

    def _newest(self, kind: bytes, task: Task, agent: str, similarity: float) -> list[Lesson]:
        """The newest lesson that `agent` has from auctions of this kind of task, if any."""
        for number, past, text in rows.select(
            self._db,
            "SELECT number, id, text FROM auctions a WHERE likeness = ? AND id != ?"
            " AND EXISTS (SELECT 1 FROM bids b WHERE b.agent = ? AND b.auction = a.number)"
            " ORDER BY number DESC LIMIT ?",
            kind,
            task.id,
            agent,
            REPEATS,
        ):
            outcomes = rows.standing(self._db, number)
            if pair := contrast(agent, rows.plans(self._db, number), outcomes):
                good, bad = pair
                status = outcomes[good.agent].status if good.agent in outcomes else None
                return [Lesson(past, text, good.text, bad.text, good.agent, bad.agent, similarity, status)]
        return []

    def _vector(self, task: Task) -> bytes:
        """The task's text as a float32 unit vector; MemoryFault for one that cannot be compared."""
        if task.text not in self._vectors:
            if len(self._vectors) >= KEPT_VECTORS:
                self._vectors.pop(next(iter(self._vectors)))
            self._vectors[task.text] = self._embed(task)
        return self._vectors[task.text]

    def _embed(self, task: Task) -> bytes:
        if not task.text.strip():
            raise MemoryFault(f"task {task.id!r} is empty: nothing to remember it by; say what is to be done")
        return unit(self._embedder.embed([task.text]), self._embedder)

    def _claim(self) -> None:
        """Make sure that the stored vectors are this embedder's; a memory without any becomes so."""
        if not vectors.laid_out(self._db):
            with writing(self._db):
                vectors.lay_out(self._db)
        try:
            self._check_embedder()
        except MemoryFault:
            with writing(self._db):
                if not rows.select(self._db, "SELECT 1 FROM auctions LIMIT 1"):
                    mine = self._embedder
                    vectors.begin(self._db, mine.name, mine.identity, mine.dimension)
            self._check_embedder()
        auctions, kept = vectors.counts(self._db)
        if auctions != kept:
            raise MemoryFault(f"{self.path}: damaged, {auctions} auctions but {kept} vectors; {ASIDE}")

    def _check_embedder(self) -> None:
        """Refuse vectors of two kinds in one memory; another process may have changed them since `open`."""
        try:
            vectors.check(self._db, self._embedder)
        except MemoryFault as fault:
            raise MemoryFault(f"{self.path}: {fault}") from fault
