"""Read the recorded auctions, without a model and without changing anything."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_sale.errors import EdgeSaleError, UnknownName
from edge_sale.memory import rows
from edge_sale.sqlite.query import Inconsistent, one, select
from edge_sale.types import Award, Entry, Outcome, Scored, Status

if TYPE_CHECKING:
    import apsw


@dataclass(frozen=True, slots=True)
class AuctionRow:
    """One line of the history. `status` is None if the auction was held and nothing was executed."""

    id: str
    at: datetime
    task: str
    pool: str
    winner: str
    price: float  # the winner's, US dollars per million tokens
    bids: int
    status: Status | None
    verified: bool | None
    tokens: int  # of auction and work, in and out
    seconds: float
    dollars: float

    def to_json(self) -> dict[str, Any]:
        """Return the line as plain JSON values."""
        return {**dataclasses.asdict(self), "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Auction:
    """A whole recorded auction: enough to explain bid by bid why its winner won."""

    id: str
    at: datetime
    award: Award
    outcomes: tuple[Outcome, ...]  # every try at the work, in order
    entries: tuple[Entry, ...]
    run: Mapping[str, Any]  # pool, seed, prompts, weights, models, …

    @property
    def outcome(self) -> Outcome | None:
        """The last outcome, which counts. None if the auction was held and nothing was executed."""
        return self.outcomes[-1] if self.outcomes else None

    def to_json(self) -> dict[str, Any]:
        """Return the auction as plain JSON values, the bids with the lowest asking first."""
        award = self.award
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "task": dataclasses.asdict(award.task),
            "winner": award.winner.bid.agent,
            "provisional": award.provisional.bid.agent,
            "bids": [self._bid(scored) for scored in award.ranked],
            "sat_out": dict(award.sat_out),
            "lessons": {
                agent: [dataclasses.asdict(lesson) for lesson in lessons] for agent, lessons in award.lessons.items()
            },
            "outcome": None if self.outcome is None else dataclasses.asdict(self.outcome),
            "earlier": [dataclasses.asdict(outcome) for outcome in self.outcomes[:-1]],
            "entries": [{**dataclasses.asdict(e), "dollars": e.dollars} for e in self.entries],
            "run": dict(self.run),
        }

    def _bid(self, scored: Scored) -> dict[str, Any]:
        bid, plan = scored.bid, scored.bid.strategy
        return {
            "agent": bid.agent,
            "phase": bid.phase,
            "price": bid.price,
            "plan": plan.text,
            "tokens": plan.tokens,
            "entropy": plan.entropy,
            "signals": dict(plan.signals),
            "scores": dict(bid.scores),
            "cost": scored.cost,
            "value": scored.value,
            "asking": scored.asking,
            "led": scored == self.award.provisional,
            "won": scored == self.award.winner,
        }


@dataclass(frozen=True, slots=True)
class History:
    """The recorded auctions of one memory file. The file is opened for each call and closed after it."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> History:
        """Return the history in the file `path`. A missing file has no auctions, and is not created."""
        return cls(path.absolute())

    def list(self, limit: int = 20, offset: int = 0) -> list[AuctionRow]:
        """Return auctions, the newest first. Raises MemoryFault for a file that is damaged, foreign or newer."""
        with self.view() as db:
            found = [] if db is None else select(db, _LIST, max(limit, 0), max(offset, 0))
            return [
                AuctionRow(
                    id_,
                    _time(at),
                    text,
                    _pool(run),
                    winner,
                    price,
                    bids,
                    status,
                    None if verified is None else bool(verified),
                    *spent,
                )
                for id_, at, text, run, winner, price, bids, status, verified, *spent in found
            ]

    def get(self, name: str) -> Auction:
        """Return the auction with this id, or the only one whose id begins with `name`; "last" is the newest.

        Raises UnknownName if there is none, EdgeSaleError if there are several.
        """
        with self.view() as db:
            if db is None:
                raise UnknownName("auction", name, (), "edge-sale run")
            return _auction(db, find(db, name))

    def auctions(self, since: datetime | None = None, newest: int = -1) -> Iterator[Auction]:
        """Yield every recorded auction, the oldest first, all from one state of the file.

        `since` leaves out older ones; `newest` is the number of auctions at most (-1: all).
        """
        with self.view() as db:
            after = since.timestamp() if since else 0.0
            numbers = [] if db is None else select(db, _NUMBERS, after, newest)
            for (number,) in numbers:
                yield _auction(db, number)  # type: ignore[arg-type]  # without a file there are no numbers

    @contextmanager
    def view(self) -> Iterator[apsw.Connection | None]:
        """Open the file read-only; None if there is no file. Raises MemoryFault."""
        from edge_sale.memory.database import opened
        from edge_sale.sqlite.transactions import reading

        if not self.path.exists():
            yield None
            return
        with opened(self.path) as db:
            db.pragma("query_only", True)
            with reading(db):
                yield db


_LIST = """
SELECT a.id, a.at, a.text, a.run, w.agent, w.price,
       (SELECT count(*) FROM bids b WHERE b.auction = a.number),
       o.status, o.verified,
       coalesce(sum(e.tokens_in + e.tokens_out), 0), coalesce(sum(e.seconds), 0.0),
       coalesce(sum((e.tokens_in + e.tokens_out) * e.price), 0.0) / 1e6
FROM (SELECT * FROM auctions ORDER BY number DESC LIMIT ? OFFSET ?) a
JOIN bids w ON w.auction = a.number AND w.won
LEFT JOIN outcomes o ON o.number = (SELECT max(number) FROM outcomes WHERE auction = a.number)
LEFT JOIN entries e ON e.auction = a.number
GROUP BY a.number ORDER BY a.number DESC
"""


_NUMBERS = """
SELECT number FROM (SELECT number FROM auctions WHERE at > ? ORDER BY number DESC LIMIT ?) ORDER BY number
"""


def _auction(db: apsw.Connection, number: int) -> Auction:
    id_, at, run = one(db, "SELECT id, at, run FROM auctions WHERE number = ?", number)
    return Auction(
        id_, _time(at), rows.award(db, number), rows.outcomes(db, number), rows.entries(db, number), json.loads(run)
    )


def find(db: apsw.Connection, name: str) -> int:
    """Return the number of the auction that `name` means: an id, its beginning, or "last"."""
    newest = select(db, "SELECT number, id FROM auctions ORDER BY number DESC LIMIT 10")
    if name == "last" and newest:
        return int(newest[0][0])
    found = select(db, "SELECT number, id FROM auctions WHERE id = ?", name) or select(
        db,
        "SELECT number, id FROM auctions WHERE substr(id, 1, length(?1)) = ?1 AND ?1 != ''"
        " ORDER BY number DESC LIMIT 6",
        name,
    )
    if not found:
        raise UnknownName("auction", name, [id_ for _, id_ in newest], "edge-sale history")
    if len(found) > 1:
        ids = ", ".join([id_ for _, id_ in found[:5]] + ["…"] * (len(found) > 5))
        raise EdgeSaleError(f"auction {name!r} could be any of {ids}; give more of its id")
    return int(found[0][0])


def _time(at: float) -> datetime:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Inconsistent(f"a time of {at} s") from error


def _pool(run: str) -> str:
    return str(json.loads(run).get("pool", ""))
