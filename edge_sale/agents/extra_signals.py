"""Signals of a bid that cost an extra request. A plain table; a new signal is one entry.

draft           mean entropy and mean log p of the first tokens of the answer along the plan, in nats. These tokens
                are thrown away. The work begins with the same prompt, which the engine then need not read again.
familiarity     mean log p of the task's own text under the agent's model, in nats
recoverability  how much of the task the agent recovers from its own plan, 0..5 (see auction/judging.py)
likert          the agent's score for its own plan, 0..5 (see auction/judging.py)
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from edge_sale.agents.answering import WorkingAgent, draw_one, first_tokens
from edge_sale.auction.judging import METHODS
from edge_sale.prompts import prompt_in, render
from edge_sale.types import Job, LogLik, LogProb, Task

DRAFT_TOKENS = 16

ExtraSignal = Callable[[WorkingAgent, Task, str], Job[dict[str, float]]]


def draft(agent: WorkingAgent, task: Task, plan: str) -> Job[dict[str, float]]:
    """`draft_entropy` and `draft_logprob`; nothing if the model ends at once."""
    drawn = yield from draw_one(first_tokens(agent, task, plan, DRAFT_TOKENS))
    return {"draft_entropy": drawn.entropy, "draft_logprob": drawn.logprob} if drawn.tokens else {}


def familiarity(agent: WorkingAgent, task: Task, plan: str) -> Job[dict[str, float]]:
    """`familiarity`. Models without prompts of their own get the prompt of recoverability, which is read only once."""
    prompt = render(prompt_in(agent.prompts, "words") if agent.prompts else "recover-nothing")
    replies: list[LogProb] = yield [LogLik(prompt, f" {task.text}")]
    return {"familiarity": replies[0].mean}


def recoverability(agent: WorkingAgent, task: Task, plan: str) -> Job[dict[str, float]]:
    """`recoverability`."""
    scores = yield from METHODS["recoverability"](task, [plan], agent.prompts)
    return {"recoverability": scores[0]}


def likert(agent: WorkingAgent, task: Task, plan: str) -> Job[dict[str, float]]:
    """`likert`."""
    scores = yield from METHODS["likert"](task, [plan], agent.prompts)
    return {"likert": scores[0]}


EXTRA_SIGNALS: dict[str, ExtraSignal] = {
    "draft": draft,
    "familiarity": familiarity,
    "recoverability": recoverability,
    "likert": likert,
}


def measure(agent: WorkingAgent, task: Task, plan: str, wanted: Collection[str]) -> Job[dict[str, float]]:
    """The values of all `wanted` signals for this plan, requested in the order of the table."""
    values: dict[str, float] = {}
    for name, signal in EXTRA_SIGNALS.items():
        if name in wanted:
            values |= yield from signal(agent, task, plan)
    return values
