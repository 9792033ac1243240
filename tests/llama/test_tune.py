"""`tune` finds what is fastest, and what it stored holds for one file on one machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_sale.errors import ConfigError
from edge_sale.hardware.processors import Tuning, physical
from edge_sale.llama import tune


@dataclass
class Machine:
    """Takes as long as its rule says: seconds a token read and written, for a tuning and tokens ahead."""

    rule: Callable[[Tuning, int], tuple[float, float]]

    def timed(self, tuning: Tuning, read: int, write: int, ahead: int = 1) -> tuple[float, float]:
        a, b = self.rule(tuning, ahead)
        return read * a, write * ahead * b


DEFAULT = Tuning(threads=4)


def found(rule: Callable[[Tuning, int], tuple[float, float]], monkeypatch: pytest.MonkeyPatch) -> Tuning:
    monkeypatch.setattr(tune, "cores", lambda: 4)
    monkeypatch.setattr(tune.os, "cpu_count", lambda: 8)
    return tune.measure(Machine(rule), DEFAULT, lambda trial: None)[0]


def test_a_machine_that_runs_best_as_it_is_keeps_the_default(monkeypatch: pytest.MonkeyPatch):
    """Where nothing is faster, nothing is changed; guesses are made where a batch of them is cheap."""
    assert found(lambda t, ahead: (0.001, 0.01 / ahead), monkeypatch) == replace(DEFAULT, lookup=True)
    assert found(lambda t, ahead: (0.001, 0.01), monkeypatch) == DEFAULT


def test_noise_is_no_reason(monkeypatch: pytest.MonkeyPatch):
    """Three per cent faster is not worth leaving the default for."""
    assert found(lambda t, a: (0.001, 0.0097 if t.threads == 3 else 0.01), monkeypatch).threads == 4


def test_each_setting_is_taken_where_it_is_faster(monkeypatch: pytest.MonkeyPatch):
    """Fewer threads to write, more to read, a smaller micro-batch and no flash attention, each where measured."""

    def rule(t: Tuning, ahead: int) -> tuple[float, float]:
        read = 0.001 * (0.5 if t.batch_threads == 8 else 1) * (0.8 if t.micro_batch == 128 else 1)
        write = 0.01 * (0.6 if t.threads == 3 else 1) * (0.9 if t.flash == "off" else 1)
        return read, write

    expected = replace(DEFAULT, threads=3, batch_threads=8, micro_batch=128, flash="off", lookup=False)
    assert found(rule, monkeypatch) == expected


def test_what_was_stored_comes_back_for_its_file_alone(tmp_path: Path):
    """Stored under one sha256 it is found under that one, beside others, until it is forgotten."""
    file = tmp_path / "deep" / "tuned.json"
    assert tune.stored(file, "one") is None
    tune.store(file, "one", Tuning(threads=3), [])
    tune.store(file, "two", Tuning(threads=5, flash="off"), [])
    assert (tune.stored(file, "one"), tune.stored(file, "two")) == (
        Tuning(threads=3),
        Tuning(threads=5, flash="off"),
    )
    assert (tune.forget(file, "one"), tune.forget(file, "one"), tune.stored(file, "one")) == (True, False, None)
    assert tune.stored(file, "two") == Tuning(threads=5, flash="off")


def test_another_machine_measures_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What another processor was best with says nothing here."""
    tune.store(tmp_path / "t.json", "one", Tuning(threads=3), [])
    monkeypatch.setattr(tune, "processor", lambda: "another")
    assert tune.stored(tmp_path / "t.json", "one") is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"one": 1}', '{"one": {}}'])
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, text: str):
    """Measurements that cannot be read are an error that names the file and what to do."""
    file = tmp_path / "tuned.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"tuned\.json.*delete it and run: edge-sale tune"):
        tune.stored(file, "one")


def test_a_setting_of_a_later_version_is_as_if_not_measured(tmp_path: Path):
    """An entry with a setting that is not known here is not half used."""
    file = tmp_path / "tuned.json"
    tune.store(file, "one", Tuning(), [])
    entries = json.loads(file.read_text())
    entries["one"]["tuning"]["warp"] = 9
    file.write_text(json.dumps(entries))
    assert tune.stored(file, "one") is None


def test_hyperthreads_count_once(tmp_path: Path):
    """Four logical processors on two cores are two; where the system does not say, each counts."""
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert physical(range(4), tmp_path) == 2
    assert physical([0, 2], tmp_path) == 1
    assert physical(range(4), tmp_path / "none") == 4
