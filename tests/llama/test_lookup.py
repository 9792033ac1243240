"""Prompt lookup: guesses from what stood before, and greedy decoding token for token the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sale.hardware.processors import Tuning
from edge_sale.llama.engine import LlamaEngine
from edge_sale.llama.lookup import GRAM, LEAST, MOST, Lookup
from edge_sale.types import Generate, Sampling
from tests.llama.kit import chat


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 20))
def test_a_guess_is_what_followed_the_same_three_tokens(tokens: list[int], most: int):
    """A guess stood in the text right behind an earlier occurrence of its last three tokens."""
    guess = Lookup(tokens).guess(most)
    assert len(guess) <= min(most, LEAST)
    if guess:
        behind = [tuple(tokens[i : i + GRAM + len(guess)]) for i in range(len(tokens) - GRAM)]
        assert (*tokens[-GRAM:], *guess) in behind


def test_nothing_is_guessed_where_the_end_is_new():
    """Three tokens that never stood together before tell nothing."""
    assert Lookup([1, 2, 3, 4, 5, 6]).guess(8) == []


def test_guesses_grow_while_they_hold():
    """After whole guesses the next is twice as long, up to the most that pays."""
    lookup = Lookup([*range(100), *range(GRAM)])
    lengths = []
    for _ in range(6):
        guess = lookup.guess(99)
        lengths.append(len(guess))
        lookup.held(len(guess), len(guess))
    assert lengths == [4, 8, 16, 32, MOST, MOST]


def test_wrong_guesses_are_put_off_for_longer_each_time():
    """After a first wrong guess one token passes, then three, then seven."""
    lookup = Lookup([1, 2, 3] * 50)
    waits = []
    for _ in range(3):
        while not lookup.guess(9):
            lookup.add([1, 2, 3][len(lookup._tokens) % 3])
        lookup.held(0, LEAST)
        waits.append(lookup._wait)
    assert waits == [1, 3, 7]


SOURCE = "\n".join(f"def f{i}(x):\n    return x + {i}\n" for i in range(20))
EDIT = chat(f"Repeat this file:\n```python\n{SOURCE}```", prefill=f"```python\n{SOURCE[:120]}")
GREEDY = Sampling(max_tokens=160)


def same_text(engine: LlamaEngine, request: Generate, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, int, int]:
    """Whether guesses changed nothing of an answer, bit for bit; and how many decodes it took with and without."""
    request, counts, replies = replace(request, lookup=True), [], []
    step = engine._context.next
    for guesses in (True, False):
        calls: list[int] = []

        def counted(tokens: Any, calls: list[int] = calls) -> Any:
            calls.append(len(tokens))
            return step(tokens)

        with monkeypatch.context() as patch:
            patch.setattr(engine._context, "next", counted)
            if not guesses:
                patch.setattr(Lookup, "guess", lambda self, most: [])
            replies.append(engine.generate([request])[0][0])
        counts.append(len(calls))
    ahead, plain = (replace(reply, seconds=0.0, reused=0) for reply in replies)
    return ahead == plain, counts[0], counts[1]


@pytest.mark.parametrize("kind", ["dense", "sliding"])
def test_a_random_model_writes_the_same_with_guesses(
    tiny_files: dict[str, Path], kind: str, monkeypatch: pytest.MonkeyPatch
):
    """On a model of random weights, which runs in circles, guessing changes no token and no entropy."""
    engine = LlamaEngine(kind, tiny_files[kind], tuning=Tuning(lookup=True))
    same, ahead, plain = same_text(engine, Generate(chat("abc " * 30), GREEDY), monkeypatch)
    engine.close()
    assert same and ahead <= plain


@pytest.mark.models
def test_an_edit_is_written_the_same_in_fewer_decodes(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch):
    """Repeating a file with guesses gives the very same tokens in less than half the decodes."""
    same, ahead, plain = same_text(engine, Generate(EDIT, GREEDY), monkeypatch)
    assert same
    assert ahead < plain / 2


@pytest.mark.models
@pytest.mark.parametrize("text", ["What is the capital of France?", "Count from 1 to 30.", "Write a song."])
def test_any_greedy_text_is_the_same_with_guesses(engine: LlamaEngine, text: str, monkeypatch: pytest.MonkeyPatch):
    """Where little repeats, the text is the same too."""
    assert same_text(engine, Generate(chat(text), Sampling(max_tokens=160)), monkeypatch)[0]


def test_a_model_that_cannot_go_back_does_not_guess(hybrid: LlamaEngine, monkeypatch: pytest.MonkeyPatch):
    """A recurrent state has no way back from a wrong guess: such a model decodes token by token."""
    assert same_text(hybrid, Generate(chat("abc " * 30), Sampling(max_tokens=20)), monkeypatch) == (True, 19, 19)


@pytest.mark.parametrize(
    "change", [{"temperature": 1.0}, {"grammar": 'root ::= "a"+'}, {"repeat_penalty": 1.1}], ids=str
)
def test_only_greedy_asks_guess(dense: LlamaEngine, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    """A drawn answer, or one under a grammar, is drawn one token at a time: guesses would change its odds."""
    request = Generate(chat("abc " * 30), Sampling(max_tokens=12, **change))
    assert same_text(dense, request, monkeypatch) == (True, 11, 11)
