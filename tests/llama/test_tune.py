"""`tune` finds the fastest settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from edge_sale.llama import tune
from edge_sale.llama.tuning import Tuning


@dataclass
class Machine:
    """Takes as long as its rule says: seconds a token read and written, for a tuning."""

    rule: Callable[[Tuning], tuple[float, float]]

    def timed(self, tuning: Tuning, read: int, write: int) -> tuple[float, float]:
        a, b = self.rule(tuning)
        return read * a, write * b


DEFAULT = Tuning(threads=4)


def found(rule: Callable[[Tuning], tuple[float, float]], monkeypatch: pytest.MonkeyPatch) -> Tuning:
    monkeypatch.setattr(tune, "cores", lambda: 4)
    monkeypatch.setattr(tune.os, "cpu_count", lambda: 8)
    return tune.measure(Machine(rule), DEFAULT, lambda trial: None)[0]


def test_a_machine_that_runs_best_as_it_is_keeps_the_default(monkeypatch: pytest.MonkeyPatch):
    """Where nothing is faster, nothing is changed."""
    assert found(lambda t: (0.001, 0.01), monkeypatch) == DEFAULT


def test_noise_is_no_reason(monkeypatch: pytest.MonkeyPatch):
    """Three per cent faster is not worth leaving the default for."""
    assert found(lambda t: (0.001, 0.0097 if t.threads == 3 else 0.01), monkeypatch).threads == 4


def test_each_setting_is_taken_where_it_is_faster(monkeypatch: pytest.MonkeyPatch):
    """Fewer threads to write, more to read, a smaller micro-batch and no flash attention, each where measured."""

    def rule(t: Tuning) -> tuple[float, float]:
        read = 0.001 * (0.5 if t.batch_threads == 8 else 1) * (0.8 if t.micro_batch == 128 else 1)
        write = 0.01 * (0.6 if t.threads == 3 else 1) * (0.9 if t.flash == "off" else 1)
        return read, write

    expected = replace(DEFAULT, threads=3, batch_threads=8, micro_batch=128, flash="off")
    assert found(rule, monkeypatch) == expected
