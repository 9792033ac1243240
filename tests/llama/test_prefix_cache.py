"""States of prompts' beginnings, in memory and on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.llama import prefix_cache
from edge_sale.llama.prefix_cache import PrefixCache
from edge_sale.llama.tokenized_prompt import TokenizedPrompt

PROMPT = TokenizedPrompt(list(range(300)), (100, 200), fixed=100)
STATE = b"state of a hundred tokens" * 40


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_the_longest_kept_beginning_is_found():
    """Of two kept states the longer one within the limit is found, and none at or below what is held."""
    kept = PrefixCache("m")
    kept.keep(PROMPT, 100, b"short")
    kept.keep(PROMPT, 200, b"long")
    assert kept.find(PROMPT, 0, 300) == (200, b"long")
    assert kept.find(PROMPT, 0, 199) == (100, b"short")
    assert kept.find(PROMPT, 200, 300) is None


def test_another_process_finds_what_never_changes(tmp_path: Path):
    """What is fixed is found on disk by a new store of the same identity, byte for byte."""
    PrefixCache("m", tmp_path).keep(PROMPT, 100, STATE)
    assert PrefixCache("m", tmp_path).find(PROMPT, 0, 300) == (100, STATE)


def test_nothing_of_a_users_goes_to_disk(tmp_path: Path):
    """A state beyond the fixed part stays in memory."""
    kept = PrefixCache("m", tmp_path)
    kept.keep(PROMPT, 200, STATE)
    assert kept.find(PROMPT, 0, 300) == (200, STATE)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("identity", "prompt"),
    [
        ("another model", PROMPT),
        ("m", TokenizedPrompt([9, *range(1, 300)], (100, 200), fixed=100)),
        ("m", TokenizedPrompt(list(range(300)), (90, 100, 200), fixed=100)),
    ],
    ids=["identity", "tokens", "cuts"],
)
def test_a_state_belongs_to_its_model_tokens_and_pieces(tmp_path: Path, identity: str, prompt: TokenizedPrompt):
    """With another model file or version, other tokens or other pieces nothing is found."""
    PrefixCache("m", tmp_path).keep(PROMPT, 100, STATE)
    assert PrefixCache(identity, tmp_path).find(prompt, 0, 300) is None


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: d[:40] + b"X" + d[41:], lambda d: b"", lambda d: d + b"x"]
)
def test_a_damaged_file_is_as_if_missing_and_written_anew(tmp_path: Path, damage):
    """Cut short, changed, emptied or grown: it is not used, and the next state takes its place."""
    PrefixCache("m", tmp_path).keep(PROMPT, 100, STATE)
    (file,) = files(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    again = PrefixCache("m", tmp_path)
    assert again.find(PROMPT, 0, 300) is None
    again.keep(PROMPT, 100, STATE)
    assert PrefixCache("m", tmp_path).find(PROMPT, 0, 300) == (100, STATE)


def test_files_are_the_users_alone_and_within_the_limit(tmp_path: Path):
    """Only the owner may read them; beyond the limit the least recently used go."""
    limit = 3 * (len(STATE) + 100)
    kept = PrefixCache("m", tmp_path, limit)
    for first in range(5):
        prompt = TokenizedPrompt([first, *range(1, 300)], (100,), fixed=100)
        kept.keep(prompt, 100, STATE)
    assert {file.stat().st_mode & 0o777 for file in files(tmp_path)} == {0o600}
    assert len(files(tmp_path)) == 3
    assert sum(file.stat().st_size for file in files(tmp_path)) <= limit
    assert PrefixCache("m", tmp_path).find(TokenizedPrompt([4, *range(1, 300)], (100,), fixed=100), 0, 300) == (
        100,
        STATE,
    )


def test_a_state_over_the_limit_takes_nobodys_place(tmp_path: Path):
    """What alone is more than may be kept is not written, and what is there stays."""
    PrefixCache("m", tmp_path, 2 * len(STATE)).keep(PROMPT, 100, STATE)
    PrefixCache("m", tmp_path, 2 * len(STATE)).keep(TokenizedPrompt([0] * 300, (100,), fixed=100), 100, 3 * STATE)
    assert len(files(tmp_path)) == 1
    assert PrefixCache("m", tmp_path).find(PROMPT, 0, 300) == (100, STATE)


def test_a_context_of_another_width_has_states_of_its_own(tmp_path: Path):
    """llama.cpp takes a state only into a context of as many sequences as it is from."""
    kept = PrefixCache("m", tmp_path)
    kept.keep(PROMPT, 100, STATE)
    assert kept.find(PROMPT, 0, 300, 4) is None and not kept.knows(PROMPT, 100, 4)
    assert kept.find(PROMPT, 0, 300, 1) == (100, STATE) and kept.knows(PROMPT, 100, 1)


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path):
    """Where the cache's folder is a file, states are kept in memory alone."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    kept = PrefixCache("m", blocked)
    kept.keep(PROMPT, 100, STATE)
    assert kept.find(PROMPT, 0, 300) == (100, STATE)
    assert PrefixCache("m", blocked).find(PROMPT, 0, 300) is None


def test_a_limit_of_nothing_writes_nothing(tmp_path: Path):
    """With no room on disk there is no folder either."""
    PrefixCache("m", tmp_path / "none", 0).keep(PROMPT, 100, STATE)
    assert not (tmp_path / "none").exists()


def test_memory_is_bounded_too(monkeypatch: pytest.MonkeyPatch):
    """Beyond the bound the state that was used least recently goes first."""
    monkeypatch.setattr(prefix_cache, "MEMORY_LIMIT", 25)
    kept = PrefixCache("m")
    prompts = [TokenizedPrompt([first, *range(1, 300)], (100,)) for first in range(3)]
    kept.keep(prompts[0], 100, b"0" * 10)
    kept.keep(prompts[1], 100, b"1" * 10)
    assert kept.find(prompts[0], 0, 300) == (100, b"0" * 10)
    kept.keep(prompts[2], 100, b"2" * 10)
    assert [kept.find(prompt, 0, 300) is not None for prompt in prompts] == [True, False, True]
