"""What all work strategies share: the prompt for the answer, how it is sampled, and the answer in a reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from edge_sale.agents.answers import code_in, rename_function, without_unfinished_tail
from edge_sale.agents.check_source import called_function
from edge_sale.agents.checks import Checks
from edge_sale.prompts import prompt_in, render
from edge_sale.types import Generate, Generation, Job, Prompt, Sampling, Task

CHECK_CHARACTERS = 300  # a check up to this length is shown to the agent
REPEAT_PENALTY = 1.05  # small models repeat themselves; code needs its repetitions and gets no penalty

Show = Callable[[str], None]
"""Receives the answer, piece by piece, for display."""


class WorkingAgent(Protocol):
    """What a work strategy needs to know about its agent. `prompts` is a folder of prompts, or empty."""

    @property
    def name(self) -> str: ...
    @property
    def samples(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def work(self) -> str: ...
    @property
    def prompts(self) -> str: ...
    @property
    def checks(self) -> Checks: ...

    def seed_for(self, purpose: str) -> int: ...


def draw_one(request: Generate) -> Job[Generation]:
    """The first continuation of one request."""
    replies: list[list[Generation]] = yield [request]
    return replies[0][0]


def draw_all(requests: Sequence[Generate]) -> Job[list[Generation]]:
    """The continuations of all requests of one batch, in order."""
    replies: list[list[Generation]] = yield requests
    return [generation for reply in replies for generation in reply]


def answer_prompt(agent: WorkingAgent, task: Task, plan: str, notes: str = "") -> Prompt:
    """The prompt for the answer along a plan. `notes` are what a planner worked out for the plan's steps."""
    name = prompt_in(agent.prompts, "answer")
    values = {"domain": task.domain, "plan": plan, "notes": notes, "earlier": task.earlier}
    return on_new_line(render(name, task=task_with_check(task), **values))


def answer_sampling(agent: WorkingAgent, task: Task) -> Sampling:
    """How the answer is sampled. Python ends where its fence closes."""
    python = task.domain == "python"
    return Sampling(
        max_tokens=agent.max_tokens,
        temperature=agent.temperature,
        repeat_penalty=1.0 if python else REPEAT_PENALTY,
        seed=agent.seed_for("work"),
        stop=_stops(task),
    )


def first_tokens(agent: WorkingAgent, task: Task, plan: str, tokens: int) -> Generate:
    """A request for the first tokens of the answer, drawn greedily."""
    return Generate(answer_prompt(agent, task, plan), Sampling(tokens, stop=_stops(task)))


def answer_in(generation: Generation, task: Task) -> str:
    """The answer in a generation. For Python it is the code alone, its function named as the check calls it."""
    if task.domain != "python":
        return generation.text.strip()
    code = code_in(generation.text)
    code = without_unfinished_tail(code) if generation.ended == "length" else code
    return rename_function(code, called_function(task.check)) if task.check else code


def task_with_check(task: Task) -> str:
    """The task's text, followed by its check if that is short Python: its calls show how the function is used."""
    if task.check and task.domain == "python" and len(task.check) <= CHECK_CHARACTERS and task.check not in task.text:
        return f"{task.text}\nIt must pass: {task.check}"
    return task.text


def on_new_line(prompt: Prompt) -> Prompt:
    """The prompt with its prefill, an opened fence, on a line of its own, so that the code begins at once."""
    return replace(prompt, prefill=prompt.prefill + "\n") if prompt.prefill else prompt


def _stops(task: Task) -> tuple[str, ...]:
    return ("```",) if task.domain == "python" else ()
