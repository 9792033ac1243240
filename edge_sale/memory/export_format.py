"""The format of an export: a JSON object on each line.

The first line says that the file is an export and which embedder its vectors come from. Then follows one line for
each auction. The last line has the number of auctions and the sha256 of all lines before it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

KIND, VERSION = "edge-sale memory", 1
LONGEST_LINE = 64 * 2**20

NUMBER = (int, float)
NONE = type(None)
# table -> column -> the type of its JSON value; dict and list are stored as JSON text
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
CHOICES = {"phase": {"opening", "refined"}, "status": {"done", "passed", "failed", "cancelled"}}


class ImportRefused(Exception):
    """What is wrong with a line. A second argument is the line's number, if it is not the current one."""


def rows_of(table: str, values: Any) -> list[dict[str, Any]]:
    """Return a list of rows of `table` as SQLite stores them. Raises ImportRefused."""
    if not isinstance(values, list):
        raise ImportRefused(f"has no list of {table}")
    return [row_of(table, value) for value in values]


def row_of(table: str, value: Any) -> dict[str, Any]:
    """Return the columns of one row of `table` as SQLite stores them. Raises ImportRefused."""
    found: dict[str, Any] = {}
    for name, kind in COLUMNS[table].items():
        if not isinstance(value, Mapping) or name not in value:
            raise ImportRefused(f"{table}: {name} is missing")
        given = value[name]
        if not is_a(given, kind):
            raise ImportRefused(f"{table}: {name} cannot be {str(given)[:40]!r}")
        if name in CHOICES and given not in CHOICES[name]:
            raise ImportRefused(f"{table}: {name} cannot be {given[:40]!r}")
        if name in ("signals", "scores") and not all(is_a(number, NUMBER) for number in given.values()):
            raise ImportRefused(f"{table}: {name} are numbers")
        if isinstance(given, str):
            _check_text(table, name, given)
        found[name] = json.dumps(given, ensure_ascii=False) if isinstance(given, list | dict) else given
        if isinstance(given, list | dict):
            _check_text(table, name, found[name])
    if table == "auctions" and not (found["id"] and found["text"].strip()):
        raise ImportRefused("an auction has an id and a task")
    return found


def is_a(value: Any, kind: Any) -> bool:
    """Return whether a JSON value has a type that SQLite can store. A bool is no number; numbers must be finite."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, kinds)


def _check_text(table: str, name: str, given: str) -> None:
    try:
        given.encode("utf-8")
    except UnicodeEncodeError:
        raise ImportRefused(f"{table}: {name} is not Unicode text") from None
