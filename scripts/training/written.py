"""Prompts that people would type, written without sight of the generator's wordings: two more test sets.

After a first look at the answers to WRITTEN the generator was taught more of how people type, but none of its prompts.
LATER was written afterwards, and nothing was changed for it. The reserve price is fitted to the words of LATER.

The prompts are the lines of `written.jsonl` and `written_later.jsonl`: the text, the kind of input (L, T or W), the
number of steps, and the right answer as a Python expression of the input `v`. The answer to a prompt is a function
`solve`. Numbers are whole; an average is rounded down.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sale.evaluation.bundled_tasks.inputs import inputs
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.records import Item
from edge_sale.types import Task


@dataclass(frozen=True, slots=True)
class Written:
    """A prompt, the kind of its input (L, T or W), its number of steps, and a reference expression of `v`."""

    text: str
    start: str
    steps: int
    reference: str


def _read(name: str) -> tuple[Written, ...]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return tuple(Written(**json.loads(line)) for line in lines)


WRITTEN = _read("written.jsonl")
LATER = _read("written_later.jsonl")


def questions(prompts: Sequence[Written] = WRITTEN) -> list[Question]:
    """The prompts as benches ask and grade them; their bin is `written`."""
    first = 0 if prompts is WRITTEN else len(WRITTEN)
    return [_question(one, place) for place, one in enumerate(prompts, start=first)]


def wanted(one: Written, value: Any) -> Any:
    """The reference's result for an input."""
    return eval(f"lambda v: {one.reference}")(value)  # noqa: S307 - our own table


def _question(one: Written, place: int) -> Question:
    task = Task(f"written-{place:02d}", one.text, "python")
    tests = [f"assert solve({v!r}) == {wanted(one, v)!r}" for v in inputs(one.start, 12, 1)]
    reference = f"def solve(v):\n    return {one.reference}"
    return Question(Item(task, "written", checked=True), "tests", {"tests": "\n".join(tests) + "\n"}, reference)
