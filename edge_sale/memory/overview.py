"""The memory as a file: count what is in it, measure it, compact it, or move it aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_sale.errors import EdgeSaleError
from edge_sale.memory import migrations, retention
from edge_sale.memory.database import load_vectors, opened
from edge_sale.memory.erase import scrub
from edge_sale.memory.history import History
from edge_sale.sqlite.query import one, select

PARTS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts and sizes. Sizes are in bytes; `live` does not count the file's unused pages."""

    file: str
    auctions: int = 0
    executed: int = 0
    right: int = 0  # by the user's verdict, else by the check
    wrong: int = 0
    unknown: int = 0  # executed, without a verdict or check
    verdicts: int = 0  # the user's own
    oldest: str | None = None
    newest: str | None = None
    wins: Mapping[str, int] = field(default_factory=dict)  # agent -> auctions won
    embedder: str | None = None
    dimension: int | None = None
    size: int = 0
    live: int = 0
    write_ahead_log: int = 0
    version: int = migrations.LATEST

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Compacted:
    """Bytes of all the memory's files before and after, and how many auctions were forgotten."""

    before: int
    after: int
    forgotten: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def overview(path: Path) -> Overview:
    """Describe the memory at `path`. A missing file gives an empty overview. Raises MemoryFault."""
    with History.open(path).view() as db:
        if db is None:
            return Overview(str(path))
        auctions, oldest, newest = one(db, "SELECT count(*), min(at), max(at) FROM auctions")
        executed, right, wrong, verdicts = one(db, _OUTCOMES)
        wins = select(db, "SELECT agent, count(*) FROM bids WHERE won GROUP BY agent ORDER BY 2 DESC, 1")
        ((embedder, dimension),) = select(db, "SELECT name, dimension FROM embedder") or [(None, None)]
        return Overview(
            str(path),
            auctions,
            executed,
            right,
            wrong,
            executed - right - wrong,
            verdicts,
            _day(oldest),
            _day(newest),
            {str(agent): int(count) for agent, count in wins},
            embedder,
            dimension,
            size=path.stat().st_size,
            live=retention.live_bytes(db),
            write_ahead_log=_size(path, "-wal"),
            version=migrations.version(db),
        )


# the same as Outcome.right, for the last outcome of each auction
_OUTCOMES = """
SELECT count(*), coalesce(sum(judged = 1), 0), coalesce(sum(judged = 0), 0), coalesce(sum(verdict IS NOT NULL), 0)
FROM (SELECT verdict, CASE WHEN verdict IS NOT NULL THEN verdict
                           WHEN verified = 0 OR status = 'failed' THEN 0
                           WHEN verified = 1 OR status = 'passed' THEN 1 END AS judged
      FROM outcomes WHERE number IN (SELECT max(number) FROM outcomes GROUP BY auction))
"""


def compact(path: Path, bounds: retention.Bounds) -> Compacted:
    """Forget what is beyond the bounds, then rewrite the file without unused pages. Raises MemoryFault."""
    if not path.exists():
        return Compacted(0, 0, 0)
    before = sum(_size(path, part) for part in PARTS)
    with opened(path) as db:
        load_vectors(db)
        gone = retention.enforce(db, bounds)
        scrub(db, path)
        return Compacted(before, sum(_size(path, part) for part in PARTS), gone)


def put_aside(path: Path) -> list[Path]:
    """Rename the memory and its write-ahead log, in any state, and return the new names. Raises EdgeSaleError."""
    stamp = f"{datetime.now():%Y%m%dT%H%M%S}"
    existing = [part for part in PARTS if path.with_name(path.name + part).exists()]
    if not existing:
        raise EdgeSaleError(f"{path}: there is no memory to put aside")
    moved = []
    for part in existing:
        new = path.with_name(f"{path.name}.aside-{stamp}{part}")
        if new.exists():
            raise EdgeSaleError(f"{new}: is there already; try again in a second")
        path.with_name(path.name + part).rename(new)
        moved.append(new)
    return moved


def _size(path: Path, part: str) -> int:
    file = path.with_name(path.name + part)
    return file.stat().st_size if file.exists() else 0


def _day(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
