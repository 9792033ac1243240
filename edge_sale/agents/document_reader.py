"""Answering from documents: an agent of any kind, given what a search found.

The question is bid for as any task. The winner reads the passages that the question found and those that
a second search found with what the first had brought, answers, and says where it has it from. What it
claims is held against what was read: a citation of anything else is dropped, and the user is told. Where
it cites nothing, the passage and line that say the same are looked for.

Nothing that a document says is obeyed: passages stand in the prompt as text (they are tokenized without
control tokens), there are no tools to call, and only agents that do the work see them, never a bid or a juror.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge_sale.agents.answers import votes
from edge_sale.agents.citations import Cited, cite
from edge_sale.documents.passages import Passage
from edge_sale.errors import PromptTooLong
from edge_sale.prompts import render
from edge_sale.types import Agent, Generate, Generation, Job, Lesson, Outcome, Prompt, Sampling, Strategy, Task

READ = 5  # passages that are read
ANSWER_TOKENS = 96  # what a question of fact needs; what a small model says beyond is seldom of the documents


Find = Callable[[str, int], Sequence[Passage]]
"""The passages of a library for a question, best first, at most so many."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Implements `types.Agent`: bids and judges as `agent` does, and works by reading what `find` finds.

    `samples` answers are drawn, the one most agreed on stands.
    """

    agent: Agent
    find: Find
    samples: int = 1
    temperature: float = 0.0
    seed: int = 0
    examples: bool = True  # worked examples before the question: small models need them, larger ones do not

    @property
    def name(self) -> str:
        return self.agent.name

    @property
    def model(self) -> str:
        return self.agent.model

    @property
    def price(self) -> float:
        return self.agent.price

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]:
        """The agent's plan for the question."""
        return self.agent.bid(task, lessons)

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        """The agent's scores."""
        return self.agent.judge(task, plans)

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        """The answer from the passages, along the plan, with its sources."""
        passages = list(self.find(task.text, READ))
        if not passages:
            return Outcome(self.name, "failed", "", notes=("no passage of these documents speaks of this",))
        notes: list[str] = []
        while True:
            try:
                drawn = yield from self._draw(task, plan, passages)
                break
            except PromptTooLong:
                if len(passages) == 1:
                    raise
                passages.pop()
                notes = [f"only {len(passages)} of the passages fit the context of {self.model!r}"]
        answers = [generation.text.strip() for generation in drawn]
        agreed = votes(answers, "text")
        best = max(range(len(answers)), key=lambda i: (bool(answers[i]), agreed[i], drawn[i].logprob))
        cited = cite(answers[best], passages)
        text = _with_sources(cited)
        show(text)
        return Outcome(
            self.name,
            "done",
            text,
            notes=(*notes, *cited.notes),
            steps=2,
            citations=cited.citations,
        )

    def _draw(self, task: Task, plan: str, passages: Sequence[Passage]) -> Job[list[Generation]]:
        prompt = self._prompt(task, plan, passages)
        sampling = Sampling(ANSWER_TOKENS, seed=self.seed, stop=("\n\n", "\nQuestion:", "\nSources:"))
        requests = [Generate(prompt, sampling)]
        if self.samples > 1:
            requests.append(Generate(prompt, replace(sampling, temperature=self.temperature), self.samples - 1))
        replies: list[list[Generation]] = yield requests
        return [generation for reply in replies for generation in reply]

    def _prompt(self, task: Task, plan: str, passages: Sequence[Passage]) -> Prompt:
        return render(
            "read", question=task.text, plan=plan, passages=list(enumerate(passages, start=1)), examples=self.examples
        )


def _with_sources(cited: Cited) -> str:
    """The answer, and below it a line a source."""
    if not cited.citations:
        return cited.text
    lines = [f"[{citation.mark}] {citation.place}" for citation in cited.citations]
    return "\n".join([cited.text, "", *lines])
