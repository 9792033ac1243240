"""Traces, exports and memories that version 0.1.0 wrote, before `reserve` and `floor` were renamed, go on working."""

from __future__ import annotations

import contextlib
import json
import shutil
import warnings
from pathlib import Path

import apsw
import pytest
import sqlite_vec

from edge_sale.cli import trace
from edge_sale.legacy_names import OLD_RECORDS, OldName
from edge_sale.memory.database import opened
from edge_sale.memory.history import History
from edge_sale.memory.migrations import LATEST, version
from tests.cli.kit import edge, new_home

OLD = Path(__file__).with_name("old_files")
IDS = ["a304ba29", "0966185f"]  # of the two auctions in memory.sql and export.jsonl, newest first


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return new_home(tmp_path / "home")


def old_memory(home: Path) -> Path:
    path = home / "memory.sqlite"
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.enable_load_extension(True)
        db.load_extension(sqlite_vec.loadable_path())
        db.execute((OLD / "memory.sql").read_text(encoding="utf-8"))
    return path


def old_words(value: object) -> set[str]:
    """The keys of earlier versions anywhere in a JSON value."""
    if isinstance(value, dict):
        return {"reserve", "reserve_of", "floor"} & value.keys() | set().union(*map(old_words, value.values()))
    return set().union(*map(old_words, value)) if isinstance(value, list) else set()


def told(stderr: str) -> int:
    return sum(OLD_RECORDS in line for line in stderr.splitlines())


def check_renamed(runs: list[dict]) -> None:
    """The two auctions' runs, newest first, hold what was recorded, under the names of today."""
    newest, oldest = runs
    assert [run["fallback_of"] for run in runs] == ["far", "far"]
    assert [run["pool"] for run in runs] == ["mixed", "bundled"]
    assert oldest["fallback"]["fallback"] == pytest.approx(-0.018, abs=0.001)
    assert oldest["fallback"]["margin"] == pytest.approx(-0.044, abs=0.001) and not oldest["fallback"]["lost"]
    assert old_words(runs) == set() and newest["thrift"] == 0.3


def test_the_old_files_are_old():
    """The control: each file holds the old names, so a test of it tests something."""
    for name in ("trace_weighed.jsonl", "export.jsonl"):
        lines = (OLD / name).read_text(encoding="utf-8").splitlines()
        assert old_words([json.loads(line) for line in lines]) >= {"reserve", "reserve_of"}
    refused = (OLD / "trace_refused.jsonl").read_text(encoding="utf-8").splitlines()
    assert old_words([json.loads(line) for line in refused]) == {"floor"}
    assert '"reserve_of": "far"' in (OLD / "memory.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name, event, key", [("weighed", "weighed", "fallback"), ("refused", "refused", "reserve_price")]
)
def test_a_trace_is_read_under_the_new_names(name, event, key):
    with pytest.warns(OldName) as caught:
        events = trace.read(OLD / f"trace_{name}.jsonl")
    assert len(caught) == 1
    [found] = [one for one in events if one["event"] == event]
    assert isinstance(found[key], float) and old_words(events) == set()


def test_a_trace_is_shown_and_its_age_told_once(home):
    done = edge(home, "trace", str(OLD / "trace_weighed.jsonl"))
    assert done.returncode == 0 and told(done.stderr) == 1
    assert "fallback_of far" in done.stdout and "reserve_of" not in done.stdout
    assert "the task stays at home: lists asks -0.156" in done.stdout
    refused = edge(home, "trace", str(OLD / "trace_refused.jsonl"))
    assert refused.returncode == 0 and told(refused.stderr) == 1 and "lists comes nearest" in refused.stdout


def test_a_trace_of_today_is_shown_without_a_word(home, tmp_path):
    """The control: what has no old names is not said to be old."""
    lines = (OLD / "trace_weighed.jsonl").read_text(encoding="utf-8").splitlines()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OldName)
        events = trace.read(OLD / "trace_weighed.jsonl")
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    done = edge(home, "trace", str(tmp_path / "new.jsonl"))
    assert (done.returncode, done.stderr) == (0, "") and len(events) == len(lines)


def test_a_memory_is_migrated_and_its_age_told_once(home):
    """`history`, `show` and all others read an old memory under the new names; the file is then of today."""
    path = old_memory(home)
    listed = edge(home, "history", "--json")
    assert listed.returncode == 0 and told(listed.stderr) == 1
    assert [(row["id"], row["pool"]) for row in json.loads(listed.stdout)] == list(
        zip(IDS, ["mixed", "bundled"], strict=True)
    )
    shown = [edge(home, "show", id_, "--json") for id_ in IDS]
    assert [(one.returncode, one.stderr) for one in shown] == [(0, "")] * 2  # told already
    check_renamed([json.loads(one.stdout)["run"] for one in shown])
    with opened(path) as db:
        assert version(db) == LATEST


def test_a_memory_keeps_everything_else(home, tmp_path):
    """Bids, outcomes, entries and the other values of a run are the same after the migration as in the old export."""
    old_memory(home)
    done = edge(home, "memory", "export", str(tmp_path / "new.jsonl"))
    assert done.returncode == 0, done.stderr
    lines = [(tmp_path / "new.jsonl"), OLD / "export.jsonl"]
    new, old = ([json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in lines)
    check_renamed([auction["run"] for auction in new[2:0:-1]])
    for auction in (*new[1:3], *old[1:3]):
        for key in ("reserve", "reserve_of", "fallback", "fallback_of", "pool"):
            auction["run"].pop(key, None)
    assert new[1:3] == old[1:3] and new[0]["embedder"] == old[0]["embedder"]


def test_json_that_cannot_be_read_does_not_stop_the_migration(home):
    """One damaged record is named when it is read; the others are migrated."""
    path = old_memory(home)
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE auctions SET run = '{\"reserve_of\": ' WHERE id = ?", (IDS[1],))
    with pytest.warns(OldName):
        assert History.open(path).get(IDS[0]).run["fallback_of"] == "far"
    done = edge(home, "show", IDS[1])
    assert done.returncode == 1 and "not a whole auction memory" in done.stderr


def test_an_export_is_imported_under_the_new_names(home):
    shutil.copy(OLD / "export.jsonl", home / "export.jsonl")
    done = edge(home, "memory", "import", str(home / "export.jsonl"))
    assert done.returncode == 0 and told(done.stderr) == 1 and "2 auctions added" in done.stdout
    shown = [edge(home, "show", id_, "--json") for id_ in IDS]
    assert [(one.returncode, one.stderr) for one in shown] == [(0, "")] * 2
    check_renamed([json.loads(one.stdout)["run"] for one in shown])
    again = edge(home, "memory", "import", str(home / "export.jsonl"))
    assert again.returncode == 0 and told(again.stderr) == 0 and "0 auctions added, 2 already here" in again.stdout
