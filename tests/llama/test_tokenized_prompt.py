"""Where a prompt's reading pauses, and what of it another prompt can reuse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_sale.llama.prefix_groups import MIN_SHARED, prefix_groups
from edge_sale.llama.runs import Scoring
from edge_sale.llama.tokenized_prompt import MIN_PIECE, TokenizedPrompt, choose_cuts, shared_cut

ENDS = st.lists(st.integers(1, 600), max_size=12).map(sorted)


@given(ENDS, st.integers(0, 300))
def test_pieces_are_long_enough_and_end_with_a_message(ends: list[int], fixed: int):
    """Cuts rise by at least a piece each, and are ends of messages or of what never changes."""
    cuts = choose_cuts([end for end in ends if end > fixed], fixed)
    assert set(cuts) <= {*ends, fixed}
    assert all(later - earlier >= MIN_PIECE for earlier, later in zip((0, *cuts), cuts, strict=False))


def test_what_never_changes_ends_a_piece_where_it_is_long_enough():
    """The end of the fixed part is the first cut, unless the part is shorter than a piece."""
    assert choose_cuts([400], 300) == (300, 400)
    assert choose_cuts([400], MIN_PIECE - 1) == (400,)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 400))
def test_only_whole_pieces_of_the_same_tokens_are_shared(same: int, cut_at: int, limit: int):
    """Readings share up to a cut of both, before their first different token and within the limit."""
    one = TokenizedPrompt([1] * 400, (100, 200, 300))
    other = TokenizedPrompt([1] * same + [2] * (400 - same), (100, 200, 300))
    assert shared_cut(one, other, limit) == max(c for c in (0, 100, 200, 300) if c <= min(same, limit))
    moved = TokenizedPrompt([1] * 400, (100, 200 + cut_at % 90 + 1, 300))
    assert shared_cut(one, moved, 400) == 100  # pieces of another shape give other numbers


STARTS = st.lists(st.integers(1, 3), min_size=1, max_size=12)


@given(STARTS)
def test_groups_share_a_beginning_and_keep_the_order(starts: list[int]):
    """Runs with the same system prompt are one group, and no run is lost or moved."""
    runs = [
        Scoring([start] * 30 + [number], -1, 30, prompt=TokenizedPrompt([start] * 30 + [number], (), 30))
        for number, start in enumerate(starts)
    ]
    parts = prefix_groups(runs)
    assert [run.tokens[-1] for part in parts for run in part[:1]] == sorted(starts.index(one) for one in set(starts))
    for part in parts:
        numbers = [run.tokens[-1] for run in part]
        assert numbers == [n for n, start in enumerate(starts) if start == starts[numbers[0]]]


def test_a_short_beginning_makes_no_group():
    """Less than MIN_SHARED tokens, or only a part of what is the same for every task, is not read for both at once."""
    short, cut_off = [1] * (MIN_SHARED - 1), [1] * (MIN_SHARED + 9)
    assert len(prefix_groups([Scoring([*short, n], -1, 20, prompt=TokenizedPrompt([*short, n])) for n in (2, 3)])) == 2
    rules = [Scoring([*cut_off, n, *[n] * 9], -1, 30, prompt=TokenizedPrompt([], (), len(cut_off) + 5)) for n in (2, 3)]
    assert len(prefix_groups(rules)) == 2
