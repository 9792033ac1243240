"""Auctions out to a file of JSON lines and back: the user's own copy, or the way to another machine.

The first line says what the file is and whose its vectors are, the last how many auctions came between and the
sha256 of all lines before it. An import takes all of a file or nothing: whatever is wrong is named with its line.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edge_sale import __version__
from edge_sale.errors import EdgeSaleError
from edge_sale.memory import rows, vectors
from edge_sale.memory.database import load_vectors, opened
from edge_sale.memory.recall import likeness
from edge_sale.sqlite.transactions import reading, writing

if TYPE_CHECKING:
    import apsw

KIND, VERSION = "edge-sale memory", 1
LONGEST_LINE = 64 * 2**20

NUMBER = (int, float)
NONE = type(None)
# table -> column -> what JSON may hold there; dict and list are kept as JSON text
COLUMNS: dict[str, dict[str, Any]] = {
    "auctions": {
        "id": str,
        "at": NUMBER,
        "text": str,
        "domain": str,
        "files": list,
        "check": (str, NONE),
        "sat_out": dict,
        "run": dict,
    },
    "bids": {
        "agent": str,
        "phase": str,
        "price": NUMBER,
        "plan": str,
        "tokens": int,
        "entropy": NUMBER,
        "signals": dict,
        "scores": dict,
        "cost": NUMBER,
        "value": NUMBER,
        "unheard": NUMBER,
        "led": bool,
        "won": bool,
    },
    "outcomes": {
        "at": NUMBER,
        "source": str,
        "agent": str,
        "status": str,
        "answer": str,
        "verified": (bool, NONE),
        "verdict": (bool, NONE),
        "notes": list,
        "steps": int,
    },
    "entries": {
        "who": str,
        "purpose": str,
        "tokens_in": int,
        "tokens_out": int,
        "seconds": NUMBER,
        "price": NUMBER,
        "reused": int,
    },
    "lessons": {"agent": str, "past": str, "won": int, "lost": int, "similarity": NUMBER, "outcome": (str, NONE)},
}
WORDS = {"phase": {"opening", "refined"}, "status": {"done", "passed", "failed", "cancelled"}}

Embed = Callable[[Sequence[str]], "np.ndarray[Any, Any]"]


class ImportRefused(Exception):
    """What is wrong with a line."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many auctions were added, and how many had been there already, which stay as they were."""

    added: int
    known: int


# --- out ---------------------------------------------------------------------


def export(path: Path, file: IO[str], tell: Callable[[int, int], None] = lambda done, of: None) -> int:
    """Write every auction of the memory at `path` to `file`; returns how many. Raises MemoryFault."""
    digest = hashlib.sha256()

    def put(value: Mapping[str, Any]) -> None:
        line = json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
        digest.update(line.encode("utf-8"))
        file.write(line)

    if not path.exists():
        put({KIND: VERSION, "edge_sale": __version__, "embedder": None})
        put({"end": 0, "sha256": digest.hexdigest()})
        return 0
    with opened(path) as db:
        load_vectors(db)
        with reading(db):
            put({KIND: VERSION, "edge_sale": __version__, "embedder": _embedder(db)})
            numbers = rows.select(db, "SELECT number FROM auctions ORDER BY number")
            for done, (number,) in enumerate(numbers):
                put(_auction(db, number))
                tell(done + 1, len(numbers))
            put({"end": len(numbers), "sha256": digest.hexdigest()})
            return len(numbers)


def _embedder(db: apsw.Connection) -> dict[str, Any] | None:
    found = rows.select(db, "SELECT name, sha256, dimension FROM embedder")
    return dict(zip(("name", "sha256", "dimension"), found[0], strict=True)) if found else None


def _auction(db: apsw.Connection, number: int) -> dict[str, Any]:
    (vector,) = rows.one(db, "SELECT embedding FROM vectors WHERE rowid = ?", number)
    (auction,) = _read(db, "auctions", "number = ?", number)
    return {
        **auction,
        "bids": _read(db, "bids", "auction = ? ORDER BY rank", number),
        "outcomes": _read(db, "outcomes", "auction = ? ORDER BY number", number),
        "entries": _read(db, "entries", "auction = ? ORDER BY line", number),
        "lessons": _read(db, "lessons", "auction = ? ORDER BY agent, place", number),
        "vector": base64.b64encode(vector).decode(),
    }


