"""Agents whose models were trained on prompts of their own, and the familiarity signal of their bids."""

from __future__ import annotations

from typing import Any

from edge_sale.agents.local import LocalAgent
from edge_sale.agents.remote import RemoteAgent
from edge_sale.types import Choice, Generate, Lesson, LogLik, LogProb, Message, Task
from tests.llama.kit import generation

TASK = Task("t", "Write a function that reverses a list.", "python")
LESSON = Lesson("a", "Past.", "1. won", "1. lost", "x", "y", 0.9)


def local(**changes: Any) -> LocalAgent:
    return LocalAgent("tiny", "m", 0.01, "quick", "likert", prompts="trade", plan_temperature=0.0, **changes)


def play(job: Any, *replies: Any) -> tuple[list[Any], Any]:
    """The batches of requests that a job made, given these replies in turn, and what it returned."""
    asked = [next(job)]
    for reply in replies:
        try:
            asked.append(job.send(reply))
        except StopIteration as end:
            return asked, end.value
    raise AssertionError("the job made more requests than there are replies")


def test_its_plan_is_requested_with_the_prompt_of_its_training() -> None:
    """The prompt is that of its folder, drawn greedily up to the end token; the prefill is part of the plan."""
    ((request,),), plan = play(local().bid(TASK), [[generation(" reverse")]])
    assert request.prompt.messages == (Message("user", f"Plan: {TASK.text}"),)
    assert (request.sampling.temperature, request.sampling.stop) == (0.0, ())
    assert plan.text == "1. reverse" and "familiarity" not in plan.signals


def test_familiarity_costs_one_more_request() -> None:
    """It is the mean log p of the task's text at the beginning of a user's turn; nothing is drawn for it."""
    bid = local(extra_signals=("familiarity",)).bid(TASK)
    ((draw,), (read,)), plan = play(bid, [[generation(" reverse")]], [LogProb(-12.0, 8, 3, 0.0)])
    assert isinstance(draw, Generate) and isinstance(read, LogLik)
    assert (read.prompt.messages, read.prompt.turn, read.prompt.prefill) == ((), "user", "Plan:")
    assert read.text == f" {TASK.text}"
    assert plan.signals["familiarity"] == -1.5


def test_lessons_judgement_and_work_have_their_own_prompts() -> None:
    """A lesson is a task with the plan that lost and the better one; the work gets only the plan."""
    ((request,),), _ = play(local().bid(TASK, [LESSON]), [[generation(" x")]])
    turns = [message.content for message in request.prompt.messages]
    assert turns[:2] == ["Plan: Past.", "1. lost"] and turns[3] == "1. won" and turns[4] == f"Plan: {TASK.text}"
    ((choose,),), scores = play(local().judge(TASK, ["1. reverse"]), [Choice((0, 0, 0, 0, 0.5, 0.5), 9, 0.0)])
    assert choose.prompt.messages[-1].content == f"Judge: {TASK.text}\n1. reverse" and scores == [4.5]
    ((work,),), outcome = play(local().execute(TASK, "1. reverse", print), [[generation("def solve(xs): ...")]])
    assert work.prompt.messages == (Message("user", "Code:\n1. reverse"),) and work.prompt.prefill == ""
    assert outcome.answer == "def solve(xs): ..."


def test_behind_an_endpoint_it_plans_before_it_works() -> None:
    """A fallback of this kind gets only the task: it makes a plan, then works along it."""
    agent = RemoteAgent("far", 1.0, mine=False, prompts="trade")
    (plan, work), outcome = play(
        agent.execute(TASK, "", print), [[generation(" reverse")]], [[generation("def solve(xs): ...")]]
    )
    assert plan[0].prompt.messages == (Message("user", f"Plan: {TASK.text}"),) and plan[0].prompt.prefill == "1."
    assert work[0].prompt.messages == (Message("user", "Code:\n1. reverse"),)
    assert outcome.answer == "def solve(xs): ..."
