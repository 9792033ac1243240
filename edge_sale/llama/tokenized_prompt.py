"""A prompt as tokens, and the places up to which another prompt can reuse what was read of it.

A prompt is read in pieces, which end at its *cuts*: the end of the part that is the same for every task, then
ends of messages that are at least MIN_PIECE tokens apart. Only whole pieces are reused, because llama.cpp's
logits differ a little (by up to 0.7) between batches of different shapes. So an answer is the same bit for bit,
whatever was read before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MIN_PIECE = 64  # tokens; a shorter piece costs more to read by itself than reusing it saves


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """The prompt's tokens, its cuts in rising order, and the length of the part that is the same for every task."""

    tokens: list[int]
    cuts: tuple[int, ...] = ()
    fixed: int = 0  # 0: no part is


def choose_cuts(ends: Iterable[int], fixed: int) -> tuple[int, ...]:
    """The cuts of a prompt whose parts end after `ends` tokens and whose first `fixed` tokens never change."""
    cuts = [fixed] if fixed >= MIN_PIECE else []
    for end in ends:
        if end - (cuts[-1] if cuts else 0) >= MIN_PIECE:
            cuts.append(end)
    return tuple(cuts)


def shared_cut(one: TokenizedPrompt, other: TokenizedPrompt, limit: int) -> int:
    """The last cut up to `limit` before which both have the same tokens and the same cuts; 0 if there is none."""
    last = 0
    for mine, theirs in zip(one.cuts, other.cuts, strict=False):
        if mine != theirs or mine > limit or one.tokens[last:mine] != other.tokens[last:mine]:
            break
        last = mine
    return last
