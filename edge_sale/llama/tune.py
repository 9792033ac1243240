"""Measures which settings of llama.cpp run a model fastest on this machine.

One setting is varied at a time, and the best choice is kept for the next one. A setting leaves its default only
if another value is faster by more than the noise of the measurement.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Protocol

from edge_sale.hardware.processors import cores
from edge_sale.llama.tuning import Flash, Tuning

READ, WRITE = 384, 16  # tokens per measurement: a bid's prompt, and enough decodes for a median
GAIN = 1.04  # the noise of a shared machine: a choice must be 4 % faster to replace the default


class Timed(Protocol):
    """What is measured: an engine whose weights are loaded."""

    def timed(self, tuning: Tuning, read: int, write: int) -> tuple[float, float]:
        """Seconds to read and to write so many tokens with this tuning."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One measured tuning: tokens per second read and written."""

    what: str
    tuning: Tuning
    read: float
    write: float


def measure(
    engine: Timed, default: Tuning, tell: Callable[[Trial], None], repeats: int = 3
) -> tuple[Tuning, list[Trial]]:
    """The best tuning found, and every trial in order. `tell` is called after each trial."""
    trials: list[Trial] = []

    def speed(what: str, tuning: Tuning) -> Trial:
        runs = [engine.timed(tuning, READ, WRITE) for _ in range(repeats)]
        read, write = READ / median(r for r, _ in runs), WRITE / median(w for _, w in runs)
        trials.append(Trial(what, tuning, read, write))
        tell(trials[-1])
        return trials[-1]

    def best(current: Trial, others: Iterator[tuple[str, Tuning]], rate: Callable[[Trial], float]) -> Trial:
        for what, tuning in others:
            trial = speed(what, tuning)
            if rate(trial) > GAIN * rate(current):
                current = trial
        return current

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
    modes: tuple[Flash, ...] = ("on", "off")
    now = best(now, ((f"flash attention {mode}", replace(now.tuning, flash=mode)) for mode in modes), overall)
    return now.tuning, trials


def overall(trial: Trial) -> float:
    """Bids per second, for a bid that reads a prompt of 300 tokens and writes a plan of 60."""
    return 1 / (300 / trial.read + 60 / trial.write)
