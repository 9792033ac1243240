"""The tasks of `bench bundled`: the bundled models' trade in words and compositions held out of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_sale.evaluation.bundled_tasks import functions
from edge_sale.evaluation.grading import Question

BINS = functions.STEPS


@dataclass(frozen=True, slots=True)
class Job:
    """A question with the structure of its task: the names of its operations, in order."""

    question: Question
    chain: tuple[str, ...]
    half: str

    @property
    def id(self) -> str:
        return self.question.item.task.id


def exam(each: int, seed: int) -> list[Job]:
    """`each` different tasks of every number of steps, in turns, of chains that do not repeat."""
    bins = [functions.exam(each, steps, seed=seed) for steps in range(1, BINS + 1)]
    return _jobs([made for turn in zip(*bins, strict=True) for made in turn])


def stream(count: int, seed: int, families: int = 60) -> list[Job]:
    """Tasks as one user would ask them: chains come back in other words and with other arguments."""
    return _jobs(functions.stream(count, seed, families=families))


def _jobs(made: Sequence[functions.Made]) -> list[Job]:
    found: dict[str, Job] = {}
    for one in made:
        chain = tuple(step.operation.name for step in one.chain)
        found.setdefault(one.id, Job(functions.question(one), chain, one.half))
    return list(found.values())
