"""What a bid can carry besides its plan, for signals that cost an ask: a plain table; a new one is one entry.

draft           the first tokens of the work along the plan: their mean entropy and log p. They are not kept, but
                who works begins with the same prompt, which is then not read twice.
familiarity     mean log p of the task's own words under the agent
recoverability  how much of the task the agent recovers from its own plan (see auction/judging.py)
likert          its own answer to the paper's question about its plan
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from edge_sale.agents import work_strategies
from edge_sale.agents.work_strategies import WorkingAgent
from edge_sale.auction.judging import METHODS
from edge_sale.prompts import prompt_in, render
from edge_sale.types import Generation, Job, LogLik, LogProb, Task

DRAFT_TOKENS = 16

ExtraSignal = Callable[[WorkingAgent, Task, str], Job[dict[str, float]]]


def draft(agent: WorkingAgent, task: Task, plan: str) -> Job[dict[str, float]]:
    replies: list[list[Generation]] = yield [work_strategies.beginning(agent, task, plan, DRAFT_TOKENS)]
    drawn = replies[0][0]
    return {"draft_entropy": drawn.entropy, "draft_logprob": drawn.logprob} if drawn.tokens else {}


def familiarity(agent: WorkingAgent, task: Task, plan: str) -> Job[dict[str, float]]:
    # prompts of its own have a line for it; else the question that recoverability asks too: nothing is read twice
    prompt = render(prompt_in(agent.prompts, "words") if agent.prompts else "recover-nothing")
    replies: list[LogProb] = yield [LogLik(prompt, f" {task.text}")]
    return {"familiarity": replies[0].mean}


def recoverability(agent: WorkingAgent, task: Task, plan: str) -> Job[dict[str, float]]:
    scores = yield from METHODS["recoverability"](task, [plan], agent.prompts)
    return {"recoverability": scores[0]}


def likert(agent: WorkingAgent, task: Task, plan: str) -> Job[dict[str, float]]:
    scores = yield from METHODS["likert"](task, [plan], agent.prompts)
    return {"likert": scores[0]}


EXTRA_SIGNALS: dict[str, ExtraSignal] = {
    "draft": draft,
    "familiarity": familiarity,
    "recoverability": recoverability,
    "likert": likert,
}


def load(agent: WorkingAgent, task: Task, plan: str, wanted: Collection[str]) -> Job[dict[str, float]]:
    """Everything of `wanted` for this plan, in the table's order."""
    found: dict[str, float] = {}
    for name, signal in EXTRA_SIGNALS.items():
        if name in wanted:
            found |= yield from signal(agent, task, plan)
    return found
