"""Read an export into the memory: all of the file or nothing. An error names the line it is in."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_sale import legacy_names
from edge_sale.errors import EdgeSaleError
from edge_sale.memory import vectors
from edge_sale.memory.database import load_vectors, opened
from edge_sale.memory.export_format import COLUMNS, KIND, LONGEST_LINE, VERSION, ImportRefused, is_a, row_of, rows_of
from edge_sale.memory.exporting import embedder_of
from edge_sale.memory.recall import text_digest
from edge_sale.sqlite.query import select
from edge_sale.sqlite.transactions import writing

if TYPE_CHECKING:
    import apsw

Embed = Callable[[Sequence[str]], "np.ndarray[Any, Any]"]


@dataclass(frozen=True, slots=True)
class Imported:
    """How many auctions were added, and how many were there already. Those stay as they were."""

    added: int
    known: int


def import_(
    path: Path,
    lines: Iterable[bytes],
    name: str,
    embed: Callable[[], tuple[dict[str, Any], Embed]],
    tell: Callable[[int], None] = lambda done: None,
) -> Imported:
    """Add the auctions in `lines`, an export called `name`, to the memory at `path`: all or none.

    The export's vectors are used if the memory has the same embedder, or none yet. Otherwise new vectors are made:
    `embed` returns the memory's embedder (name, sha256, dimension) and the function that embeds texts. Names of
    earlier versions are replaced, with a warning. Raises EdgeSaleError naming the line, and MemoryFault.
    """
    number, known, added, renamed = 1, 0, 0, False
    with opened(path) as db:
        load_vectors(db)
        try:
            with writing(db):
                vectors.update_layout(db)
                objects = _objects(lines)
                source = _vector_source(db, next(objects), embed)
                for number, value in enumerate(objects, start=2):
                    id_ = value.get("id")
                    if isinstance(id_, str) and select(db, "SELECT 1 FROM auctions WHERE id = ?", id_):
                        known += 1
                    else:
                        renamed |= _add(db, value, source)
                        added += 1
                    tell(number - 1)
        except ImportRefused as why:
            line = why.args[1] if len(why.args) > 1 else number
            raise EdgeSaleError(f"{name}, line {line}: {why.args[0]}; nothing was imported") from None
    if renamed:
        warnings.warn(legacy_names.OldName(f"{name}: {legacy_names.OLD_RECORDS}"), stacklevel=2)
    return Imported(added, known)


def _objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the first line and then each auction. Raises ImportRefused, at the end for a file cut off or changed."""
    digest, number, ended = hashlib.sha256(), 0, False
    for number, line in enumerate(lines, start=1):
        if ended:
            raise ImportRefused("there is more after the last line", number)
        if len(line) > LONGEST_LINE:
            raise ImportRefused(f"is over {LONGEST_LINE // 2**20} MiB", number)
        value = _parsed(line, number)
        if number == 1:
            if KIND not in value:
                raise ImportRefused("not an export of an edge-sale memory", number)
            if type(value[KIND]) is not int or value[KIND] > VERSION:
                raise ImportRefused(f"of a newer edge-sale ({value.get('edge_sale')}); upgrade edge-sale", number)
        elif "end" in value:
            if (value["end"], value.get("sha256")) != (number - 2, digest.hexdigest()):
                raise ImportRefused("the lines before it are not those that were exported", number)
            ended = True
            continue
        digest.update(line)
        yield value
    if not number:
        raise ImportRefused("empty, so not an export of an edge-sale memory", 1)
    if not ended:
        raise ImportRefused("ends too soon: the file is cut off", number + 1)


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        what = "not a line of an export" if number > 1 else "not an export of an edge-sale memory"
        raise ImportRefused(f"{what} ({str(error) or 'nested too deep'})", number) from None
    if not isinstance(value, dict):
        raise ImportRefused("not an export of an edge-sale memory" if number == 1 else "not an auction", number)
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


@dataclass(frozen=True, slots=True)
class _VectorSource:
    """Where an auction's vector comes from: the export if `embed` is None, else the task's text."""

    dimension: int
    embed: Embed | None


