"""How a juror scores plans from 0 to 5: a table of methods. Each method is a job over all plans of a task.

likert          The paper's question. The score is the mean of the six digits under the juror's own probabilities,
                read from their logits; no token is sampled.
recoverability  How much likelier the plan makes the task: mean log p(task | plan) - mean log p(task) in nats a
                token, mapped to 0..5. Of a long task only the first RECOVERED characters are used, which is enough
                for a mean. Nothing is sampled. At 135M parameters a Likert answer is noise, while this method tells
                a plan that fits the task (0.6 to 1.7 nats) from one that does not (0.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from edge_sale.prompts import prompt_in, render
from edge_sale.scoring.scorer import TOP
from edge_sale.types import Choice, Choose, Job, LogLik, LogProb, Task

DIGITS = ("0", "1", "2", "3", "4", "5")
RECOVERED = 1200  # characters of a task; they are read once more for every plan
UNIT_GAIN = 0.5  # nats a token for which a plan scores 5 * (1 - 1/e), about 3.2


class Method(Protocol):
    """Scores for the plans, each 0..5. `prompts` names a folder of prompts; empty: those for any instruct model."""

    def __call__(self, task: Task, plans: Sequence[str], prompts: str = "") -> Job[list[float]]: ...


def likert(task: Task, plans: Sequence[str], prompts: str = "") -> Job[list[float]]:
    """The expected digit for each plan, 0..5."""
    replies: list[Choice] = yield [
        Choose(render(prompt_in(prompts, "likert"), task=task.text, plan=plan), DIGITS) for plan in plans
    ]
    return [sum(digit * p for digit, p in enumerate(reply.probabilities)) for reply in replies]


def recoverability(task: Task, plans: Sequence[str], prompts: str = "") -> Job[list[float]]:
    """How much each plan tells of its task, 0..5. A plan that tells nothing scores 0."""
    words = f" {beginning(task.text)}"  # it follows "Task:" in the prompt
    unseen = LogLik(render(prompt_in(prompts, "recover-nothing")), words)
    seen = [LogLik(render(prompt_in(prompts, "recover"), plan=plan), words) for plan in plans]
    replies: list[LogProb] = yield [unseen, *seen]
    prior, *given = (reply.mean for reply in replies)
    return [to_score(mean - prior) for mean in given]


def beginning(text: str) -> str:
    """The first RECOVERED characters at most, cut at the end of a word where there is one."""
    if len(text) <= RECOVERED or not (words := text[:RECOVERED].rsplit(maxsplit=1)):
        return text[:RECOVERED]
    return words[0]


def to_score(gain: float) -> float:
    """A gain in nats a token as a score: 0 for no gain, near 5 for a large one."""
    return TOP * (1.0 - math.exp(-max(gain, 0.0) / UNIT_GAIN))


METHODS: dict[str, Method] = {"likert": likert, "recoverability": recoverability}
