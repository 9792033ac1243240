"""Versions of fitted weights, and which one each pool uses.

A version is one file, `fit-N.json`, with its data, date and scores. It is written beside its place, moved there, and
never changed. `in-force.json` says which number each pool uses (0: the pool's own weights). A reader sees either the
old state or the new one. Only numbers about the data are kept, and no task's text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_sale import legacy_names
from edge_sale.errors import ConfigError, EdgeSaleError
from edge_sale.scoring.weights import Weights, from_table, to_table

IN_FORCE = "in-force.json"
WAY_OUT = "to do without fitted weights: edge-sale fit --rollback 0"


@dataclass(frozen=True, slots=True)
class Version:
    """Fitted weights and what they were fitted to. `scores` has one row for each way of fitting that was compared."""

    number: int
    pool: str
    method: str
    at: str  # ISO 8601, UTC
    data: Mapping[str, Any]
    scores: list[dict[str, Any]]
    weights: Weights


def every(folder: Path) -> list[Version]:
    """All versions, the oldest first. Raises ConfigError for a damaged one."""
    return [_read(file) for _, file in sorted(_files(folder))]


def numbers(folder: Path) -> list[int]:
    """The numbers of all versions, from their file names alone."""
    return sorted(number for number, _ in _files(folder))


def in_force(folder: Path, pool: str) -> Version | None:
    """The version that this pool uses; None: its own weights. Raises ConfigError for a damaged file."""
    number = _numbers(folder).get(pool, 0)
    return None if number == 0 else get(folder, number)


def get(folder: Path, number: int) -> Version:
    """Version `number`. Raises EdgeSaleError where there is no such version."""
    known = dict(_files(folder))
    if number not in known:
        there = ", ".join(map(str, sorted(known))) or "none"
        raise EdgeSaleError(f"no version {number} of fitted weights; there are: 0 (as shipped), {there}")
    return _read(known[number])


def keep(
    folder: Path, pool: str, method: str, data: Mapping[str, Any], scores: list[dict[str, Any]], weights: Weights
) -> Version:
    """Write the next version, then put it in force for the pool: so a version in force always has its file."""
    with _locked(folder):
        number = max((n for n, _ in _files(folder)), default=0) + 1
        named = replace(weights, name=f"fit-{number}", version=number)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        version = Version(number, pool, method, at, data, scores, named)
        table = {**asdict(version), "weights": to_table(named)}
        _write(folder / f"fit-{number}.json", table)
        _write(folder / IN_FORCE, {**_numbers(folder), pool: number})
    return version


def roll_back(folder: Path, pool: str, number: int) -> None:
    """Put version `number` in force again, or with 0 the pool's own weights. Raises EdgeSaleError."""
    if number and (found := get(folder, number)).pool != pool:
        raise EdgeSaleError(f"version {number} is of pool {found.pool!r}, not of {pool!r}; see: edge-sale fit --list")
    with _locked(folder):
        known = {} if number == 0 and _broken(folder) else _numbers(folder)
        _write(folder / IN_FORCE, {**known, pool: number})


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    for file in folder.glob("fit-*.json"):
        if (number := file.stem.removeprefix("fit-")).isdecimal():
            yield int(number), file


def _read(file: Path) -> Version:
    data = _json(file)
    try:
        found = {name: data[name] for name in ("number", "pool", "method", "at", "data", "scores")}
        found["pool"] = legacy_names.POOLS.get(found["pool"], found["pool"])
        return Version(**found, weights=from_table(data["weights"], str(file)))
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{file}: not a complete version of weights ({error}); {WAY_OUT}") from error


def _numbers(folder: Path) -> dict[str, int]:
    file = folder / IN_FORCE
    if not file.exists():
        return {}
    found = _json(file)
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in found.values()):
        raise ConfigError(f"{file}: does not say which weights are in force; {WAY_OUT}")
    return legacy_names.renamed(found, legacy_names.POOLS)


def _broken(folder: Path) -> bool:
    try:
        _numbers(folder)
    except ConfigError:
        return True
    return False


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}); {WAY_OUT}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: should be a JSON object; {WAY_OUT}")
    return found


def _write(file: Path, table: Mapping[str, Any]) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            json.dump(table, stream, indent=1, ensure_ascii=False, allow_nan=False)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process at a time writes."""
    from filelock import FileLock

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(f"{folder / IN_FORCE}.lock", mode=0o600):
        yield