def _vector_source(
    db: apsw.Connection, head: dict[str, Any], embed: Callable[[], tuple[dict[str, Any], Embed]]
) -> _VectorSource:
    """Decide whether the export's vectors fit this memory, and set up an empty memory. Raises ImportRefused."""
    theirs = head.get("embedder")
    if theirs is None:
        return _VectorSource(0, None)  # no auctions follow
    if not isinstance(theirs, dict) or not is_a(theirs.get("name"), str) or not is_a(theirs.get("sha256"), str):
        raise ImportRefused("does not say which embedder its vectors are of", 1)
    dimension = theirs.get("dimension")
    if not isinstance(dimension, int) or isinstance(dimension, bool) or not 0 < dimension <= 8192:
        raise ImportRefused(f"vectors of {dimension!r} dimensions", 1)
    ours, empty = embedder_of(db), not select(db, "SELECT 1 FROM auctions LIMIT 1")
    if ours and (ours["sha256"], ours["dimension"]) == (theirs["sha256"], dimension):
        return _VectorSource(dimension, None)
    if ours is None and empty:
        vectors.start_with(db, theirs["name"], theirs["sha256"], dimension)
        return _VectorSource(dimension, None)
    own, make = embed()
    if ours is None or (empty and ours != own):
        vectors.start_with(db, own["name"], own["sha256"], own["dimension"])
    elif (ours["sha256"], ours["dimension"]) != (own["sha256"], own["dimension"]):
        raise ImportRefused(
            "vectors of another embedder, and this memory's is not the configured one; first: edge-sale memory reembed",
            1,
        )
    return _VectorSource(own["dimension"], make)


def _add(db: apsw.Connection, value: dict[str, Any], source: _VectorSource) -> bool:
    """Add one auction and return whether names of an earlier version were replaced. Raises ImportRefused."""
    run = value.get("run")
    value = {**value, "run": legacy_names.run(run)} if isinstance(run, Mapping) else value
    auction = row_of("auctions", value)
    parts = {table: rows_of(table, value.get(table)) for table in COLUMNS if table != "auctions"}
    if sum(bid["won"] for bid in parts["bids"]) != 1 or sum(bid["led"] for bid in parts["bids"]) != 1:
        raise ImportRefused("an auction has one winner and one bid that led")
    number = _insert(db, "auctions", {**auction, "likeness": text_digest(value["text"])})
    for place, bid in enumerate(parts["bids"]):
        _insert(db, "bids", {"auction": number, "rank": place, **bid})
    for outcome in parts["outcomes"]:
        _insert(db, "outcomes", {"auction": number, **outcome})
    for place, entry in enumerate(parts["entries"]):
        _insert(db, "entries", {"auction": number, "line": place, **entry})
    for place, lesson in enumerate(parts["lessons"]):
        found = select(
            db,
            "SELECT b.auction FROM auctions a JOIN bids b ON b.auction = a.number"
            " WHERE a.id = ? AND b.rank IN (?, ?) GROUP BY 1 HAVING count(*) = 2",
            lesson["past"],
            lesson["won"],
            lesson["lost"],
        )
        for (past,) in found:  # a lesson from an auction that is not here is left out
            _insert(db, "lessons", {"auction": number, "place": place, **lesson, "past": past})
    vectors.add(db, number, _vector(value, source))
    return value.get("run") != run


def _vector(value: dict[str, Any], source: _VectorSource) -> bytes:
    if source.embed is not None:
        made = np.asarray(source.embed([value["text"]]), np.float32)[0]
    else:
        try:
            made = np.frombuffer(base64.b64decode(str(value.get("vector")), validate=True), np.float32)
        except ValueError:
            raise ImportRefused("its vector is not base64 of 32-bit floats") from None
    if made.shape != (source.dimension,):
        raise ImportRefused(f"a vector of {made.size} numbers, not {source.dimension}")
    length = float(np.linalg.norm(made.astype(np.float64)))
    if not math.isfinite(length) or abs(length - 1) > 1e-3:
        raise ImportRefused("its vector is not of length 1")
    return bytes(made.tobytes())


def _insert(db: apsw.Connection, table: str, row: Mapping[str, Any]) -> int:
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - constants
    return int(db.last_insert_rowid())
