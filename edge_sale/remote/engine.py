"""A remote model behind `protocols.Engine`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from math import exp
from typing import Any, TypeVar

from edge_sale.errors import EdgeSaleError, EngineError, PromptTooLong
from edge_sale.remote.chat_request import chat_body, estimate_tokens
from edge_sale.remote.client import Connection, blended_price
from edge_sale.remote.config import Remote
from edge_sale.remote.egress import EgressGate
from edge_sale.remote.redaction import Redactor
from edge_sale.remote.retries import send_with_retries
from edge_sale.remote.stream import StreamedAnswer
from edge_sale.types import Choice, Choose, Generate, Generation, LogLik, LogProb, Prompt

T = TypeVar("T")

CONCURRENT_REQUESTS = 4
CHOICE_TOKENS = 4  # that an answer to Choose may have


class RemoteEngine:
    """Implements `protocols.Engine`. It answers Generate, and Choose by log probabilities or digits, but not LogLik.

    `find_key` and `make_redactor` are called when something is about to leave, and no earlier. `notice` is told of
    waits and of estimated token counts. A failed request is returned as NotSent or RemoteFailed.
    """

    def __init__(
        self,
        remote: Remote,
        find_key: Callable[[], str],
        egress_gate: EgressGate,
        make_redactor: Callable[[], Redactor],
        notice: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name, self.context, self.remote = remote.name, remote.context, remote
        self.egress_gate = egress_gate
        self._find_key, self._make_redactor, self._notice = find_key, make_redactor, notice
        self._connection: Connection | None = None

    def count(self, prompt: Prompt) -> int:
        """About how many tokens a prompt has; rather too many than too few."""
        return estimate_tokens(prompt)

    def generate(
        self, requests: Sequence[Generate], seconds: float | None = None
    ) -> list[list[Generation] | Exception]:
        """Every sample of every request. `seconds` limits each sample, as `Remote.seconds` does."""

        async def generate_one(connection: Connection, request: Generate) -> list[Generation]:
            limit = self._limit(seconds)
            return [await self._generate(connection, request, i, limit) for i in range(request.samples)]

        return self._run_batch(requests, generate_one)

    def choose(self, requests: Sequence[Choose], seconds: float | None = None) -> list[Choice | Exception]:
        """p(option) from the endpoint's log probabilities, or 1 for the option that it answered with."""

        async def choose_one(connection: Connection, request: Choose) -> Choice:
            began = time.monotonic()
            prompt = replace(request.prompt, prefill="")  # some endpoints refuse a last turn of the assistant's
            limit = self._limit(seconds)
            answer = await self._send(connection, prompt, CHOICE_TOKENS, 0.0, (), limit, None)
            probabilities = self._probabilities(answer, request.options)
            return Choice(probabilities, answer.tokens_in or 0, time.monotonic() - began)

        return self._run_batch(requests, choose_one)

    def loglik(self, requests: Sequence[LogLik], seconds: float | None = None) -> list[LogProb | Exception]:
        """Fails every request: endpoints do not give the log probability of a text."""
        return [EngineError(f"{self.name} is a remote, which gives no log probability of a text") for _ in requests]

    def _run_batch(
        self, requests: Sequence[Any], answer_one: Callable[[Connection, Any], Awaitable[T]]
    ) -> list[T | Exception]:
        """Answer all requests, some of them at the same time. A request that fails leaves the others alone."""
        try:
            self.egress_gate.check_open()  # before any client is imported
            connection = self._connect()
        except EdgeSaleError as error:
            return [error for _ in requests]

        async def batch() -> list[T | Exception]:
            slots = asyncio.Semaphore(CONCURRENT_REQUESTS)

            async def guarded(request: Any) -> T | Exception:
                async with slots:
                    try:
                        return await answer_one(connection, request)
                    except EdgeSaleError as error:
                        return error

            return list(await asyncio.gather(*map(guarded, requests)))

        answers: list[T | Exception] = _run(batch())
        return answers

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self.remote, self._find_key(), self.egress_gate, self._make_redactor())
        return self._connection

    def _limit(self, seconds: float | None) -> float:
        return min(self.remote.seconds, seconds) if seconds else self.remote.seconds

    async def _generate(self, connection: Connection, request: Generate, sample: int, limit: float) -> Generation:
        began = time.monotonic()
        show, show_rest = None, None
        if request.on_text and sample == 0:
            show, show_rest = connection.redactor.opening(request.on_text)
        sampling = request.sampling
        max_tokens = min(sampling.max_tokens, self.remote.max_tokens)
        answer = await self._send(
            connection, request.prompt, max_tokens, sampling.temperature, sampling.stop, limit, show
        )
        if show_rest:
            show_rest()
        text = connection.redactor.open(answer.text)
        prefill = request.prompt.prefill
        if prefill and text.lstrip().startswith(prefill):  # the model repeated what it was to continue
            text = text.lstrip().removeprefix(prefill)
        tokens_in, tokens_out = answer.tokens_in or 0, answer.tokens_out or 0
        entropies, logprobs = answer.entropies or [0.0], answer.logprobs or [0.0]
        return Generation(
            text=text,
            tokens=tokens_out,
            prompt_tokens=tokens_in,
            entropy=sum(entropies) / len(entropies),
            logprob=sum(logprobs) / len(logprobs),
            ended="length" if answer.finish_reason == "length" else "end",
            seconds=time.monotonic() - began,
            price=blended_price(self.remote, tokens_in, tokens_out),
        )

    async def _send(
        self,
        connection: Connection,
        prompt: Prompt,
        max_tokens: int,
        temperature: float,
        stop: tuple[str, ...],
        limit: float,
        show: Callable[[str], None] | None,
    ) -> StreamedAnswer:
        prompt_tokens = self.count(prompt)
        if prompt_tokens + max_tokens > self.context:
            raise PromptTooLong(self.name, prompt_tokens + max_tokens, self.context)
        return await send_with_retries(
            connection,
            chat_body(self.remote, prompt, max_tokens, temperature, stop, connection.redactor.seal),
            max_tokens=max_tokens,
            expected_cost=self.remote.cost(prompt_tokens, max_tokens),
            limit=limit,
            show=show,
            notice=self._notice,
        )

    def _probabilities(self, answer: StreamedAnswer, options: tuple[str, ...]) -> tuple[float, ...]:
        """p(option), normalised over the options. Raises EngineError where the answer names none of them."""
        weights = [0.0] * len(options)
        for token, logprob in (answer.first or {}).items():
            if token.strip() in options:
                weights[options.index(token.strip())] += exp(logprob)
        if not any(weights):
            named = next((char for char in answer.text if char in options), None)
            if named is None:
                raise EngineError(f"{self.name} answered {answer.text[:40]!r}, not one of {', '.join(options)}")
            weights[options.index(named)] = 1.0
        total = sum(weights)
        return tuple(weight / total for weight in weights)


def _run(work: Any) -> Any:
    """The result of a coroutine. Unlike with `asyncio.run`, ^C is raised at once, also while the user is asked."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    try:
        return loop.run_until_complete(task)
    finally:
        if not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.set_exception_handler(lambda loop, context: None)  # connections that are dropped may complain
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
