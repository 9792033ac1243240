"""Ways of working: how a plan becomes an answer. A plain table; a new way is one entry.

quick    one answer in one go
planner  works out each step of its plan, then answers from the notes
drafts   n samples in one batch, and, where there is a check, three times as many in a second, warmer and
         without the plan; keeps the one that passes and agrees with most; without a check, of those that parse,
         the one most agreed on
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from edge_sale.agents.answers import code_in, rename_function, syntax_fault, votes, without_unfinished_tail
from edge_sale.agents.check_source import called_function, count_assertions
from edge_sale.agents.checks import Checks, ignores_input
from edge_sale.errors import Cancelled, EngineError
from edge_sale.prompts import prompt_in, render
from edge_sale.types import Generate, Generation, Job, Message, Outcome, Prompt, Sampling, Task

STEP_TOKENS = 48
STEPS = 4  # notes beyond these cost more than they tell
SECOND = 3  # times as many drafts in a second wave under a check: they are worth more than a larger model
THOROUGH = 3  # count_assertions in a check that one draft alone is believed for
SHOWN = 300  # characters of a check that whoever works reads
WARMER = 0.2  # temperature added with each part of it: what failed so far should not be drawn again
REPEAT_PENALTY = 1.05  # small models run in circles; code needs its repetitions


class WorkingAgent(Protocol):
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
    def work(self) -> str: ...
    @property
    def prompts(self) -> str: ...
    @property
    def checks(self) -> Checks: ...

    def seed_for(self, purpose: str) -> int: ...


Show = Callable[[str], None]
WorkStrategy = Callable[[WorkingAgent, Task, str, Show], Job[Outcome]]


def quick(agent: WorkingAgent, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """One answer."""
    text = yield from _single(agent, task, plan, "", show)
    return Outcome(agent.name, "done", text)


def planner(agent: WorkingAgent, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """A note on every step in turn, then the answer."""
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
        replies: list[list[Generation]] = yield [Generate(prompt, sampling)]
        notes.append(" ".join(replies[0][0].text.split()))
    text = yield from _single(agent, task, plan, "\n".join(notes), show)
    return Outcome(agent.name, "done", text, steps=len(steps) + 1)


def drafts(agent: WorkingAgent, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """The best of n drafts; under a check of up to 1 + SECOND times as many, and one round of repairs.

    Of drafts that pass, those that behave alike on other inputs agree, and the most agreed on stays. A check
    of one or two count_assertions is not enough for a single draft to be believed while more can be drawn.
    """
    drawn: list[Generation] = yield from _several(agent, task, plan)
    texts = [answer(draft, task) for draft in drawn]
    if task.check is None:
        best = texts[choose(texts, [draft.logprob for draft in drawn], task.domain)]
        show(best)
        return Outcome(agent.name, "done", best)
    checks, enough = agent.checks, 1 if count_assertions(task.check) >= THOROUGH else 2
    passing = _passing(checks, task, texts)
    for wave in ("more", "repair"):
        ranked, agreed = _agreeing(checks, task, passing)
        if agreed >= enough or (passing and wave == "repair"):
            break
        try:
            fresh = yield from _more(agent, task, plan) if wave == "more" else _repairs(agent, task, plan, drawn, texts)
        except Cancelled:
            raise
        except EngineError:  # no time or no room for more: what there is counts
            fresh = []
        drawn = [*drawn, *fresh]
        later = [answer(draft, task) for draft in fresh]
        passing += _passing(checks, task, later, texts, passing)
        texts += later
    else:
        ranked, _ = _agreeing(checks, task, passing)
    for text in ranked:
        if checks.passes(task, text):  # alone this time, as the user's own run would be
            show(text)
            note = f"draft {texts.index(text) + 1} of {len(texts)} passed the check"
            return Outcome(agent.name, "passed", text, verified=True, notes=(note,))
    best = texts[choose(texts, [draft.logprob for draft in drawn], task.domain)]
    show(best)
    return Outcome(agent.name, "done", best)


def _passing(
    checks: Checks, task: Task, texts: Sequence[str], before: Sequence[str] = (), passed: Sequence[str] = ()
) -> list[str]:
    """Those of the texts that pass, as often as they were drawn; what was checked `before` is not checked again."""
    fresh = [text for text in dict.fromkeys(texts) if text not in before]
    good = {*passed, *(text for text, passes in zip(fresh, checks.keep_passing(task, fresh), strict=True) if passes)}
    return [text for text in texts if text in good]


def _agreeing(checks: Checks, task: Task, passing: Sequence[str]) -> tuple[list[str], int]:
    """The texts by how many drafts behave as they do, earlier ones first among equals; and the largest number.

    What gives the same whatever it is given comes last and agrees with nothing: many write `return True`.
    """
    if not passing:
        return [], 0
    distinct = list(dict.fromkeys(passing))
    shapes = dict(zip(distinct, checks.behaviours(task, distinct), strict=True))
    counts = {
        text: 0 if ignores_input(shapes[text]) else sum(shapes[other] == shapes[text] for other in passing)
        for text in distinct
    }
    return sorted(distinct, key=lambda text: -counts[text]), max(counts.values())


def _more(agent: WorkingAgent, task: Task, plan: str) -> Job[list[Generation]]:
    """The second wave, in one batch: SECOND times as many, each part warmer than the one before, without the plan.

    A plan that does not lead to the answer leads away from it.
    """
    prompt, sampling = _prompt(agent, task, plan, ""), _sampling(agent, task)
    if task.domain == "python" and not (agent.prompts or task.earlier):
        prompt = _open(render("draft", domain=task.domain, task=_words(task)))
    requests = [
        Generate(
            prompt,
            replace(sampling, temperature=agent.temperature + WARMER * part, seed=sampling.seed + part * agent.samples),
            agent.samples,
        )
        for part in range(1, SECOND + 1)
    ]
    replies: list[list[Generation]] = yield requests
    return [draft for reply in replies for draft in reply]


def _repairs(
    agent: WorkingAgent, task: Task, plan: str, drawn: Sequence[Generation], texts: Sequence[str]
) -> Job[list[Generation]]:
    """The most agreed on draft with what it gives instead, and as many tries to put it right."""
    best = texts[choose(texts, [draft.logprob for draft in drawn], task.domain)]
    failure = agent.checks.failure(task, best)
    if not failure or task.domain != "python":
        return []
    prompt = _prompt(agent, task, plan, "")
    said = Message("assistant", f"{prompt.prefill}{best}\n```")
    asked = Message("user", f"{failure}. Write it again, correctly.")
    sampling = replace(_sampling(agent, task), seed=agent.seed_for("repair"), temperature=agent.temperature + WARMER)
    replies: list[list[Generation]] = yield [
        Generate(replace(prompt, messages=(*prompt.messages, said, asked)), sampling, agent.samples)
    ]
    return replies[0]


def choose(answers: Sequence[str], logprobs: Sequence[float], domain: str) -> int:
    """The place of the answer most agreed on among those that parse; of equals the likeliest."""
    sound = [
        i for i, text in enumerate(answers) if text.strip() and (domain != "python" or syntax_fault(text) is None)
    ] or list(range(len(answers)))
    agreed = votes([answers[i] for i in sound], domain)
    return max(zip(agreed, (logprobs[i] for i in sound), sound, strict=True))[2]


def answer(drawn: Generation, task: Task) -> str:
    """The answer in a generation; of Python the code alone, its function called_function what the check calls it."""
    if task.domain != "python":
        return drawn.text.strip()
    code = code_in(drawn.text)
    code = without_unfinished_tail(code) if drawn.ended == "length" else code
    return rename_function(code, called_function(task.check)) if task.check else code


def _single(agent: WorkingAgent, task: Task, plan: str, notes: str, show: Show) -> Job[str]:
    """One answer, shown as it is written; under a check when it is there, as that may change a name in it."""
    live = None if task.check else show
    replies: list[list[Generation]] = yield [
        Generate(_prompt(agent, task, plan, notes), _sampling(agent, task), on_text=live)
    ]
    text = answer(replies[0][0], task)
    if live is None:
        show(text)
    return text


def _several(agent: WorkingAgent, task: Task, plan: str) -> Job[list[Generation]]:
    """As many answers as the agent samples, in one batch. Of several the first is the likeliest one."""
    prompt, sampling = _prompt(agent, task, plan, ""), _sampling(agent, task)
    if agent.samples > 1:
        requests = [Generate(prompt, replace(sampling, temperature=0.0)), Generate(prompt, sampling, agent.samples - 1)]
    else:
        requests = [Generate(prompt, sampling)]
    replies: list[list[Generation]] = yield requests
    return [draft for reply in replies for draft in reply]


def _sampling(agent: WorkingAgent, task: Task) -> Sampling:
    return Sampling(
        max_tokens=agent.max_tokens,
        temperature=agent.temperature,
        repeat_penalty=1.0 if task.domain == "python" else REPEAT_PENALTY,
        seed=agent.seed_for("work"),
        stop=("```",) if task.domain == "python" else (),
    )


def beginning(agent: WorkingAgent, task: Task, plan: str, tokens: int) -> Generate:
    """The likeliest first tokens of the work."""
    stop = ("```",) if task.domain == "python" else ()
    return Generate(_prompt(agent, task, plan, ""), Sampling(tokens, stop=stop))


def _prompt(agent: WorkingAgent, task: Task, plan: str, notes: str) -> Prompt:
    name = prompt_in(agent.prompts, "answer")
    return _open(render(name, domain=task.domain, task=_words(task), plan=plan, notes=notes, earlier=task.earlier))


def _words(task: Task) -> str:
    """The task with its check, where that is short: what it is called_function with says how it is meant."""
    if task.check and task.domain == "python" and len(task.check) <= SHOWN and task.check not in task.text:
        return f"{task.text}\nIt must pass: {task.check}"
    return task.text


def _open(prompt: Prompt) -> Prompt:
    """The fence is opened for the model, so that the code begins at once."""
    return replace(prompt, prefill=prompt.prefill + "\n") if prompt.prefill else prompt


WORK_STRATEGIES: dict[str, WorkStrategy] = {"quick": quick, "planner": planner, "drafts": drafts}
