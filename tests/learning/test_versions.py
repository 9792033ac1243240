"""Versions of weights: kept, in force, rolled back; nothing half-written is ever read."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from edge_sale.errors import ConfigError, EdgeSaleError
from edge_sale.learning import versions
from edge_sale.scoring.weights import Own, Weights

WEIGHTS = Weights("fit", 0, "here", {"length": -1.5}, 0.1, {"j": 0.2}, None, {"a": Own(0.5, {})}, {}, True, 0.25)


def keep(folder: Path, pool: str = "p") -> int:
    return versions.keep(folder, pool, "outcome model", {"tasks": 3}, [{"name": "shipped"}], WEIGHTS).number


def test_a_version_is_kept_whole_and_in_force(tmp_path):
    """Data, date, scores and weights come back; the weights are named after the version; other pools keep theirs."""
    assert versions.in_force(tmp_path, "p") is None
    assert (keep(tmp_path), keep(tmp_path), keep(tmp_path, "q")) == (1, 2, 3)
    found = versions.in_force(tmp_path, "p")
    assert found is not None
    assert (found.number, found.method, found.data, found.scores) == (
        2,
        "outcome model",
        {"tasks": 3},
        [{"name": "shipped"}],
    )
    assert (found.weights.name, found.weights.agents, found.weights.constant) == ("fit-2", {"a": Own(0.5, {})}, 0.25)
    assert [version.number for version in versions.every(tmp_path)] == [1, 2, 3]


def test_rolling_back_and_forth(tmp_path):
    """Any version of the pool can be put in force again, and 0 is the pool's own weights."""
    keep(tmp_path), keep(tmp_path)
    for number in (1, 2, 0, 2):
        versions.roll_back(tmp_path, "p", number)
        found = versions.in_force(tmp_path, "p")
        assert (found.number if found else 0) == number
    assert keep(tmp_path) == 3  # numbers are never given twice


def test_what_is_not_there_or_anothers_is_refused(tmp_path):
    """The line names what there is; what was in force stays."""
    keep(tmp_path), keep(tmp_path, "q")
    with pytest.raises(EdgeSaleError, match=r"no version 9 .*there are: 0 \(as shipped\), 1, 2"):
        versions.roll_back(tmp_path, "p", 9)
    with pytest.raises(EdgeSaleError, match="version 2 is of pool 'q', not of 'p'"):
        versions.roll_back(tmp_path, "p", 2)
    found = versions.in_force(tmp_path, "p")
    assert found is not None and found.number == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"number": 1}', '{"p": "one"}', "\xff"])
@pytest.mark.parametrize("name", ["fit-1.json", "in-force.json"])
def test_a_damaged_file_is_named_with_the_way_out(tmp_path, name, text):
    """Never silently the shipped weights: the file is named, and rolling back to 0 works without reading it."""
    keep(tmp_path)
    (tmp_path / name).write_text(text, encoding="latin-1")
    if (name, text) == ("in-force.json", '{"number": 1}'):
        assert versions.in_force(tmp_path, "p") is None  # whole, and of another pool
        return
    with pytest.raises(ConfigError, match=f"{name}.*edge-sale fit --rollback 0"):
        versions.in_force(tmp_path, "p")
    versions.roll_back(tmp_path, "p", 0)
    assert versions.in_force(tmp_path, "p") is None


def test_nothing_of_a_tasks_text_is_kept(tmp_path):
    """A version holds numbers about its data: keys and short strings alone."""
    keep(tmp_path)
    assert set(json.loads((tmp_path / "fit-1.json").read_text())) == {
        "number",
        "pool",
        "method",
        "at",
        "data",
        "scores",
        "weights",
    }


def some(folder: Path, count: int) -> None:
    for _ in range(count):
        keep(folder)


def test_several_processes_at_once(tmp_path):
    """Three processes keep eight versions each: 24 numbers, none twice, and the last one is in force and whole."""
    workers = [multiprocessing.get_context("spawn").Process(target=some, args=(tmp_path, 8)) for _ in range(3)]
    for llama_thread in workers:
        llama_thread.start()
    for llama_thread in workers:
        llama_thread.join()
        assert llama_thread.exitcode == 0
    assert [version.number for version in versions.every(tmp_path)] == list(range(1, 25))
    found = versions.in_force(tmp_path, "p")
    assert found is not None and found.number == 24
