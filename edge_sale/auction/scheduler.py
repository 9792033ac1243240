"""Run the agents' requests on the engines: jobs advance in step, and requests to the same model share a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from edge_sale.errors import EdgeSaleError, RemoteFailed
from edge_sale.event_bus import EventBus
from edge_sale.events import Event, Spent
from edge_sale.protocols import Agent, Engine
from edge_sale.types import Choice, Choose, Entry, Generate, Job, LogLik, LogProb, Purpose, Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Runs jobs to their end and tells listeners what each agent spent.

    `seconds` bounds one batch: a request that is not finished by then has failed, the others stand.
    """

    engines: Mapping[str, Engine]
    events: EventBus = field(default_factory=EventBus)
    seconds: float | None = None
    agents: Mapping[str, Agent] = field(default_factory=dict)

    def emit(self, event: Event) -> None:
        """Tells everyone who listens."""
        self.events(event)

    def drive(
        self, jobs: Mapping[str, Job[T]], purpose: Purpose, seconds: float | None = None
    ) -> dict[str, T | EdgeSaleError]:
        """Each agent's result, or the error that ended its job. The order of `jobs` fixes the batches."""
        results: dict[str, T | EdgeSaleError] = {}
        waiting: dict[str, Sequence[Request]] = {}
        for who, job in jobs.items():
            self._step(who, job, None, results, waiting)
        while waiting:
            replies = self._answer(waiting, purpose, seconds or self.seconds)
            for who in list(waiting):
                del waiting[who]
                self._step(who, jobs[who], replies[who], results, waiting)
        return {who: results[who] for who in jobs}

    def _step(
        self,
        who: str,
        job: Job[T],
        replies: list[Any] | None,
        results: dict[str, T | EdgeSaleError],
        waiting: dict[str, Sequence[Request]],
    ) -> None:
        """Runs a job up to its next requests, its result or its failure."""
        failed = next((reply for reply in replies or () if isinstance(reply, Exception)), None)
        try:
            if failed:
                waiting[who] = job.throw(failed)
            elif replies is None:
                waiting[who] = next(job)
            else:
                waiting[who] = job.send(replies)
        except StopIteration as end:
            results[who] = end.value
        except EdgeSaleError as error:
            results[who] = error

    def _answer(
        self, waiting: Mapping[str, Sequence[Request]], purpose: Purpose, seconds: float | None
    ) -> dict[str, list[Any]]:
        """Replies to all requests of all jobs, in the order of the requests."""
        replies: dict[str, list[Any]] = {who: [None] * len(requests) for who, requests in waiting.items()}
        places = [(who, i, request) for who, requests in waiting.items() for i, request in enumerate(requests)]
        for model in self.engines:
            for kind in (Generate, LogLik, Choose):
                mine = [p for p in places if self.agents[p[0]].model == model and isinstance(p[2], kind)]
                if not mine:
                    continue
                try:
                    engine = self.engines[model]  # this may load the model
                except EdgeSaleError as error:
                    for who, i, _ in mine:
                        replies[who][i] = error
                else:
                    self._batch(engine, mine, replies, purpose, seconds)
        return replies

    def _batch(
        self,
        engine: Engine,
        places: Sequence[tuple[str, int, Request]],
        replies: dict[str, list[Any]],
        purpose: Purpose,
        seconds: float | None,
    ) -> None:
        """One batch of requests of one kind. A request that several agents make of one model is run once."""
        requests: list[Any] = list(dict.fromkeys(request for _, _, request in places))
        kind = type(requests[0])
        if kind is Generate:
            answers: list[Any] = list(engine.generate(requests, seconds))
        elif kind is LogLik:
            answers = list(engine.loglik(requests, seconds))
        else:
            answers = list(engine.choose(requests, seconds))
        of = dict(zip(requests, answers, strict=True))
        paid: set[Request] = set()
        for who, i, request in places:
            replies[who][i] = of[request]
            if request not in paid and (entry := self._entry(who, purpose, of[request])):
                paid.add(request)
                self.emit(Spent(entry))

    def _entry(self, who: str, purpose: Purpose, reply: Any) -> Entry | None:
        price = self.agents[who].price
        if isinstance(reply, RemoteFailed) and reply.tokens_out:  # broken off, and still to be paid for
            return Entry(who, purpose, reply.tokens_in, reply.tokens_out, 0.0, reply.price)
        if isinstance(reply, Exception):
            return None
        if isinstance(reply, LogProb):
            read = reply.prompt_tokens + reply.tokens
            return Entry(who, purpose, read, 0, reply.seconds, price, reply.reused)
        if isinstance(reply, Choice):
            return Entry(who, purpose, reply.prompt_tokens, 0, reply.seconds, price, reply.reused)
        price = next((g.price for g in reply if g.price is not None), price)
        read = max((g.prompt_tokens for g in reply), default=0)  # samples of one prompt read it once
        reused = max((g.reused for g in reply), default=0)
        drawn, seconds = sum(g.tokens for g in reply), sum(g.seconds for g in reply)
        return Entry(who, purpose, read, drawn, seconds, price, reused)
