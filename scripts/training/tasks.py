"""Tasks for training: chains and wordings of the trade that hold nothing that is held out for tests.

With `held` the same functions make the test tasks of `bundled_tasks/functions.py`, so that what is measured can cross
new and known wordings with new and known compositions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

from edge_sale.evaluation.bundled_tasks import task_text
from edge_sale.evaluation.bundled_tasks.functions import VERSION, Made, arguments, draw_chain, has_held_out_pair
from edge_sale.evaluation.bundled_tasks.operations import Step
from training import training_text
from training.held_out import holds_held_out, words_of
from training.written import LATER, WRITTEN


def make(random: Random, steps: int, *, half: str = "all", held: bool = False) -> Made:
    """One task for training; with `held` one for tests."""
    while True:
        start, chain = draw_chain(random, steps, half)
        pair = has_held_out_pair(chain)
        if (held and steps > 1 and not pair) or (not held and pair):
            continue
        return Made(_worded(start, chain, random, held), start, chain)


def reworded(task: Made, random: Random, *, held: bool = False, fresh: bool = True) -> Made:
    """The same chain in other words and, with `fresh`, with other arguments."""
    chain = tuple(Step(s.operation, arguments(s.operation, random) if fresh else s.values) for s in task.chain)
    return Made(_worded(task.start, chain, random, held), task.start, chain)


def training(seed: int, least: int, most: int, *, half: str = "all") -> Iterator[Made]:
    """Endless tasks for training of `least` to `most` steps; the same seed gives the same tasks."""
    random = Random(f"training {VERSION} {seed} {half}")
    while True:
        yield make(random, random.randint(least, most), half=half)


def _worded(start: str, chain: Sequence[Step], random: Random, held: bool) -> str:
    if held:
        return task_text.held_out_sentence(start, chain, random)
    while True:
        text = training_text.sentence(start, chain, random)
        if not (holds_held_out(text) or words_of(text) in _written()):
            return text


@cache
def _written() -> frozenset[tuple[str, ...]]:
    return frozenset(words_of(one.text) for one in (*WRITTEN, *LATER))
