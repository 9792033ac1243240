"""States of prompts' beginnings, in memory and on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.llama import prefixes
from edge_sale.llama.cells import Reading
from edge_sale.llama.prefixes import Prefixes

READING = Reading(list(range(300)), (100, 200), fixed=100)
STATE = b"state of a hundred tokens" * 40


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_the_longest_kept_beginning_is_found():
    """Of two kept states the longer one within the limit is found, and none at or below what is held."""
    kept = Prefixes("m")
    kept.keep(READING, 100, b"short")
    kept.keep(READING, 200, b"long")
    assert kept.find(READING, 0, 300) == (200, b"long")
    assert kept.find(READING, 0, 199) == (100, b"short")
    assert kept.find(READING, 200, 300) is None


def test_another_process_finds_what_never_changes(tmp_path: Path):
    """What is fixed is found on disk by a new store of the same identity, byte for byte."""
    Prefixes("m", tmp_path).keep(READING, 100, STATE)
    assert Prefixes("m", tmp_path).find(READING, 0, 300) == (100, STATE)


def test_nothing_of_a_users_goes_to_disk(tmp_path: Path):
    """A state beyond the fixed part stays in memory."""
    kept = Prefixes("m", tmp_path)
    kept.keep(READING, 200, STATE)
    assert kept.find(READING, 0, 300) == (200, STATE)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("identity", "reading"),
    [
        ("another model", READING),
        ("m", Reading([9, *range(1, 300)], (100, 200), fixed=100)),
        ("m", Reading(list(range(300)), (90, 100, 200), fixed=100)),
    ],
    ids=["identity", "tokens", "cuts"],
)
def test_a_state_belongs_to_its_model_tokens_and_pieces(tmp_path: Path, identity: str, reading: Reading):
    """With another model file or version, other tokens or other pieces nothing is found."""
    Prefixes("m", tmp_path).keep(READING, 100, STATE)
    assert Prefixes(identity, tmp_path).find(reading, 0, 300) is None


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: d[:40] + b"X" + d[41:], lambda d: b"", lambda d: d + b"x"]
)
def test_a_damaged_file_is_as_if_missing_and_written_anew(tmp_path: Path, damage):
    """Cut short, changed, emptied or grown: it is not used, and the next state takes its place."""
    Prefixes("m", tmp_path).keep(READING, 100, STATE)
    (file,) = files(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    again = Prefixes("m", tmp_path)
    assert again.find(READING, 0, 300) is None
    again.keep(READING, 100, STATE)
    assert Prefixes("m", tmp_path).find(READING, 0, 300) == (100, STATE)


def test_files_are_the_users_alone_and_within_the_limit(tmp_path: Path):
    """Only the owner may read them; beyond the limit the least recently used go."""
    limit = 3 * (len(STATE) + 100)
    kept = Prefixes("m", tmp_path, limit)
    for first in range(5):
        reading = Reading([first, *range(1, 300)], (100,), fixed=100)
        kept.keep(reading, 100, STATE)
    assert {file.stat().st_mode & 0o777 for file in files(tmp_path)} == {0o600}
    assert len(files(tmp_path)) == 3
    assert sum(file.stat().st_size for file in files(tmp_path)) <= limit
    assert Prefixes("m", tmp_path).find(Reading([4, *range(1, 300)], (100,), fixed=100), 0, 300) == (100, STATE)


def test_a_state_over_the_limit_takes_nobodys_place(tmp_path: Path):
    """What alone is more than may be kept is not written, and what is there stays."""
    Prefixes("m", tmp_path, 2 * len(STATE)).keep(READING, 100, STATE)
    Prefixes("m", tmp_path, 2 * len(STATE)).keep(Reading([0] * 300, (100,), fixed=100), 100, 3 * STATE)
    assert len(files(tmp_path)) == 1
    assert Prefixes("m", tmp_path).find(READING, 0, 300) == (100, STATE)


def test_a_context_of_another_width_has_states_of_its_own(tmp_path: Path):
    """llama.cpp takes a state only into a context of as many sequences as it is from."""
    kept = Prefixes("m", tmp_path)
    kept.keep(READING, 100, STATE)
    kept.sequences = 4
    assert kept.find(READING, 0, 300) is None and not kept.knows(READING, 100)


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path):
    """Where the cache's folder is a file, states are kept in memory alone."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    kept = Prefixes("m", blocked)
    kept.keep(READING, 100, STATE)
    assert kept.find(READING, 0, 300) == (100, STATE)
    assert Prefixes("m", blocked).find(READING, 0, 300) is None


def test_a_limit_of_nothing_writes_nothing(tmp_path: Path):
    """With no room on disk there is no folder either."""
    Prefixes("m", tmp_path / "none", 0).keep(READING, 100, STATE)
    assert not (tmp_path / "none").exists()


def test_memory_is_bounded_too(monkeypatch: pytest.MonkeyPatch):
    """Beyond the bound the state that was used least recently goes first."""
    monkeypatch.setattr(prefixes, "IN_MEMORY", 25)
    kept = Prefixes("m")
    readings = [Reading([first, *range(1, 300)], (100,)) for first in range(3)]
    kept.keep(readings[0], 100, b"0" * 10)
    kept.keep(readings[1], 100, b"1" * 10)
    assert kept.find(readings[0], 0, 300) == (100, b"0" * 10)
    kept.keep(readings[2], 100, b"2" * 10)
    assert [kept.find(reading, 0, 300) is not None for reading in readings] == [True, False, True]
