"""Local models as the jury of a replay: they score every recorded plan, and each is asked once.

The agents of a recording are not here, so the jurors are the models of a pool of this machine, one juror for each
model and judging method. Such jurors never bid: self-only and peer-only juries have no meaning for them, and are
measured on recordings of our own runs instead.

Beside the scores, the same models give `unlikely`: how little they expected the words of each task.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_sale import assemble
from edge_sale.assemble import MarketPlan
from edge_sale.auction.judging import METHODS
from edge_sale.auction.ledger import Ledger, Sum
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.jsonl_store import KeyedStore, key
from edge_sale.evaluation.records import Item, Recording
from edge_sale.event_bus import EventBus
from edge_sale.prompts import render
from edge_sale.protocols import Embedder, Engine
from edge_sale.types import Choice, Choose, Generate, Generation, Job, LogLik, LogProb, Prompt

Progress = Callable[[int], None]  # called with how many more are done
BATCH = 32  # texts embedded at a time


def no_progress(count: int) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """The jury's scores of the plans for one task."""

    scores: Mapping[str, Mapping[str, float]]  # juror -> agent -> score, 0..5
    unlikely: float  # -mean log p of the task's words, nats a token
    spent: Sum  # what judging these plans took


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The samples of one request, as the store keeps them."""

    samples: list[dict[str, Any]]

    @property
    def generations(self) -> list[Generation]:
        return [Generation(**one) for one in self.samples]


@dataclass(slots=True)
class CachedEngine:
    """An engine behind a store of its answers: implements `protocols.Engine`, and loads the real engine when needed."""

    name: str
    identity: str  # sha256 of the weights
    cache: KeyedStore
    load: Callable[[], Engine]
    context: int = 0
    engine: Engine | None = None

    def count(self, prompt: Prompt) -> int:
        return self._real().count(prompt)

    def generate(
        self, requests: Sequence[Generate], seconds: float | None = None
    ) -> list[list[Generation] | Exception]:
        silent = [dataclasses.replace(one, on_text=None) for one in requests]  # listeners are no part of the key
        kept = self._answers(silent, lambda new: [self._drawn(r) for r in self._real().generate(new, seconds)], _Drawn)
        replies = [reply if isinstance(reply, Exception) else reply.generations for reply in kept]
        for request, reply in zip(requests, replies, strict=True):
            if request.on_text and not isinstance(reply, Exception):
                request.on_text(reply[0].text)
        return replies

    @staticmethod
    def _drawn(reply: list[Generation] | Exception) -> _Drawn | Exception:
        return reply if isinstance(reply, Exception) else _Drawn([dataclasses.asdict(one) for one in reply])

    def loglik(self, requests: Sequence[LogLik], seconds: float | None = None) -> list[LogProb | Exception]:
        return self._answers(requests, lambda new: self._real().loglik(new, seconds), LogProb)

    def choose(self, requests: Sequence[Choose], seconds: float | None = None) -> list[Choice | Exception]:
        return self._answers(requests, lambda new: self._real().choose(new, seconds), Choice)

    def _answers(self, requests: Sequence[Any], request: Callable[[list[Any]], Sequence[Any]], kind: Any) -> list[Any]:
        names = [key(self.identity, repr(one)) for one in requests]
        new = {name: one for name, one in zip(names, requests, strict=True) if name not in self.cache}
        failed: dict[str, Any] = {}
        if new:
            for name, reply in zip(new, request(list(new.values())), strict=True):
                if isinstance(reply, Exception):
                    failed[name] = reply
                else:
                    self.cache.put(name, dataclasses.asdict(reply))
        return [failed[n] if n in failed else kind(**self.cache[n]) for n in names]

    def _real(self) -> Engine:
        if self.engine is None:
            self.engine = self.load()
        return self.engine


@dataclass(frozen=True, slots=True)
class Juror:
    """A model that only judges: what the scheduler needs to know of an agent."""

    name: str
    model: str
    price: float
    prompts: str = ""  # the folder of prompts made for its model


def opinions(
    of: Recording,
    jurors: Sequence[Juror],
    engines: Mapping[str, Engine],
    methods: Sequence[str],
    progress: Progress = no_progress,
) -> dict[str, Opinion]:
    """The jury's opinion of each task, by task id. Raises EdgeSaleError where a juror could not read a task or plan."""
    seats: dict[str, Any] = {f"{juror.name} {method}": juror for juror in jurors for method in methods}
    found: dict[str, Opinion] = {}
    for item in of.items:
        ledger = Ledger()
        everyone: dict[str, Any] = {**seats, TASK: jurors[0]}
        scheduler = Scheduler(engines, EventBus(ledger), agents=everyone)
        plans = [of.trial(item, agent).plan for agent in of.agents]
        jobs: dict[str, Job[Any]] = {
            f"{juror.name} {method}": METHODS[method](item.task, plans, juror.prompts)
            for juror in jurors
            for method in methods
        }
        replies: dict[str, Any] = scheduler.drive({**jobs, TASK: _expected(item)}, "judge")
        for seat, reply in replies.items():
            if isinstance(reply, EdgeSaleError):
                raise EdgeSaleError(f"{seat} could not judge {item.task.id!r}: {reply}") from reply
        scores = {seat: dict(zip(of.agents, replies[seat], strict=True)) for seat in seats}
        found[item.task.id] = Opinion(scores, -replies[TASK], ledger.auction)
        progress(1)
    return found


TASK = "the task"


def _expected(item: Item) -> Job[float]:
    """Mean log p of the task's words. The judging method `recoverability` asks the same, so both cost one request."""
    replies: list[LogProb] = yield [LogLik(render("recover-nothing"), f" {item.task.text}")]
    return replies[0].mean


def panel(parts: MarketPlan, folder: Path | None) -> tuple[list[Juror], dict[str, Engine]]:
    """A juror for each model of the plan's pool, and their engines behind a store in `folder`."""
    settings, cache = parts.settings, KeyedStore(folder / "jury.jsonl" if folder else None)
    engines: dict[str, Engine] = {
        card.name: CachedEngine(
            card.name, assemble.identity(card, settings), cache, partial(assemble.engine, card, settings), card.context
        )
        for card in parts.chat
    }
    used = {agent.model: agent.prompts for agent in parts.pool.agents}
    return [Juror(card.name, card.name, card.price, used[card.name]) for card in parts.chat], engines


def vectors(
    texts: Sequence[str], parts: MarketPlan, folder: Path | None, progress: Progress = no_progress
) -> NDArray[np.float64]:
    """A unit vector for each text, shape (texts, dimension), by the plan's embedder; kept in `folder`."""
    if parts.embedder is None:
        raise EdgeSaleError("this pool has no embedder")
    card, settings = parts.embedder, parts.settings
    name = assemble.identity(card, settings)
    loaded: list[Embedder] = []

    def request(places: list[int]) -> list[list[float]]:
        if not loaded:
            loaded.append(assemble.embedder(card, settings))
        return [[round(float(x), 5) for x in vector] for vector in loaded[0].embed([texts[i] for i in places])]

    found = np.array(
        KeyedStore(folder / "vectors.jsonl" if folder else None).fill(
            [key(name, text) for text in texts], request, BATCH, progress
        )
    )
    unit: NDArray[np.float64] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit
