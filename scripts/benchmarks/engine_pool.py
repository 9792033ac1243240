"""What the engine's bench runs: the starter pool's agents on its one model, similar tasks, and a fixed memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_sale.agents.local import LocalAgent
from edge_sale.catalog import cards, gguf_header, installed, memory_fit
from edge_sale.errors import ModelMissing
from edge_sale.hardware.processors import cores
from edge_sale.llama.tuning import Tuning
from edge_sale.protocols import Engine
from edge_sale.scoring.weights import Weights, read
from edge_sale.settings import load
from edge_sale.types import Award, Choice, Choose, Generate, Generation, Lesson, LogLik, LogProb, Outcome, Prompt, Task

POOL = "starter"
PLAN_TOKENS = 80
SEED = 20

WHAT = ("sum", "product", "largest", "smallest", "count")
WHICH = ("even", "odd", "positive", "negative", "one-digit", "two-digit", "repeated")

LESSONS = tuple(
    Lesson(
        auction=f"past-{number}",
        task=f"Write a Python function that returns the {what} of the {which} numbers in a list.",
        won=f"1. Keep the {which} numbers of the list.\n2. Work out their {what}.\n3. Return it.",
        lost="1. Look at the list.\n2. Write a function.\n3. Test the function and print the list.",
        winner="quick",
        loser="drafts",
        similarity=0.8,
    )
    for number, (what, which) in enumerate([("average", "prime"), ("mean square", "even")])
)


@dataclass(frozen=True, slots=True)
class Starter:
    """The starter pool's chat model, verified, and how it is run on this machine."""

    name: str
    file: Path
    context: int
    threads: int


def starter() -> Starter:
    """The starter's model. Raises ModelMissing with the command that pulls it, and BadModelFile."""
    settings, catalogue = load(), cards.load()
    card = catalogue.model(catalogue.pool(POOL).agents[0].model)
    if installed.missing([card], settings.models_dir):
        raise ModelMissing([card.name], f"edge-sale pull {card.name}")
    file = installed.ready(card, settings.models_dir)
    return Starter(card.name, file, card.context, settings.threads or cores())


def new_engine(model: Starter) -> Any:
    """Our engine on the model. It keeps no prefixes on disk, so that a cold run is really cold."""
    from edge_sale.llama.engine import LlamaEngine

    tuning = Tuning(threads=model.threads, mapped=not memory_fit.repacks(gguf_header.inspect(model.file)))
    return LlamaEngine(model.name, model.file, context=model.context, tuning=tuning)


def task(number: int) -> Task:
    """One of 35 tasks that differ in two words: alike enough for lessons, too different for a cached answer."""
    what, which = WHAT[number % len(WHAT)], WHICH[number % len(WHICH)]
    text = f"Write a Python function that returns the {what} of the {which} numbers in a list."
    return Task(f"task-{number}", text, domain="python")


def agents(count: int = 3, plan_tokens: int = PLAN_TOKENS, seed: int = SEED) -> list[LocalAgent]:
    """The starter pool's agents; beyond three they repeat under other names at rising prices."""
    pool = cards.load().pool(POOL)
    found = []
    for number in range(count):
        repeat, card = number // len(pool.agents), pool.agents[number % len(pool.agents)]
        found.append(
            LocalAgent(
                name=f"{card.name}-{repeat}" if repeat else card.name,
                model=card.model,
                price=card.price + 0.1 * repeat,
                work=card.work,
                jury=card.jury,
                samples=card.samples,
                temperature=card.temperature,
                plan_tokens=plan_tokens,
                max_tokens=card.max_tokens or PLAN_TOKENS,
                seed=seed,
            )
        )
    return found


def weights() -> Weights:
    """The weights that the starter pool is shipped with."""
    return read(cards.shipped_dir() / "weights" / f"{cards.load().pool(POOL).weights}.toml")


class FixedMemory:
    """A memory with the same two lessons for every agent, so that every agent that may refine its bid does."""

    def recall(self, task: Task, agent: str, k: int = 8) -> list[Lesson]:
        return list(LESSONS[:k])

    def record(self, award: Award, outcome: Outcome | None, run: Mapping[str, Any]) -> None:
        """Record nothing, so that every auction of the bench starts from the same memory."""


@dataclass(slots=True)
class RecordingEngine:
    """Passes everything on to `engine`, and records what it drew and the tokens of its largest batch.

    Requests found in `replay` are answered from there: with the generations that one engine drew, two engines can
    be compared as judges of the same plans.
    """

    engine: Engine
    replay: Mapping[Generate, list[Generation]] = field(default_factory=dict)
    drawn: dict[Generate, list[Generation]] = field(default_factory=dict)
    tokens: int = 0
    name: str = field(init=False)
    context: int = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.context = self.engine.name, self.engine.context

    def count(self, prompt: Prompt) -> int:
        return self.engine.count(prompt)

    def generate(
        self, requests: Sequence[Generate], seconds: float | None = None
    ) -> list[list[Generation] | Exception]:
        self._note_batch(
            sum((self.count(request.prompt) + request.sampling.max_tokens) * request.samples for request in requests)
        )
        fresh = [request for request in requests if request not in self.replay]
        replies = dict(zip(fresh, self.engine.generate(fresh, seconds) if fresh else (), strict=True))
        self.drawn |= {request: reply for request, reply in replies.items() if not isinstance(reply, Exception)}
        return [self.replay.get(request) or replies[request] for request in requests]

    def loglik(self, requests: Sequence[LogLik], seconds: float | None = None) -> list[LogProb | Exception]:
        replies = self.engine.loglik(requests, seconds)
        self._note_batch(sum(r.prompt_tokens + r.tokens for r in replies if isinstance(r, LogProb)))
        return replies

    def choose(self, requests: Sequence[Choose], seconds: float | None = None) -> list[Choice | Exception]:
        self._note_batch(sum(self.count(request.prompt) for request in requests))
        return self.engine.choose(requests, seconds)

    def _note_batch(self, tokens: int) -> None:
        self.tokens = max(self.tokens, tokens)
