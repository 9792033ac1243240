"""Which prompts of a batch begin alike, so that their common beginning is read once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from edge_sale.llama.runs import Run

R = TypeVar("R", bound=Run)

MIN_SHARED = 16  # tokens: a shorter beginning is not worth a decode of its own


def prefix_groups(runs: Sequence[R]) -> list[list[R]]:
    """The runs grouped by a common beginning, in their order.

    A common beginning counts from MIN_SHARED tokens on, and if it covers the part that is the same for every task.
    """
    place = {id(run): number for number, run in enumerate(runs)}
    groups: list[list[R]] = []
    for run in sorted(runs, key=lambda run: run.tokens):
        last = groups[-1][-1] if groups else run
        common = common_prefix([last.tokens, run.tokens])
        if groups and common >= max(MIN_SHARED, last.prompt.fixed, run.prompt.fixed):
            groups[-1].append(run)
        else:
            groups.append([run])
    ordered = [sorted(group, key=lambda run: place[id(run)]) for group in groups]
    return sorted(ordered, key=lambda group: place[id(group[0])])


def shared_length(runs: Sequence[Run]) -> int:
    """How many first tokens of a group are read once, before any position whose logits are wanted.

    For a single run these are its whole pieces, which later prompts can reuse.
    """
    wanted = min(run.want for run in runs)
    if len(runs) == 1:
        return max((place for place in runs[0].prompt.cuts if place <= wanted), default=0)
    common = min(wanted, common_prefix([run.tokens for run in runs]))
    return common if common >= MIN_SHARED else 0


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """How many first tokens all sequences share."""
    shortest = min(sequences, key=len)
    for place, token in enumerate(shortest):
        if any(sequence[place] != token for sequence in sequences):
            return place
    return len(shortest)
