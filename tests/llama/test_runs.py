from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_sale.llama.entropy import entropies
from edge_sale.llama.prefix_groups import common_prefix
from edge_sale.llama.runs import Draw
from edge_sale.types import Sampling
from tests.llama.kit import Words, log_softmax


def drawn(pieces: Sequence[str], *, end: bool = False, **sampling: Any) -> tuple[Draw, list[str]]:
    """A draw that took every piece in turn until it ended, and what it streamed."""
    streamed: list[str] = []
    draw = Draw([1, 2, 3], 0, 2, 0, Sampling(**sampling), None, Words(pieces), streamed.append)
    for token in range(len(pieces)):
        if not draw.ended:
            draw.take(token, entropy=0.5, logprob=-1.0, is_end=end and token == len(pieces) - 1)
    return draw, streamed


LOGITS = arrays(np.float32, (3, 40), elements=st.floats(-60, 60, width=32))


@settings(max_examples=60, deadline=None)
@given(LOGITS)
def test_entropy_agrees_with_a_float64_reference(logits: np.ndarray):
    """Entropy in nats is -sum p log p, whatever the logits' range."""
    log_p = log_softmax(logits.astype(np.float64))
    expected = -(np.exp(log_p) * log_p).sum(axis=1)
    assert entropies(logits)[0] == pytest.approx(expected, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(LOGITS, st.integers(0, 39))
def test_a_logit_less_the_normaliser_is_its_log_probability(logits: np.ndarray, token: int):
    """log p(token) = logit - log Z, to float32's precision."""
    expected = log_softmax(logits.astype(np.float64))[:, token]
    assert logits[:, token] - entropies(logits)[1] == pytest.approx(expected, abs=1e-4)


def test_a_uniform_distribution_has_the_log_of_its_size():
    """Where every token is as likely, entropy is log of the vocabulary."""
    found, _ = entropies(np.full((1, 50_000), 3.0, dtype=np.float32))
    assert found[0] == pytest.approx(math.log(50_000), abs=1e-6)


def test_rows_are_measured_each_on_its_own_however_many():
    """A row's entropy does not depend on its neighbours."""
    rows = np.random.default_rng(1).normal(0, 5, (35, 200)).astype(np.float32)
    alone = [float(entropies(row[None])[0][0]) for row in rows]
    assert entropies(rows)[0].tolist() == alone


def test_broken_logits_do_not_pass_for_certainty():
    """NaN in a row gives no finite entropy, so that the engine can refuse it."""
    logits = np.array([[1.0, math.nan, 0.0]], dtype=np.float32)
    assert not np.isfinite(entropies(logits)[0]).any()


@given(st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=4))
def test_common_prefix_is_the_longest_shared_beginning(sequences: list[list[int]]):
    """All sequences agree up to the common prefix, and not one token further."""
    n = common_prefix(sequences)
    assert {tuple(s[:n]) for s in sequences} == {tuple(sequences[0][:n])}
    assert any(len(s) == n for s in sequences) or len({s[n] for s in sequences}) > 1


def test_an_answer_ends_at_its_stop():
    """The text ends before the stop, though the stop came in two pieces, and says so."""
    draw, _ = drawn(["one", " tw", "o th", "ree"], stop=("two",))
    assert (draw.text, draw.ended, draw.drawn) == ("one ", "stop", 3)


def test_the_earliest_of_several_stops_counts():
    """Of two stops in one piece the one that begins first ends the text, even where they overlap."""
    draw, _ = drawn(["a<b>c"], stop=(">c", "<b>"))
    assert draw.text == "a"


TEXT = st.text("ab<>", max_size=24)


@given(TEXT, st.lists(st.integers(1, 4)), st.lists(st.text("ab<>", min_size=1, max_size=4), max_size=3))
def test_streamed_pieces_join_to_the_text_and_never_show_a_stop(text: str, cuts: list[int], stops: list[str]):
    """However the text is cut into tokens, what was streamed is the text, and no stop is in it."""
    pieces, rest = [], text
    for size in [*cuts, *[3] * len(text)]:
        pieces.append(rest[:size])
        rest = rest[size:]
    draw, streamed = drawn([*pieces, ""], end=True, max_tokens=1000, stop=tuple(stops))
    assert "".join(streamed) == draw.text
    assert not any(stop in draw.text for stop in stops)


def test_text_without_stops_is_streamed_at_once():
    """Nothing is held back where no stop can begin."""
    _, streamed = drawn(["a", "b", "c"])
    assert streamed == ["a", "b", "c"]


def test_what_was_held_back_is_streamed_at_the_end():
    """The beginning of a stop that never came is shown when the answer ends."""
    _, streamed = drawn(["go", " <", ""], end=True, stop=("<end>",))
    assert "".join(streamed) == "go <"


def test_a_draw_reports_means_over_its_tokens():
    """Entropy and log p are means over the drawn tokens, the end token among them."""
    draw, _ = drawn(["a", "b", ""], end=True)
    result = draw.generation(seconds=2.0)
    assert (result.tokens, result.prompt_tokens, result.entropy, result.logprob) == (3, 3, 0.5, -1.0)
    assert (result.ended, result.seconds) == ("end", 2.0)


def test_a_draw_ends_at_its_length():
    """max_tokens ends a draw, and the result says that it was cut."""
    draw, _ = drawn(["a", "b", "c", "d"], max_tokens=2)
    assert (draw.text, draw.ended) == ("ab", "length")
