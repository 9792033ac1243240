"""An agent over an endpoint: a server of the user's own, or a model of somebody else's.

It is given the task and, where it bid, its own plan. A remote of somebody else's sees nothing of other
tasks and nothing of other agents' plans: it neither refines from memory nor judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from edge_sale.agents import steps, work_strategies
from edge_sale.agents.checks import Checks
from edge_sale.agents.local import LESSON_CHARACTERS, PLAN_TEMPERATURE, tidy, within
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.judging import METHODS
from edge_sale.errors import EngineError
from edge_sale.prompts import render
from edge_sale.types import Generate, Generation, Job, Lesson, Outcome, Sampling, Strategy, Task


@dataclass(frozen=True, slots=True)
class RemoteAgent:
    """Implements `types.Agent`; its engine has the agent's own name. `mine`: a server of the user's own.

    `prompts`: a folder of prompts for models that were trained to them; such a one plans before it works.
    """

    name: str
    price: float
    mine: bool
    plan_tokens: int = 80
    max_tokens: int = 1024
    prompts: str = ""
    workspace: Workspace | None = None
    checks: Checks = field(default_factory=Checks)

    # how it works in a folder
    work: ClassVar[str] = "planner"
    samples: ClassVar[int] = 1
    temperature: ClassVar[float] = 0.0

    @property
    def model(self) -> str:
        return self.name

    def seed_for(self, purpose: str) -> int:
        """Remotes draw as they like."""
        return 0

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        """A plan for the task."""
        known = within(lessons, LESSON_CHARACTERS) if self.mine else []
        drawn = yield from self._plan(task, known)
        if not (text := tidy(drawn.text, cut=drawn.ended == "length")):
            raise EngineError(f"{self.name} wrote no plan")
        return Strategy(text, drawn.tokens, drawn.entropy, {"lessons": float(len(known))})

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        """A score from 0 to 5 for each plan; other agents' plans stay away from somebody else's model."""
        if not self.mine:
            raise EngineError("a remote is not shown the other agents' plans")
        return (yield from METHODS["likert"](task, plans, self.prompts))

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        """The answer, in one go; in a folder, step by step, and what it reads there goes to the remote.

        A model with prompts of its own answers after a plan, also where there is none.
        """
        if not self.mine:  # earlier turns of a chat were other tasks
            task = replace(task, earlier=())
        if task.repo and self.workspace is not None:
            return (yield from steps.work(self, task, plan, show, self.workspace, strict=False))
        if self.prompts:
            if not plan:
                drawn = yield from self._plan(task, ())
                plan = tidy(drawn.text, cut=drawn.ended == "length")
            prompt = render(f"{self.prompts}/answer", task=task.text, plan=plan, domain=task.domain, notes="")
        else:
            prompt = render("remote-answer", task=task.text, plan=plan, domain=task.domain, earlier=task.earlier)
        code = task.domain == "python"  # may come between sentences and fences, which are taken off
        live = None if code else show
        replies: list[list[Generation]] = yield [Generate(prompt, Sampling(self.max_tokens), on_text=live)]
        drawn = replies[0][0]
        text = work_strategies.answer(drawn, task)
        if code:
            show(text)
        cut = (f"the answer was cut off at {drawn.tokens} tokens; max_tokens of remote {self.name!r} is the bound",)
        return Outcome(self.name, "done", text, notes=cut if drawn.ended == "length" else ())

    def _plan(self, task: Task, lessons: Sequence[Lesson]) -> Job[Generation]:
        if self.prompts:
            more: dict[str, Any] = {"lessons": lessons} if lessons else {}
            name = "refine" if lessons else "plan"
            prompt = render(f"{self.prompts}/{name}", task=task.text, domain=task.domain, **more)
            sampling = Sampling(self.plan_tokens)
        else:
            prompt = render("remote-plan", task=task.text, lessons=lessons)
            # chat models have their ways: room for a sentence before the plan, which still is bounded
            sampling = Sampling(self.plan_tokens * 2, PLAN_TEMPERATURE)
        replies: list[list[Generation]] = yield [Generate(prompt, sampling)]
        drawn = replies[0][0]
        return replace(drawn, text=f"{prompt.prefill}{drawn.text}")
