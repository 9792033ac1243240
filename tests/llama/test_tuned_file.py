"""What `tune` stored is valid for one model file on one machine, and files of earlier versions are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_sale.errors import ConfigError
from edge_sale.llama import tuned_file
from edge_sale.llama.tuning import Tuning


def test_what_was_stored_comes_back_for_its_file_alone(tmp_path: Path):
    """Stored under one sha256 it is found under that one, beside others, until it is forgotten."""
    file = tmp_path / "deep" / "tuned.json"
    assert tuned_file.stored(file, "one") is None
    tuned_file.store(file, "one", Tuning(threads=3), [])
    tuned_file.store(file, "two", Tuning(threads=5, flash="off"), [])
    assert (tuned_file.stored(file, "one"), tuned_file.stored(file, "two")) == (
        Tuning(threads=3),
        Tuning(threads=5, flash="off"),
    )
    assert (tuned_file.forget(file, "one"), tuned_file.forget(file, "one"), tuned_file.stored(file, "one")) == (
        True,
        False,
        None,
    )
    assert tuned_file.stored(file, "two") == Tuning(threads=5, flash="off")


def test_another_machine_measures_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What another processor was best with says nothing here."""
    tuned_file.store(tmp_path / "t.json", "one", Tuning(threads=3), [])
    monkeypatch.setattr(tuned_file, "processor", lambda: "another")
    assert tuned_file.stored(tmp_path / "t.json", "one") is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"one": 1}', '{"one": {}}'])
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, text: str):
    """Measurements that cannot be read are an error that names the file and what to do."""
    file = tmp_path / "tuned.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"tuned\.json.*delete it and run: edge-sale tune"):
        tuned_file.stored(file, "one")


def test_a_setting_of_a_later_version_is_as_if_not_measured(tmp_path: Path):
    """An entry with a setting that is not known here is not half used."""
    file = tmp_path / "tuned.json"
    tuned_file.store(file, "one", Tuning(), [])
    entries = json.loads(file.read_text())
    entries["one"]["tuning"]["warp"] = 9
    file.write_text(json.dumps(entries))
    assert tuned_file.stored(file, "one") is None


OLD = """{
 "one": {
  "where": {"processor": "Xeon", "cores": 4, "llama_cpp": "0.3.36"},
  "tuning": {"threads": 3, "batch_threads": 4, "batch": 512, "micro_batch": 128, "flash": "off",
             "gpu_layers": -1, "mapped": true, "lookup": true},
  "trials": [{"what": "default", "read": 300.0, "write": 40.0,
              "tuning": {"threads": 4, "batch_threads": 0, "batch": 512, "micro_batch": 0, "flash": "auto",
                         "gpu_layers": -1, "mapped": true, "lookup": false}}]
 }
}"""


def test_a_file_from_before_prompt_lookup_was_removed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Earlier versions stored a setting `lookup`: it is left out, the others hold, and storing again drops it."""
    monkeypatch.setattr(tuned_file, "processor", lambda: "Xeon")
    monkeypatch.setattr(tuned_file, "cores", lambda: 4)
    monkeypatch.setattr(tuned_file, "version", lambda package: "0.3.36")
    file = tmp_path / "tuned.json"
    file.write_text(OLD)
    kept = Tuning(threads=3, batch_threads=4, micro_batch=128, flash="off")
    assert tuned_file.stored(file, "one") == kept
    tuned_file.store(file, "two", Tuning(), [])
    assert tuned_file.stored(file, "one") == kept
    tuned_file.store(file, "one", kept, [])
    assert "lookup" not in file.read_text()
