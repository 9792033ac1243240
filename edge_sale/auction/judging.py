"""How a juror scores a plan from 0 to 5: a table of methods, each a job over all plans.

likert          the paper's question, the score read from the logits of the six digits:
                the mean of the digits under the juror's own probabilities.
recoverability  how much of the task a reader could recover from the plan alone:
                mean log p(task | plan) - mean log p(task), in nats a token, squeezed
                into 0..5; of a long task its first RECOVERED characters, which is
                enough for a mean. Prefill only. At 135M parameters a Likert answer is noise
                while this tells a fitting plan (0.6 to 1.7 nats) from a stray one (0.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from edge_sale.prompts import prompt_in, render
from edge_sale.scoring.scorer import TOP
from edge_sale.types import Choice, Choose, Job, LogLik, LogProb, Task

DIGITS = ("0", "1", "2", "3", "4", "5")
RECOVERED = 1200  # characters of a task: every plan has all of them read once more
HALF_GAIN = 0.5  # nats a token at which a plan has earned 5 * (1 - 1/e), about 3.2


class Method(Protocol):
    """`prompts` is the folder of prompts that the juror's model is used to; empty: those for any instruct model."""

    def __call__(self, task: Task, plans: Sequence[str], prompts: str = "") -> Job[list[float]]: ...


def likert(task: Task, plans: Sequence[str], prompts: str = "") -> Job[list[float]]:
    """The expected digit for each plan, 0..5."""
    replies: list[Choice] = yield [
        Choose(render(prompt_in(prompts, "likert"), task=task.text, plan=plan), DIGITS) for plan in plans
    ]
    return [sum(digit * p for digit, p in enumerate(reply.probabilities)) for reply in replies]


def recoverability(task: Task, plans: Sequence[str], prompts: str = "") -> Job[list[float]]:
    """What each plan tells of its task, 0..5; a plan that tells nothing scores 0."""
    words = f" {beginning(task.text)}"  # behind "Task:", as the model would write it
    unseen = LogLik(render(prompt_in(prompts, "recover-nothing")), words)
    seen = [LogLik(render(prompt_in(prompts, "recover"), plan=plan), words) for plan in plans]
    replies: list[LogProb] = yield [unseen, *seen]
    prior, *given = (reply.mean for reply in replies)
    return [squeeze(mean - prior) for mean in given]


def beginning(text: str) -> str:
    """At most the first RECOVERED characters, up to the end of a word where one ends there."""
    if len(text) <= RECOVERED or not (words := text[:RECOVERED].rsplit(maxsplit=1)):
        return text[:RECOVERED]
    return words[0]


def squeeze(gain: float) -> float:
    """Nats a token to a score: 0 for no gain, towards 5 for much."""
    return TOP * (1.0 - math.exp(-max(gain, 0.0) / HALF_GAIN))


METHODS: dict[str, Method] = {"likert": likert, "recoverability": recoverability}
