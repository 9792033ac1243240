"""Answers questions from documents: gives any agent the passages that a search found.

Agents bid for the question as for any task. The winner gets the passages that a first search found for the question
and those that a second search found from these. It answers with citations. A citation of anything that was not read is
dropped, and a note says so. If the answer cites nothing, `citations` looks for lines that contain it.

Text in documents cannot give orders. Passages are plain text in the user's turn, tokenized without control tokens.
There are no tools to call. Only the agent that works sees passages; bids and jurors do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge_sale.agents.answering import draw_all
from edge_sale.agents.answers import votes
from edge_sale.agents.citations import Cited, cite
from edge_sale.documents.passages import Passage
from edge_sale.errors import PromptTooLong
from edge_sale.prompts import render
from edge_sale.protocols import Agent
from edge_sale.types import Generate, Generation, Job, Lesson, Outcome, Sampling, Strategy, Task

READ = 5  # passages in the prompt
ANSWER_TOKENS = 96  # enough for a question of fact; small models rarely go on with text from the documents


Find = Callable[[str, int], Sequence[Passage]]
"""Searches a library: at most so many passages for a question, the best first."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Implements `protocols.Agent`: bids and judges like `agent`, and answers from the passages that `find` returns.

    It draws `samples` answers and returns the one that most others agree with.
    """

    agent: Agent
    find: Find
    samples: int = 1
    temperature: float = 0.0
    seed: int = 0
    examples: bool = True  # show worked examples before the question: small models need them, larger ones do not

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
        """The plan of `agent` for the question."""
        return self.agent.bid(task, lessons)

    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]:
        """The scores of `agent` for the plans."""
        return self.agent.judge(task, plans)

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        """The answer from the passages, along the plan, with its sources. Raises PromptTooLong if no passage fits."""
        passages = list(self.find(task.text, READ))
        if not passages:
            return Outcome(self.name, "failed", "", notes=("no passage of these documents matches the question",))
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
        agreeing = votes(answers, "text")
        best = max(range(len(answers)), key=lambda i: (bool(answers[i]), agreeing[i], drawn[i].logprob))
        cited = cite(answers[best], passages)
        text = _with_sources(cited)
        show(text)
        notes += cited.notes
        return Outcome(self.name, "done", text, notes=tuple(notes), steps=2, citations=cited.citations)

    def _draw(self, task: Task, plan: str, passages: Sequence[Passage]) -> Job[list[Generation]]:
        """The answers as they were drawn; the first one greedily."""
        numbered = list(enumerate(passages, start=1))
        prompt = render("read", question=task.text, plan=plan, passages=numbered, examples=self.examples)
        sampling = Sampling(ANSWER_TOKENS, seed=self.seed, stop=("\n\n", "\nQuestion:", "\nSources:"))
        requests = [Generate(prompt, sampling)]
        if self.samples > 1:
            requests.append(Generate(prompt, replace(sampling, temperature=self.temperature), self.samples - 1))
        return (yield from draw_all(requests))


def _with_sources(cited: Cited) -> str:
    """The answer, and below it one line for each source."""
    if not cited.citations:
        return cited.text
    lines = [f"[{citation.mark}] {citation.place}" for citation in cited.citations]
    return "\n".join([cited.text, "", *lines])
