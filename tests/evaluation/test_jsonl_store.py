"""One store for all benches: lines are appended, read back, continued after a kill, and refused in another setup."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge_sale.evaluation import page, printed, run_records, runs, table
from edge_sale.evaluation.jsonl_store import BadRecord, JsonlStore, KeyedStore, write_whole
from edge_sale.evaluation.runs_file import RunsFile, read
from tests.evaluation.kit import write

OLD = Path(__file__).parents[1] / "old_files" / "runs-0.1.jsonl"
SETUP = {"kind": "set", "set": "x", "models": {"m": "sha"}}


def test_a_torn_line_is_dropped_and_the_rest_stays(tmp_path):
    """Wherever a kill cut the last line, the next run goes on behind the last whole one."""
    file = tmp_path / "r.jsonl"
    store = JsonlStore(file)
    store.begin(SETUP)
    store.append({"n": 1}, {"n": "naïve \ud800"})
    store.close()
    whole = file.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for cut in range(1, last):
        file.write_bytes(whole[:-cut])
        again = JsonlStore(file)
        again.begin(SETUP)
        again.append({"n": 3})
        again.close()
        assert list(again.values()) == [SETUP, {"n": 1}, {"n": 3}]


def test_a_file_with_nothing_but_a_torn_line_is_begun_again(tmp_path):
    """The setup line itself may have been cut."""
    file = tmp_path / "r.jsonl"
    file.write_text('{"kind": "se')
    store = JsonlStore(file)
    store.begin(SETUP, {"n": 1})
    store.close()
    assert [json.loads(line) for line in file.read_text().splitlines()] == [SETUP, {"n": 1}]


def test_another_setup_is_refused_by_name(tmp_path):
    """The line says what differs, and the file stays as it was."""
    file = write(tmp_path / "r.jsonl", [SETUP, {"n": 1}])
    before = file.read_bytes()
    with pytest.raises(BadRecord, match=r"r\.jsonl, line 1: these runs have models .*sha.*, now it is .*other"):
        JsonlStore(file).begin({**SETUP, "models": {"m": "other"}})
    assert file.read_bytes() == before


def test_a_whole_file_is_written_or_none(tmp_path):
    """An error in the middle leaves the old file and nothing beside it."""

    def values():
        yield {"n": 1}
        raise RuntimeError

    file = write(tmp_path / "r.jsonl", [{"old": True}])
    with pytest.raises(RuntimeError):
        write_whole(file, values())
    assert file.read_text() == '{"old": true}\n' and list(tmp_path.iterdir()) == [file]
    assert write_whole(file, [{"n": 1}, {"n": 2}]) == 2
    assert file.read_text() == '{"n": 1}\n{"n": 2}\n'


def test_answers_of_older_benches_are_read(tmp_path):
    """`bench work` wrote objects with key and value; today's lines are pairs, and both may be in one file."""
    file = write(tmp_path / "work.jsonl", [{"key": "a", "value": {"n": 1}}, ["b", 2]])
    store = KeyedStore(file)
    assert store.get("a", lambda: pytest.fail("measured again")) == {"n": 1}
    assert store.get("b", lambda: pytest.fail("measured again")) == 2
    store.put("c", 3)
    assert json.loads(file.read_text().splitlines()[-1]) == ["c", 3]


def test_an_old_runs_file_gives_the_same_table(tmp_path):
    """A file with the words `contender` and `sold` is read as one with today's words."""
    assert '"contender"' in OLD.read_text() and '"sold"' in OLD.read_text()
    today = write(tmp_path / "today.jsonl", [value for _, value in read(OLD)])
    assert "contender" not in today.read_text() and '"sold"' not in today.read_text()
    collected = page.BidCollector()
    old, new = runs.read([OLD], collected), runs.read([today])
    rows = table.rows(old)
    assert [(row.name, row.group, row.passed, row.share) for row in rows] == [
        ("small", "alone", 1.0, 0.0),
        ("large", "alone", 0.0, 1.0),
        ("SALE", "sale", 1.0, 0.0),
    ]
    assert printed.cells(rows) == printed.cells(table.rows(new))
    assert old.curves.keys() == {"SALE"} == collected.of.keys()
    assert run_records.read(OLD).agents == ("small", "large")


def test_an_old_runs_file_is_continued(tmp_path):
    """What it holds is not run again; new lines say `method` and `result`."""
    file = tmp_path / "r.jsonl"
    shutil.copy(OLD, file)
    about = json.loads(file.read_text().splitlines()[0])
    written = RunsFile(file)
    written.begin(about, [])
    assert written.done == {("small", 0, "t1"), ("large", 0, "t1"), ("SALE", 0, "t1")}
    line = next(value for _, value in read(OLD) if value["kind"] == "result" and value["method"] == "SALE")
    written.add({**line, "order": 1})
    written.close()
    assert file.read_text().startswith(OLD.read_text())
    assert len(runs.read([file]).columns["SALE"].order) == 2
