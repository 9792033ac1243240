"""Bound the size and age of the memory: the oldest auctions beyond a bound are forgotten."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_sale.memory.erase import DAY, remove
from edge_sale.sqlite.query import select
from edge_sale.sqlite.transactions import writing

if TYPE_CHECKING:
    import apsw

CHECK_EVERY = 64  # records between two checks
BATCH = 200  # auctions forgotten in one transaction, so that other processes can write in between
SHRINK_TO = 0.9  # of the bound, so that not every check has to forget something


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept at most. Zero means no bound."""

    mb: int = 1024  # of used pages, not of the file: 100,000 auctions of three bids are about 500 MB
    days: float = 0


def live_bytes(db: apsw.Connection) -> int:
    """Return the bytes of the file's used pages."""
    return int(db.pragma("page_size")) * (int(db.pragma("page_count")) - int(db.pragma("freelist_count")))


def enforce(db: apsw.Connection, bounds: Bounds) -> int:
    """Forget the oldest auctions until the bounds hold and return how many. The newest auction always stays."""
    gone = 0
    if bounds.days:
        before = time.time() - bounds.days * DAY
        while found := _oldest(db, before):
            gone += _forget(db, found)
    if bounds.mb and live_bytes(db) > bounds.mb * 1_000_000:
        while live_bytes(db) > SHRINK_TO * bounds.mb * 1_000_000 and (found := _oldest(db)):
            gone += _forget(db, found)
    return gone


def _oldest(db: apsw.Connection, before: float | None = None) -> list[int]:
    found = select(
        db,
        "SELECT number FROM auctions WHERE (?1 IS NULL OR at < ?1)"
        " AND number < (SELECT max(number) FROM auctions) ORDER BY number LIMIT ?2",
        before,
        BATCH,
    )
    return [number for (number,) in found]


def _forget(db: apsw.Connection, numbers: list[int]) -> int:
    with writing(db):
        remove(db, numbers)
    return len(numbers)
