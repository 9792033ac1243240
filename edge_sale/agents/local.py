"""An agent on a local model: it plans, judges and works through requests to an engine."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_sale.agents import edits, extra_signals, steps
from edge_sale.agents.answering import draw_one
from edge_sale.agents.checks import Checks
from edge_sale.agents.work_strategies import WORK_STRATEGIES
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.judging import METHODS
from edge_sale.prompts import prompt_in, render
from edge_sale.types import Generate, Job, Lesson, Outcome, Sampling, Strategy, Task

PLAN_TEMPERATURE = 0.7  # the default; at 0, agents on the same weights would bid the same plan
PLAN_STOPS = ("\n5.", "\n\n", "```")
LESSON_CHARACTERS = 1200  # about 300 tokens: a refined bid has to stay cheap


@dataclass(frozen=True, slots=True)
class LocalAgent:
    """Implements `protocols.Agent` with a model on this machine.

    `work` names an entry of `work_strategies.WORK_STRATEGIES`. `jury` names an entry of `auction.judging.METHODS`.
    `prompts` is a folder of prompts for models that were trained on them; empty: the prompts for any instruct model.
    `extra_signals` names entries of `extra_signals.EXTRA_SIGNALS` that are measured for each bid.
    `checks` runs a task's check over answers.
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
    workspace: Workspace | None = None  # the folder for tasks with `repo`

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        """A plan for the task, refined from `lessons` if there are any."""
        shown = within(lessons, LESSON_CHARACTERS)
        values = {"task": task.text, "domain": task.domain, "files": task.files}
        name = prompt_in(self.prompts, "refine" if shown else "plan")
        prompt = render(name, **values, **({"lessons": shown} if shown else {}))
        sampling = Sampling(
            max_tokens=self.plan_tokens,
            temperature=self.plan_temperature,
            seed=self.seed_for("refine" if shown else "bid"),
            stop=() if self.prompts else PLAN_STOPS,
        )
        # an agent that bids must be able to work: plan and answer have to fit behind the task
        headroom = self.plan_tokens + self.max_tokens
        drawn = yield from draw_one(Generate(prompt, sampling, headroom=headroom))
        plan = tidy(prompt.prefill + drawn.text, cut=drawn.ended == "length")
        extra = yield from extra_signals.measure(self, task, plan, self.extra_signals)
        signals = {"logprob": drawn.logprob, "lessons": float(len(shown)), **extra}
        return Strategy(plan, drawn.tokens, drawn.entropy, signals)

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        """A score from 0 to 5 for each plan."""
        return (yield from METHODS[self.jury](task, plans, self.prompts))

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        """The work along the plan that was bid. Pieces of the answer go to `show` as they are written."""
        if task.repo and self.workspace is not None:
            work = edits.drafts if self.work == "drafts" and self.workspace.check else steps.work
            return (yield from work(self, task, plan, show, self.workspace))
        return (yield from WORK_STRATEGIES[self.work](self, task, plan, show))

    def seed_for(self, purpose: str) -> int:
        """A seed derived from the run's seed; it differs between agents and between purposes."""
        return (self.seed + zlib.crc32(f"{self.name}/{purpose}".encode())) & 0x7FFFFFFF


def within(lessons: Sequence[Lesson], characters: int) -> list[Lesson]:
    """The most similar lessons that fit into so many characters, none of them cut; the most similar one last."""
    fitting: list[Lesson] = []
    for lesson in sorted(lessons, key=lambda lesson: -lesson.similarity):
        characters -= len(lesson.task) + len(lesson.lost) + len(lesson.won)
        if characters < 0:
            break
        fitting.append(lesson)
    return fitting[::-1]


def tidy(plan: str, *, cut: bool) -> str:
    """The plan without blank lines and trailing space. If it was `cut` off, its unfinished last step is dropped."""
    lines = [line.rstrip() for line in plan.strip().splitlines() if line.strip()]
    if cut and len(lines) > 1 and not lines[-1].endswith((".", "!", "?", ":")):
        lines.pop()
    return "\n".join(lines)
