"""The work strategy `drafts`: several drafts in one batch, of which the best is the answer.

Without a check the best is the draft that most others agree with, among those that parse.

With a check there are up to three batches: the first drafts, then SECOND_BATCH times as many without the plan and at
rising temperatures, then repairs of the best draft if none has passed. Drafts that pass are compared on other inputs,
and the one that most others behave like is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_sale.agents.answering import (
    Show,
    WorkingAgent,
    answer_in,
    answer_prompt,
    answer_sampling,
    draw_all,
    on_new_line,
    task_with_check,
)
from edge_sale.agents.answers import syntax_fault, votes
from edge_sale.agents.check_source import count_assertions
from edge_sale.agents.checks import Checks, ignores_input
from edge_sale.errors import Cancelled, EngineError
from edge_sale.prompts import render
from edge_sale.types import Generate, Generation, Job, Message, Outcome, Task

SECOND_BATCH = 3  # times as many drafts as in the first batch: under a check they help more than a larger model
THOROUGH = 3  # under a check of so many assertions, one draft that passes is enough; else two have to agree
WARMER = 0.2  # added to the temperature, part by part, so that drafts that failed are not drawn again


def drafts(agent: WorkingAgent, task: Task, plan: str, show: Show) -> Job[Outcome]:
    """The best of the drafts; `passed` if it passes the task's check."""
    generations: list[Generation] = yield from _first_batch(agent, task, plan)
    texts = [answer_in(generation, task) for generation in generations]
    if task.check is None:
        return _done(agent, task, texts, generations, show)
    checks, enough = agent.checks, 1 if count_assertions(task.check) >= THOROUGH else 2
    passing = _passing(checks, task, texts)
    for batch in ("second", "repairs"):
        ranked, agreeing = _by_agreement(checks, task, passing)
        if agreeing >= enough or (passing and batch == "repairs"):
            break
        try:
            if batch == "second":
                fresh = yield from _second_batch(agent, task, plan)
            else:
                fresh = yield from _repairs(agent, task, plan, generations, texts)
        except Cancelled:
            raise
        except EngineError:  # no time or no memory for more: the drafts so far count
            fresh = []
        generations = [*generations, *fresh]
        fresh_texts = [answer_in(generation, task) for generation in fresh]
        passing += _passing(checks, task, fresh_texts, texts, passing)
        texts += fresh_texts
    else:
        ranked, _ = _by_agreement(checks, task, passing)
    for text in ranked:
        if checks.passes(task, text):  # alone, as the user would run it
            show(text)
            note = f"draft {texts.index(text) + 1} of {len(texts)} passed the check"
            return Outcome(agent.name, "passed", text, verified=True, notes=(note,))
    return _done(agent, task, texts, generations, show)


def _done(
    agent: WorkingAgent, task: Task, texts: Sequence[str], generations: Sequence[Generation], show: Show
) -> Outcome:
    """The outcome where no draft is known to pass: the draft that most others agree with."""
    best = texts[choose(texts, [generation.logprob for generation in generations], task.domain)]
    show(best)
    return Outcome(agent.name, "done", best)


def _first_batch(agent: WorkingAgent, task: Task, plan: str) -> Job[list[Generation]]:
    """As many drafts as the agent samples. If there are several, the first is drawn greedily."""
    prompt, sampling = answer_prompt(agent, task, plan), answer_sampling(agent, task)
    if agent.samples <= 1:
        return (yield from draw_all([Generate(prompt, sampling)]))
    greedy = Generate(prompt, replace(sampling, temperature=0.0))
    return (yield from draw_all([greedy, Generate(prompt, sampling, agent.samples - 1)]))


def _second_batch(agent: WorkingAgent, task: Task, plan: str) -> Job[list[Generation]]:
    """SECOND_BATCH times as many drafts, each part warmer than the one before.

    Python is drafted without the plan: a plan that did not lead to the answer leads away from it.
    """
    prompt, sampling = answer_prompt(agent, task, plan), answer_sampling(agent, task)
    if task.domain == "python" and not (agent.prompts or task.earlier):
        prompt = on_new_line(render("draft", domain=task.domain, task=task_with_check(task)))
    requests = [
        Generate(
            prompt,
            replace(sampling, temperature=agent.temperature + WARMER * part, seed=sampling.seed + part * agent.samples),
            agent.samples,
        )
        for part in range(1, SECOND_BATCH + 1)
    ]
    return (yield from draw_all(requests))


def _repairs(
    agent: WorkingAgent, task: Task, plan: str, generations: Sequence[Generation], texts: Sequence[str]
) -> Job[list[Generation]]:
    """As many repairs of the best draft as the agent samples; the prompt says what the draft returns instead."""
    best = texts[choose(texts, [generation.logprob for generation in generations], task.domain)]
    failure = agent.checks.failure(task, best)
    if not failure or task.domain != "python":
        return []
    prompt = answer_prompt(agent, task, plan)
    draft = Message("assistant", f"{prompt.prefill}{best}\n```")
    complaint = Message("user", f"{failure}. Write it again, correctly.")
    sampling = replace(
        answer_sampling(agent, task), seed=agent.seed_for("repair"), temperature=agent.temperature + WARMER
    )
    repair = replace(prompt, messages=(*prompt.messages, draft, complaint))
    return (yield from draw_all([Generate(repair, sampling, agent.samples)]))


def _passing(
    checks: Checks, task: Task, texts: Sequence[str], checked: Sequence[str] = (), passed: Sequence[str] = ()
) -> list[str]:
    """Those texts that pass, as often as they were drawn. Texts in `checked` passed if they are in `passed`."""
    fresh = [text for text in dict.fromkeys(texts) if text not in checked]
    good = {*passed, *(text for text, passes in zip(fresh, checks.keep_passing(task, fresh), strict=True) if passes)}
    return [text for text in texts if text in good]


def _by_agreement(checks: Checks, task: Task, passing: Sequence[str]) -> tuple[list[str], int]:
    """The distinct texts, those that most drafts behave like first, and the largest number of such drafts.

    Of equals the earlier text comes first. A text that ignores its input agrees with none and comes last: many small
    models write `return True`.
    """
    if not passing:
        return [], 0
    distinct = list(dict.fromkeys(passing))
    behaviours = dict(zip(distinct, checks.behaviours(task, distinct), strict=True))
    counts = {
        text: 0 if ignores_input(behaviours[text]) else sum(behaviours[other] == behaviours[text] for other in passing)
        for text in distinct
    }
    return sorted(distinct, key=lambda text: -counts[text]), max(counts.values())


def choose(texts: Sequence[str], logprobs: Sequence[float], domain: str) -> int:
    """The index of the text that most others agree with, among those that parse; of equals the most likely one."""
    sound = [
        i for i, text in enumerate(texts) if text.strip() and (domain != "python" or syntax_fault(text) is None)
    ] or list(range(len(texts)))
    agreeing = votes([texts[i] for i in sound], domain)
    return max(zip(agreeing, (logprobs[i] for i in sound), sound, strict=True))[2]