def _read(db: apsw.Connection, table: str, where: str, number: int) -> list[dict[str, Any]]:
    columns = COLUMNS[table]
    names = ", ".join(
        "(SELECT id FROM auctions a WHERE a.number = past)" if name == "past" else f'"{name}"' for name in columns
    )
    found = rows.select(db, f"SELECT {names} FROM {table} WHERE {where}", number)  # noqa: S608 - our own names
    return [
        {name: _value(kind, value) for (name, kind), value in zip(columns.items(), row, strict=True)} for row in found
    ]


def _value(kind: Any, value: Any) -> Any:
    if kind in (list, dict):
        return json.loads(value)
    return bool(value) if value is not None and (kind is bool or kind == (bool, NONE)) else value


# --- in ----------------------------------------------------------------------


def import_(
    path: Path,
    lines: Iterable[bytes],
    name: str,
    embed: Callable[[], tuple[dict[str, Any], Embed]],
    tell: Callable[[int], None] = lambda done: None,
) -> Imported:
    """Add the auctions in `lines`, an export called `name`, to the memory at `path`: all or none.

    Vectors are taken over where the memory has the same embedder, or none yet; otherwise `embed` gives the memory's
    embedder (name, sha256, dimension) and what makes vectors of texts. Raises EdgeSaleError naming the line.
    """
    number, known, added = 1, 0, 0
    with opened(path) as db:
        load_vectors(db)
        try:
            with writing(db):
                vectors.lay_out(db)
                told = _lines(lines)
                ours = _agreed(db, next(told), embed)
                for number, value in enumerate(told, start=2):
                    if rows.select(db, "SELECT 1 FROM auctions WHERE id = ?", value["id"]):
                        known += 1
                    else:
                        _add(db, value, ours)
                        added += 1
                    tell(number - 1)
        except ImportRefused as why:
            line = why.args[1] if len(why.args) > 1 else number
            raise EdgeSaleError(f"{name}, line {line}: {why.args[0]}; nothing was imported") from None
    return Imported(added, known)


def _lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The first line, then each auction's; complains at the end of one that is cut off or was changed."""
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
class _Vectors:
    """How vectors come to be: the file's own, or made of the texts."""

    dimension: int
    embed: Embed | None


def _agreed(db: apsw.Connection, head: dict[str, Any], embed: Callable[[], tuple[dict[str, Any], Embed]]) -> _Vectors:
    theirs = head.get("embedder")
    if theirs is None:
        return _Vectors(0, None)  # no auctions follow
    if not isinstance(theirs, dict) or not _is(theirs.get("name"), str) or not _is(theirs.get("sha256"), str):
        raise ImportRefused("does not say which embedder its vectors are of", 1)
    dimension = theirs.get("dimension")
    if not isinstance(dimension, int) or isinstance(dimension, bool) or not 0 < dimension <= 8192:
        raise ImportRefused(f"vectors of {dimension!r} dimensions", 1)
    ours, empty = _embedder(db), not rows.select(db, "SELECT 1 FROM auctions LIMIT 1")
    if ours and (ours["sha256"], ours["dimension"]) == (theirs["sha256"], dimension):
        return _Vectors(dimension, None)
    if ours is None and empty:
        vectors.begin(db, theirs["name"], theirs["sha256"], dimension)
        return _Vectors(dimension, None)
    own, make = embed()
    if ours is None or (empty and ours != own):
        vectors.begin(db, own["name"], own["sha256"], own["dimension"])
    elif (ours["sha256"], ours["dimension"]) != (own["sha256"], own["dimension"]):
        raise ImportRefused(
            "vectors of another embedder, and this memory's is not the configured one; first: edge-sale memory reembed",
            1,
        )
    return _Vectors(own["dimension"], make)


