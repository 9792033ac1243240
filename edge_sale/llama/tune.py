"""Measures how llama.cpp runs a model best on this machine, and remembers it.

What is stored holds for one model file on one kind of machine under one version of llama.cpp; with any
other it is as if nothing were stored. A choice other than the default has to be faster by more than noise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from edge_sale.errors import ConfigError
from edge_sale.hardware.processors import Flash, Tuning, cores, processor

READ, WRITE = 384, 16  # tokens a measurement: a bid's prompt, and enough decodes for a median
GAIN = 1.04  # machines are noisy: what is not 4 % faster is not worth leaving the default for
AHEAD = 24  # tokens of a guess


class Timed(Protocol):
    """What is measured: an engine whose weights are loaded."""

    def timed(self, tuning: Tuning, read: int, write: int, ahead: int = 1) -> tuple[float, float]: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One way of running: tokens a second read and written (`ahead` of them at a time)."""

    what: str
    tuning: Tuning
    read: float
    write: float


def measure(
    engine: Timed, default: Tuning, tell: Callable[[Trial], None], repeats: int = 3
) -> tuple[Tuning, list[Trial]]:
    """The best way found, one setting after another, and every trial on the way."""
    trials: list[Trial] = []

    def speed(what: str, tuning: Tuning, ahead: int = 1) -> Trial:
        runs = [engine.timed(tuning, READ, max(2, WRITE // ahead), ahead) for _ in range(repeats)]
        read = READ / median(r for r, _ in runs)
        write = max(2, WRITE // ahead) * ahead / median(w for _, w in runs)
        trials.append(Trial(what, tuning, read, write))
        tell(trials[-1])
        return trials[-1]

    def best(standing: Trial, others: Iterator[tuple[str, Tuning]], rate: Callable[[Trial], float]) -> Trial:
        for what, tuning in others:
            trial = speed(what, tuning)
            if rate(trial) > GAIN * rate(standing):
                standing = trial
        return standing

    now = speed("default", default)
    counts = [n for n in sorted({1, cores() - 1, cores(), os.cpu_count() or 1}) if n > 0]
    now = best(
        now,
        (
            (f"{n} threads to write", replace(now.tuning, threads=n, batch_threads=default.threads))
            for n in counts
            if n != default.threads
        ),
        lambda trial: trial.write,
    )
    now = best(
        now,
        ((f"{n} threads to read", replace(now.tuning, batch_threads=n)) for n in counts if n != default.threads),
        lambda trial: trial.read,
    )
    now = best(
        now,
        ((f"micro-batches of {n}", replace(now.tuning, micro_batch=n)) for n in (64, 128, 256)),
        lambda trial: trial.read,
    )
    work_strategies: tuple[Flash, ...] = ("on", "off")
    now = best(now, ((f"flash attention {way}", replace(now.tuning, flash=way)) for way in work_strategies), overall)
    guessed = speed(f"{AHEAD} tokens guessed at once", now.tuning, AHEAD)
    # half of the guesses hold in an edit; a guess must then still be worth its batch
    return replace(now.tuning, lookup=guessed.write > 2 * now.write), trials


def overall(trial: Trial) -> float:
    """Tokens a second over a bid: as many read as a prompt has, a plan's number written."""
    return 1 / (300 / trial.read + 60 / trial.write)


# --- what is remembered ----------------------------------------------------------------------


def stored(file: Path, identity: str) -> Tuning | None:
    """What was measured for the model file of that sha256 on this machine; None where nothing was."""
    entry = _all(file).get(identity)
    if not entry or entry["where"] != _where():
        return None
    try:
        return Tuning(**entry["tuning"])
    except TypeError:
        return None


def store(file: Path, identity: str, tuning: Tuning, trials: Sequence[Trial]) -> None:
    """Remembers it, beside what is known of other models."""
    entry = {"where": _where(), "tuning": asdict(tuning), "trials": [asdict(trial) for trial in trials]}
    _write(file, {**_all(file), identity: entry})


def forget(file: Path, identity: str) -> bool:
    """Back to the defaults; whether there was anything to forget."""
    entries = _all(file)
    known = entries.pop(identity, None) is not None
    if known:
        _write(file, entries)
    return known


def _where() -> dict[str, Any]:
    return {"processor": processor(), "cores": cores(), "llama_cpp": version("llama-cpp-python")}


def _all(file: Path) -> dict[str, Any]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        if not all(isinstance(entry["tuning"], dict) and "where" in entry for entry in entries.values()):
            raise TypeError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{file}: cannot be read as measurements; delete it and run: edge-sale tune") from error
    return dict(entries)


def _write(file: Path, entries: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    beside.replace(file)
