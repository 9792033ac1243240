"""Work strategies: how an agent turns its plan into an answer. A plain table; a new strategy is one entry.

quick    one answer in one request
planner  one note for each step of the plan, then the answer from the notes
drafts   several drafts in one batch; keeps the best (see `drafts`)
"""

from __future__ import annotations

from collections.abc import Callable

from edge_sale.agents.answering import Show, WorkingAgent, answer_in, answer_prompt, answer_sampling, draw_one
from edge_sale.agents.drafts import drafts
from edge_sale.prompts import prompt_in, render
from edge_sale.types import Generate, Job, Outcome, Sampling, Task

STEP_TOKENS = 48
STEPS = 4  # notes beyond these cost more than they help

WorkStrategy = Callable[[WorkingAgent, Task, str, Show], Job[Outcome]]


def quick(agent: WorkingAgent, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """One answer."""
    text = yield from _answer(agent, task, plan, "", show)
    return Outcome(agent.name, "done", text)


def planner(agent: WorkingAgent, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """A note for each step of the plan in turn, then the answer."""
    notes: list[str] = []
    steps = plan.splitlines()[:STEPS]
    for step in steps:
        prompt = render(
            prompt_in(agent.prompts, "step"),
            domain=task.domain,
            task=task.text,
            plan=plan,
            notes="\n".join(notes),
            step=step,
        )
        sampling = Sampling(STEP_TOKENS, agent.temperature, seed=agent.seed_for("step"), stop=("\n", "```"))
        note = yield from draw_one(Generate(prompt, sampling))
        notes.append(" ".join(note.text.split()))
    text = yield from _answer(agent, task, plan, "\n".join(notes), show)
    return Outcome(agent.name, "done", text, steps=len(steps) + 1)


def _answer(agent: WorkingAgent, task: Task, plan: str, notes: str, show: Show) -> Job[str]:
    """One answer, shown as it is written; under a check shown at the end, since its function may be renamed."""
    live = None if task.check else show
    request = Generate(answer_prompt(agent, task, plan, notes), answer_sampling(agent, task), on_text=live)
    text = answer_in((yield from draw_one(request)), task)
    if live is None:
        show(text)
    return text


WORK_STRATEGIES: dict[str, WorkStrategy] = {"quick": quick, "planner": planner, "drafts": drafts}