def _add(db: apsw.Connection, value: dict[str, Any], ours: _Vectors) -> None:
    auction = _checked("auctions", value)
    parts = {table: _list(table, value.get(table)) for table in COLUMNS if table != "auctions"}
    if sum(bid["won"] for bid in parts["bids"]) != 1 or sum(bid["led"] for bid in parts["bids"]) != 1:
        raise ImportRefused("an auction has one winner and one bid that led")
    number = _insert(db, "auctions", {**auction, "likeness": likeness(value["text"])})
    for place, bid in enumerate(parts["bids"]):
        _insert(db, "bids", {"auction": number, "rank": place, **bid})
    for outcome in parts["outcomes"]:
        _insert(db, "outcomes", {"auction": number, **outcome})
    for place, entry in enumerate(parts["entries"]):
        _insert(db, "entries", {"auction": number, "line": place, **entry})
    for place, lesson in enumerate(parts["lessons"]):
        found = rows.select(
            db,
            "SELECT b.auction FROM auctions a JOIN bids b ON b.auction = a.number"
            " WHERE a.id = ? AND b.rank IN (?, ?) GROUP BY 1 HAVING count(*) = 2",
            lesson["past"],
            lesson["won"],
            lesson["lost"],
        )
        for (past,) in found:  # of an auction that is not here, nothing is kept
            _insert(db, "lessons", {"auction": number, "place": place, **lesson, "past": past})
    vectors.add(db, number, _vector(value, ours))


def _vector(value: dict[str, Any], ours: _Vectors) -> bytes:
    if ours.embed is not None:
        made = np.asarray(ours.embed([value["text"]]), np.float32)[0]
    else:
        try:
            made = np.frombuffer(base64.b64decode(str(value.get("vector")), validate=True), np.float32)
        except ValueError:
            raise ImportRefused("its vector is not base64 of 32-bit floats") from None
    if made.shape != (ours.dimension,):
        raise ImportRefused(f"a vector of {made.size} numbers, not {ours.dimension}")
    length = float(np.linalg.norm(made.astype(np.float64)))
    if not math.isfinite(length) or abs(length - 1) > 1e-3:
        raise ImportRefused("its vector is not of length 1")
    return bytes(made.tobytes())


def _list(table: str, values: Any) -> list[dict[str, Any]]:
    if not isinstance(values, list):
        raise ImportRefused(f"has no list of {table}")
    return [_checked(table, value) for value in values]


def _checked(table: str, value: Any) -> dict[str, Any]:
    """The columns of one row, as SQLite keeps them. Raises ImportRefused."""
    found: dict[str, Any] = {}
    for name, kind in COLUMNS[table].items():
        if not isinstance(value, dict) or name not in value:
            raise ImportRefused(f"{table}: {name} is missing")
        given = value[name]
        if not _is(given, kind):
            raise ImportRefused(f"{table}: {name} cannot be {str(given)[:40]!r}")
        if name in WORDS and given not in WORDS[name]:
            raise ImportRefused(f"{table}: {name} cannot be {given[:40]!r}")
        if name in ("signals", "scores") and not all(_is(number, NUMBER) for number in given.values()):
            raise ImportRefused(f"{table}: {name} are numbers")
        if isinstance(given, str):
            _text(table, name, given)
        found[name] = json.dumps(given, ensure_ascii=False) if isinstance(given, list | dict) else given
        if isinstance(given, list | dict):
            _text(table, name, found[name])
    if table == "auctions" and not (found["id"] and found["text"].strip()):
        raise ImportRefused("an auction has an id and a task")
    return found


def _text(table: str, name: str, given: str) -> None:
    try:
        given.encode("utf-8")
    except UnicodeEncodeError:
        raise ImportRefused(f"{table}: {name} is not Unicode text") from None


def _is(value: Any, kind: Any) -> bool:
    """A bool is no number; numbers are finite and within what SQLite holds."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, kinds)


def _insert(db: apsw.Connection, table: str, row: Mapping[str, Any]) -> int:
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - our own names
    return int(db.last_insert_rowid())
