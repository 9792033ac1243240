"""An agent over an endpoint: the user's own server, or somebody else's.

It gets the task and, if it made a bid, its own plan. Somebody else's server gets nothing about other tasks and no
plans of other agents: its agent neither refines from memory nor judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from edge_sale.agents import steps
from edge_sale.agents.answering import answer_in, draw_one
from edge_sale.agents.checks import Checks
from edge_sale.agents.local import LESSON_CHARACTERS, PLAN_TEMPERATURE, tidy, within
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.judging import METHODS
from edge_sale.errors import EngineError
from edge_sale.prompts import render
from edge_sale.types import Generate, Generation, Job, Lesson, Outcome, Sampling, Strategy, Task


@dataclass(frozen=True, slots=True)
class RemoteAgent:
    """Implements `protocols.Agent`. Its engine has the agent's own name. `mine`: the server is the user's own.

    `prompts` is a folder of prompts for models that were trained on them. Such a model plans before it works.
    """

    name: str
    price: float
    mine: bool
    plan_tokens: int = 80
    max_tokens: int = 1024
    prompts: str = ""
    workspace: Workspace | None = None
    checks: Checks = field(default_factory=Checks)

    # how it works in a folder (see `steps`)
    work: ClassVar[str] = "planner"
    samples: ClassVar[int] = 1
    temperature: ClassVar[float] = 0.0

    @property
    def model(self) -> str:
        return self.name

    def seed_for(self, purpose: str) -> int:
        """0: a remote chooses its own seeds."""
        return 0

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        """A plan for the task. Raises EngineError if the model wrote none."""
        shown = within(lessons, LESSON_CHARACTERS) if self.mine else []
        drawn = yield from self._plan(task, shown)
        if not (text := tidy(drawn.text, cut=drawn.ended == "length")):
            raise EngineError(f"{self.name} wrote no plan")
        return Strategy(text, drawn.tokens, drawn.entropy, {"lessons": float(len(shown))})

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        """A score from 0 to 5 for each plan. Raises EngineError for somebody else's server, which may not see plans."""
        if not self.mine:
            raise EngineError("a remote is not shown the other agents' plans")
        return (yield from METHODS["likert"](task, plans, self.prompts))

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        """The answer in one request. In a folder it works step by step, and what it reads there goes to the remote.

        A model with prompts of its own makes a plan first if there is none.
        """
        if not self.mine:  # earlier turns of a chat are other tasks
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
        live = None if task.domain == "python" else show  # code is shown without the prose and the fence around it
        drawn = yield from draw_one(Generate(prompt, Sampling(self.max_tokens), on_text=live))
        text = answer_in(drawn, task)
        if live is None:
            show(text)
        note = f"the answer was cut off at {drawn.tokens} tokens; raise max_tokens of remote {self.name!r} for more"
        return Outcome(self.name, "done", text, notes=(note,) if drawn.ended == "length" else ())

    def _plan(self, task: Task, lessons: Sequence[Lesson]) -> Job[Generation]:
        """A plan as it was drawn, prefill included."""
        if self.prompts:
            values: dict[str, Any] = {"lessons": lessons} if lessons else {}
            name = "refine" if lessons else "plan"
            prompt = render(f"{self.prompts}/{name}", task=task.text, domain=task.domain, **values)
            sampling = Sampling(self.plan_tokens)
        else:
            prompt = render("remote-plan", task=task.text, lessons=lessons)
            # chat models tend to write a sentence before the plan, so there is room for it
            sampling = Sampling(self.plan_tokens * 2, PLAN_TEMPERATURE)
        drawn = yield from draw_one(Generate(prompt, sampling))
        return replace(drawn, text=f"{prompt.prefill}{drawn.text}")
