"""Prompt lookup: guesses from what stood before, and greedy decoding token for token the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sale.engines.llama import LlamaEngine
from edge_sale.engines.lookup import GRAM, LEAST, MOST, Lookup
from edge_sale.types import Generate, Sampling
from tests.engines.kit import chat


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


def same_text(engine: LlamaEngine, ask: Generate) -> tuple[bool, int]:
    """Whether lookup wrote the same text, and how many decodes that took."""
    plain = engine.generate([replace(ask, lookup=False)])[0][0]
    calls = []
    step = engine._context.next
    engine._context.next = lambda tokens: calls.append(len(tokens)) or step(tokens)  # type: ignore[method-assign]
    ahead = engine.generate([replace(ask, lookup=True)])[0][0]
    engine._context.next = step  # type: ignore[method-assign]
    assert (ahead.tokens, ahead.ended) == (plain.tokens, plain.ended)
    assert ahead.entropy == pytest.approx(plain.entropy, abs=0.2)
    return ahead.text == plain.text, len(calls)


@pytest.mark.parametrize("kind", ["dense", "sliding"])
def test_a_random_model_writes_the_same_with_guesses(tiny_files: dict[str, Path], kind: str):
    """On a model of random weights, which runs in circles, guessing changes no token."""
    engine = LlamaEngine(kind, tiny_files[kind])
    same, calls = same_text(engine, Generate(chat("abc " * 30), GREEDY))
    engine.close()
    assert same and calls < 1.2 * GREEDY.max_tokens


@pytest.mark.models
def test_an_edit_is_written_the_same_in_fewer_decodes(engine: LlamaEngine):
    """Repeating a file with guesses gives the very same tokens in less than half the decodes."""
    same, calls = same_text(engine, Generate(EDIT, GREEDY))
    assert same
    assert calls < GREEDY.max_tokens / 2


@pytest.mark.models
@pytest.mark.parametrize("text", ["What is the capital of France?", "Count from 1 to 30.", "Write a song."])
def test_any_greedy_text_is_the_same_with_guesses(engine: LlamaEngine, text: str):
    """Where little repeats, the text is the same too."""
    assert same_text(engine, Generate(chat(text), Sampling(max_tokens=96)))[0]


def test_a_model_that_cannot_go_back_does_not_guess(hybrid: LlamaEngine):
    """A recurrent state has no way back from a wrong guess: such a model decodes token by token."""
    same, calls = same_text(hybrid, Generate(chat("abc " * 30), Sampling(max_tokens=20)))
    assert same and calls == 19


def test_only_greedy_asks_guess(dense: LlamaEngine):
    """A drawn answer, or one under a grammar, is drawn one token at a time: guesses would change its odds."""
    for change in ({"temperature": 1.0}, {"grammar": 'root ::= "a"+'}, {"repeat_penalty": 1.1}):
        ask = Generate(chat("abc " * 30), Sampling(max_tokens=12, **change))
        assert same_text(dense, ask) == (True, 11)
