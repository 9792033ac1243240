"""Ways of working: how a plan becomes an answer. A plain table; a new way is one entry.

quick    one answer in one go
planner  works out each step of its plan, then answers from the notes
drafts   n samples in one batch; keeps the first that passes the check where there is one and
         draws again where none does, else, of those that parse, the one most agreed on
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from edge_sale.agents.answers import code_in, syntax_fault, trimmed, votes
from edge_sale.prompts import prompt_in, render
from edge_sale.types import Generate, Generation, Job, Outcome, Prompt, Sampling, Task

STEP_TOKENS = 48
STEPS = 4  # notes beyond these cost more than they tell
WAVES = 4  # of drafts under a check: samples and a check are worth more than a larger model
WARMER = 0.2  # temperature added with each wave: what failed so far should not be drawn again
REPEAT_PENALTY = 1.05  # small models run in circles; code needs its repetitions


class Worker(Protocol):
    """What a way of working needs to know of its agent."""

    @property
    def name(self) -> str: ...
    @property
    def samples(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def prompts(self) -> str: ...
    @property
    def passes(self) -> Callable[[Task, str], bool | None]: ...

    def seed_for(self, purpose: str) -> int: ...


Show = Callable[[str], None]
Way = Callable[[Worker, Task, str, Show], Job[Outcome]]


def quick(agent: Worker, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """One answer, shown as it is written."""
    drawn = yield from _draw(agent, task, plan, show=show)
    return Outcome(agent.name, "done", answer(drawn[0], task))


def planner(agent: Worker, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """A note on every step in turn, then the answer."""
    notes: list[str] = []
    steps = plan.splitlines()[:STEPS]
    for step in steps:
        prompt = render(
            prompt_in(agent.prompts, "step"),
            domain=task.domain, task=task.text, plan=plan, notes="\n".join(notes), step=step,
        )  # fmt: skip
        sampling = Sampling(STEP_TOKENS, agent.temperature, seed=agent.seed_for("step"), stop=("\n", "```"))
        replies: list[list[Generation]] = yield [Generate(prompt, sampling)]
        notes.append(" ".join(replies[0][0].text.split()))
    drawn = yield from _draw(agent, task, plan, notes="\n".join(notes), show=show)
    return Outcome(agent.name, "done", answer(drawn[0], task), steps=len(steps) + 1)


def drafts(agent: Worker, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """The best of n drafts; with a check that none of them passes, of up to WAVES times as many."""
    texts: list[str] = []
    logprobs: list[float] = []
    failed: set[str] = set()  # the same text twice is checked once: a check may take its whole time limit
    for wave in range(WAVES if task.check is not None else 1):
        fresh = yield from _draw(agent, task, plan, samples=agent.samples, wave=wave)
        for draft in fresh:
            text = answer(draft, task)
            texts.append(text)
            logprobs.append(draft.logprob)
            if text in failed:
                continue
            if agent.passes(task, text):
                show(text)
                note = f"draft {len(texts)} of {(wave + 1) * agent.samples} passed the check"
                return Outcome(agent.name, "passed", text, verified=True, notes=(note,))
            failed.add(text)
    best = texts[choose(texts, logprobs, task.domain)]
    show(best)
    return Outcome(agent.name, "done", best)


def choose(answers: Sequence[str], logprobs: Sequence[float], domain: str) -> int:
    """The place of the answer most agreed on among those that parse; of equals the likeliest."""
    sound = [
        i for i, text in enumerate(answers)
        if text.strip() and (domain != "python" or syntax_fault(text) is None)
    ] or list(range(len(answers)))  # fmt: skip
    agreed = votes([answers[i] for i in sound], domain)
    return max(zip(agreed, (logprobs[i] for i in sound), sound, strict=True))[2]


def answer(drawn: Generation, task: Task) -> str:
    """The answer in a generation; of Python the code alone."""
    if task.domain != "python":
        return drawn.text.strip()
    code = code_in(drawn.text)
    return trimmed(code) if drawn.ended == "length" else code


def _draw(
    agent: Worker,
    task: Task,
    plan: str,
    *,
    notes: str = "",
    samples: int = 1,
    wave: int = 0,
    show: Show | None = None,
) -> Job[list[Generation]]:
    """So many answers in one batch. Of several the first is the likeliest one; later waves are drawn warmer."""
    prompt = _prompt(agent, task, plan, notes)
    sampling = Sampling(
        max_tokens=agent.max_tokens,
        temperature=agent.temperature + WARMER * wave,
        repeat_penalty=1.0 if task.domain == "python" else REPEAT_PENALTY,
        seed=agent.seed_for("work") + wave * samples,  # a later wave does not draw the earlier one again
        stop=("```",) if task.domain == "python" else (),
    )
    if samples > 1 and wave == 0:
        asks = [Generate(prompt, replace(sampling, temperature=0.0)), Generate(prompt, sampling, samples - 1)]
    else:
        asks = [Generate(prompt, sampling, samples, on_text=show)]
    replies: list[list[Generation]] = yield asks
    return [draft for reply in replies for draft in reply]


def _prompt(agent: Worker, task: Task, plan: str, notes: str) -> Prompt:
    prompt = render(prompt_in(agent.prompts, "answer"), domain=task.domain, task=task.text, plan=plan, notes=notes)
    # the fence is opened for the model, so that the code begins at once
    return replace(prompt, prefill=prompt.prefill + "\n") if prompt.prefill else prompt


WAYS: dict[str, Way] = {"quick": quick, "planner": planner, "drafts": drafts}
