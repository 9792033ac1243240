"""An agent: a model, a way of working and a price. It plans, judges and works through asks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_sale.agents import edits, extra_signals, steps, work_strategies
from edge_sale.agents.checks import Checks
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.judging import METHODS
from edge_sale.prompts import prompt_in, render
from edge_sale.types import (
    Generate,
    Generation,
    Job,
    Lesson,
    Outcome,
    Sampling,
    Strategy,
    Task,
)

PLAN_TEMPERATURE = 0.7  # of an agent that does not say: agents on the same weights should not bid the same plan
PLAN_STOPS = ("\n5.", "\n\n", "```")
LESSON_CHARACTERS = 1200  # about 300 tokens: a refined bid should stay cheap to write


@dataclass(frozen=True, slots=True)
class LocalAgent:
    """Implements `types.Agent` over a model of this machine.

    `work` names an entry of `ways.WAYS`, `jury` one of `jury.methods.METHODS`, `prompts` a folder of prompts.
    `carry` names what its bids carry besides the plan, entries of `carry.CARRIERS`; `checks` runs a task's
    check over answers.
    """

    name: str
    model: str
    price: float
    work: str
    jury: str
    samples: int = 1
    temperature: float = 0.0
    plan_tokens: int = 80
    max_tokens: int = 512
    seed: int = 0
    plan_temperature: float = PLAN_TEMPERATURE
    prompts: str = ""
    extra_signals: tuple[str, ...] = ()
    checks: Checks = field(default_factory=Checks)
    workspace: Workspace | None = None  # the folder that tasks with `repo` are about

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        """A plan for the task, refined from `lessons` where there are any."""
        known = within(lessons, LESSON_CHARACTERS)
        values = {"task": task.text, "domain": task.domain, "files": task.files}
        name = prompt_in(self.prompts, "refine" if known else "plan")
        prompt = render(name, **values, **({"lessons": known} if known else {}))
        sampling = Sampling(
            max_tokens=self.plan_tokens,
            temperature=self.plan_temperature,
            seed=self.seed_for("refine" if known else "bid"),
            stop=() if self.prompts else PLAN_STOPS,
        )
        # whoever bids must be able to do the work: plan and answer have to fit behind the task
        room = self.plan_tokens + self.max_tokens
        replies: list[list[Generation]] = yield [Generate(prompt, sampling, headroom=room)]
        drawn = replies[0][0]
        text = tidy(prompt.prefill + drawn.text, cut=drawn.ended == "length")
        more = (yield from extra_signals.load(self, task, text, self.extra_signals)) if self.extra_signals else {}
        return Strategy(
            text=text,
            tokens=drawn.tokens,
            entropy=drawn.entropy,
            signals={
                "logprob": drawn.logprob,
                "lessons": float(len(known)),
                **more,
            },
        )

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        """A score from 0 to 5 for each plan."""
        return (yield from METHODS[self.jury](task, plans, self.prompts))

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        """The work, along the plan that was bid; what is shown on the way goes to `show`."""
        if task.repo and self.workspace is not None:
            way = edits.drafts if self.work == "drafts" and self.workspace.check else steps.work
            return (yield from way(self, task, plan, show, self.workspace))
        return (yield from work_strategies.WORK_STRATEGIES[self.work](self, task, plan, show))

    def seed_for(self, purpose: str) -> int:
        """The run's seed, spread over agents and purposes so that no two draw alike."""
        return (self.seed + zlib.crc32(f"{self.name}/{purpose}".encode())) & 0x7FFFFFFF


def within(lessons: Sequence[Lesson], characters: int) -> list[Lesson]:
    """The most similar lessons that fit, whole, in so many characters; the nearest one last."""
    taken: list[Lesson] = []
    for lesson in sorted(lessons, key=lambda lesson: -lesson.similarity):
        characters -= len(lesson.task) + len(lesson.lost) + len(lesson.won)
        if characters < 0:
            break
        taken.append(lesson)
    return taken[::-1]


def tidy(plan: str, *, cut: bool) -> str:
    """The plan without trailing space and, where it was `cut` off, without its unfinished step."""
    lines = [line.rstrip() for line in plan.strip().splitlines() if line.strip()]
    if cut and len(lines) > 1 and not lines[-1].endswith((".", "!", "?", ":")):
        lines.pop()
    return "\n".join(lines)
