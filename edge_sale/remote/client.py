"""A remote model behind `types.Engine`, through the openai client.

With download/http.py the only module that sends bytes off the machine. The client's transport is ours:
every request passes `remote.egress.EgressGate` with the very bytes that will be written, and without it none is
sent. No redirect is followed, so a key stays with the host it is for; the client's own headers about
this machine are taken off; an answer is read to a bound of bytes and of seconds, whatever it says of
itself. Proxies of the environment are not used: the host in the log is the host that is connected to.
Offline, no client is imported.

Tries are repeated only while nothing of an answer has come, so that what is paid for is counted once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from math import exp
from typing import Any, TypeVar

from edge_sale import __version__
from edge_sale.errors import EdgeSaleError, EngineError, ExtraMissing, NotSent, PromptTooLong, RemoteFailed
from edge_sale.remote.config import Remote
from edge_sale.remote.egress import EgressGate, OutboundRequest
from edge_sale.remote.redaction import Redactor, as_text
from edge_sale.remote.stream import Broken, Heard, explain, take, wait
from edge_sale.types import Choice, Choose, Generate, Generation, LogLik, LogProb, Prompt

T = TypeVar("T")

TRIES = 3
CONNECT_S = 10.0
LAST_S = 5.0  # how long the count of tokens may come after the answer's end
AT_ONCE = 4  # requests in flight
ROOM = 256 * 1024  # bytes that any answer may have
PER_TOKEN = 2048  # and so many for each token that was asked for; with log probabilities they are long
TOP = 20  # alternatives asked for, where the endpoint gives log probabilities
BYTES_A_TOKEN = 3  # of prompts, for estimates: text has about 4, code 3


class RemoteEngine:
    """Implements `types.Engine`: answers in any case, choices by digits or log probabilities, no LogLik.

    `tell` hears of waits and of what was estimated. One request at most costs anything; a failed ask is
    returned as NotSent or RemoteFailed.
    """

    def __init__(
        self,
        remote: Remote,
        key: Callable[[], str],
        egress_gate: EgressGate,
        redactor: Callable[[], Redactor],
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name, self.context, self.remote = remote.name, remote.context, remote
        self._find_key, self.egress_gate, self._make, self._tell = key, egress_gate, redactor, tell
        self._key = ""
        self._redactor: Redactor | None = None

    def count(self, prompt: Prompt) -> int:
        """About how many tokens a prompt has, rather too many than too few."""
        texts = [*(message.content for message in prompt.messages), prompt.prefill]
        size = sum(len(as_text(text).encode()) for text in texts) + 12 * len(prompt.messages)
        return size // BYTES_A_TOKEN + 1

    def generate(self, asks: Sequence[Generate], seconds: float | None = None) -> list[list[Generation] | Exception]:
        """An answer for each sample of each ask. `seconds` bounds each one, as `Remote.seconds` does."""

        async def one(client: Any, ask: Generate) -> list[Generation]:
            return [await self._answer(client, ask, i, self._limit(seconds)) for i in range(ask.samples)]

        return self._all(asks, one)

    def choose(self, asks: Sequence[Choose], seconds: float | None = None) -> list[Choice | Exception]:
        """p(option) from the endpoint's log probabilities, or all of it on the option it answered with."""

        async def one(client: Any, ask: Choose) -> Choice:
            began = time.monotonic()
            open_turn = replace(ask.prompt, prefill="")  # some endpoints refuse a last turn of the assistant's
            heard = await self._ask(client, open_turn, 4, 0.0, (), self._limit(seconds), None)
            weights = [0.0] * len(ask.options)
            for token, logp in (heard.first or {}).items():
                if token.strip() in ask.options:
                    weights[ask.options.index(token.strip())] += exp(logp)
            if not any(weights):
                said = next((sign for sign in heard.text if sign in ask.options), None)
                if said is None:
                    raise EngineError(f"{self.name} answered {heard.text[:40]!r}, not one of {', '.join(ask.options)}")
                weights[ask.options.index(said)] = 1.0
            total = sum(weights)
            return Choice(tuple(w / total for w in weights), heard.tokens_in or 0, time.monotonic() - began)

        return self._all(asks, one)

    def loglik(self, asks: Sequence[LogLik], seconds: float | None = None) -> list[LogProb | Exception]:
        """Fails each ask: endpoints do not give the log probability of a text."""
        return [EngineError(f"{self.name} is a remote, which gives no log probability of a text") for _ in asks]

    # --- one batch -----------------------------------------------------------

    def _all(self, asks: Sequence[Any], one: Callable[[Any, Any], Awaitable[T]]) -> list[T | Exception]:
        try:
            self.egress_gate.check()  # before any client is imported
            client = self._client
            if self._redactor is None:
                self._key, self._redactor = self._find_key(), self._make()
        except EdgeSaleError as error:
            return [error for _ in asks]

        async def batch() -> list[T | Exception]:
            turn = asyncio.Semaphore(AT_ONCE)

            async def guarded(ask: Any) -> T | Exception:
                async with turn:
                    try:
                        return await one(client, ask)
                    except EdgeSaleError as error:
                        return error

            return list(await asyncio.gather(*map(guarded, asks)))

        done: list[T | Exception] = run(batch())
        return done

    def _limit(self, seconds: float | None) -> float:
        return min(self.remote.seconds, seconds) if seconds else self.remote.seconds

    async def _answer(self, client: Any, ask: Generate, sample: int, limit: float) -> Generation:
        assert self._redactor is not None
        began = time.monotonic()
        rest: Callable[[], None] = lambda: None  # noqa: E731 - replaced where somebody listens
        show = None
        if ask.on_text and sample == 0:
            show, rest = self._redactor.opening(ask.on_text)
        tokens = min(ask.sampling.max_tokens, self.remote.max_tokens)
        heard = await self._ask(client, ask.prompt, tokens, ask.sampling.temperature, ask.sampling.stop, limit, show)
        rest()
        text = self._redactor.open(heard.text)
        if ask.prompt.prefill and text.lstrip().startswith(ask.prompt.prefill):
            text = text.lstrip().removeprefix(ask.prompt.prefill)  # it began where it was asked to go on
        read, written = heard.tokens_in or 0, heard.tokens_out or 0
        entropies, logprobs = heard.entropies or [0.0], heard.logprobs or [0.0]
        return Generation(
            text=text,
            tokens=written,
            prompt_tokens=read,
            entropy=sum(entropies) / len(entropies),
            logprob=sum(logprobs) / len(logprobs),
            ended="length" if heard.ended == "length" else "end",
            seconds=time.monotonic() - began,
            price=self._price(read, written),
        )

    def _price(self, read: int, written: int) -> float:
        """One price for both directions, so that tokens times price is what was paid."""
        return self.remote.cost(read, written) * 1e6 / (read + written) if read + written else 0.0

    # --- one request, tried a few times --------------------------------------

    async def _ask(
        self,
        client: Any,
        prompt: Prompt,
        tokens: int,
        temperature: float,
        stop: tuple[str, ...],
        limit: float,
        show: Callable[[str], None] | None,
    ) -> Heard:
        if (need := self.count(prompt) + tokens) > self.context:
            raise PromptTooLong(self.name, need, self.context)
        body = self._body(prompt, tokens, temperature, stop)
        expected = self.remote.cost(self.count(prompt), tokens)
        deadline: float | None = None  # from when the first try is let out: a question to the user takes its time
        for attempt in range(1, TRIES + 1):
            this = _Try(self, tokens, expected, Heard())
            try:
                async with asyncio.timeout(None) as clock:

                    def let_out(clock: asyncio.Timeout = clock) -> None:
                        nonlocal deadline
                        now = asyncio.get_running_loop().time()
                        deadline = deadline or now + limit
                        clock.reschedule(deadline)

                    await this.go(client, body, let_out, show)
                return this.settle(self._tell)
            except EdgeSaleError:
                raise
            except Exception as error:
                why, again = explain(error, limit, CONNECT_S)
                pause = wait(error, attempt)
                lost = this.lost()
                loop_time = asyncio.get_running_loop().time()
                late = deadline is None or loop_time + pause >= deadline
                if lost.tokens_out or not again or attempt == TRIES or late:
                    if again and attempt == TRIES:
                        why += f", {TRIES} times"
                    elif again and late:
                        why += f"; another try, in {pause:.1f} s, would be past its {limit:g} s"
                    message = f"remote {self.name!r} ({self.remote.host}): {why}"
                    price = self._price(lost.tokens_in or 0, lost.tokens_out or 0)
                    raise RemoteFailed(
                        message, tokens_in=lost.tokens_in or 0, tokens_out=lost.tokens_out or 0, price=price
                    ) from error
                self._tell(f"remote {self.name!r}: {why}; trying again in {pause:.1f} s")
                await asyncio.sleep(pause)
        raise AssertionError("a try ends in an answer or in a failure")

    def _body(self, prompt: Prompt, tokens: int, temperature: float, stop: tuple[str, ...]) -> dict[str, Any]:
        """The request, with every secret in it replaced."""
        assert self._redactor is not None
        turns = [(message.role, message.content) for message in prompt.messages]
        if prompt.prefill:  # only prompts made for the very model that answers have one: it goes on from there
            turns.append((prompt.turn, prompt.prefill))
        messages = [{"role": role, "content": self._redactor.seal(as_text(content))} for role, content in turns]
        # the newer name of the bound is the only one that OpenAI's newer models take, and nobody else knows it
        bound = "max_completion_tokens" if self.remote.host == "api.openai.com" else "max_tokens"
        body: dict[str, Any] = {
            "model": self.remote.model,
            "messages": messages,
            bound: tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if temperature and self.remote.location == "lan":  # reasoning models elsewhere refuse to be told
            body["temperature"] = temperature
        if stop:
            body["stop"] = list(stop[:4])
        if self.remote.logprobs:
            body |= {"logprobs": True, "top_logprobs": TOP}
        return body

    def _client(self, transport: Callable[[Any], Any]) -> Any:
        """An openai client whose requests go through `transport(http module)`, and nothing else of it."""
        try:
            import openai
        except ImportError as error:
            raise ExtraMissing("openai", "remote") from error
        # httpx or httpx2: the openai package's version decides
        http: Any = import_module(openai.DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0])
        return openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self.remote.url,
            organization="",
            project="",
            admin_api_key="",  # or they are taken from the environment
            max_retries=0,
            timeout=http.Timeout(self.remote.seconds, connect=CONNECT_S),
            http_client=openai.DefaultAsyncHttpxClient(transport=transport(http), follow_redirects=False),
        )


class _Try:
    """One request: let out, sent, its answer read."""

    def __init__(self, engine: RemoteEngine, tokens: int, expected: float, heard: Heard) -> None:
        self.engine, self.heard = engine, heard
        self._tokens, self._expected = tokens, expected
        self._id = ""
        self._received = 0
        self._prompt = 0
        self._status = 0

    async def go(
        self,
        client: Callable[[Callable[[Any], Any]], Any],
        body: dict[str, Any],
        let_out: Callable[[], None],
        show: Callable[[str], None] | None,
    ) -> None:
        async with client(lambda http: self._transport(http, let_out)) as openai:
            stream = await openai.chat.completions.create(**body)
            chunks = aiter(stream)
            while True:
                # once the answer is whole, only the count of tokens is waited for, and not for long
                try:
                    async with asyncio.timeout(LAST_S if self.heard.ended else None):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    break
                except Exception:
                    if self.heard.ended:
                        break
                    raise
                take(self.heard, chunk, show)
                if self.heard.ended and self.heard.tokens_out is not None:
                    break
        if not self.heard.ended:
            raise Broken("the answer broke off before its end")

    def settle(self, tell: Callable[[str], None]) -> Heard:
        """The whole answer, its cost in the log."""
        heard, remote = self.heard, self.engine.remote
        estimated = heard.tokens_in is None or heard.tokens_out is None
        if estimated:
            heard.tokens_in = heard.tokens_in if heard.tokens_in is not None else self._prompt // BYTES_A_TOKEN
            heard.tokens_out = max(heard.pieces, len(heard.text.encode()) // 4)
            tell(
                f"remote {remote.name!r} did not say how many tokens it counted; about "
                f"{heard.tokens_in + heard.tokens_out} are booked"
            )
        if why := self._log(heard.tokens_in or 0, heard.tokens_out or 0, estimated):
            tell(f"what remote {remote.name!r} answered is not in the log ({why}); it counts at its expected cost")
        return heard

    def lost(self) -> Heard:
        """What a failed try will be billed for: nothing unless an answer had begun."""
        heard = self.heard
        if heard.pieces or heard.text:
            heard.tokens_in = heard.tokens_in or self._prompt // BYTES_A_TOKEN
            heard.tokens_out = heard.tokens_out or max(heard.pieces, len(heard.text.encode()) // 4)
        else:
            heard.tokens_in = heard.tokens_out = 0
        self._log(heard.tokens_in, heard.tokens_out, bool(heard.tokens_out))
        return heard

    def _log(self, read: int, written: int, estimated: bool) -> str:
        """Notes what a request came to. Gives why that was not possible, or nothing."""
        if not self._id:
            return ""
        return self.engine.egress_gate.answered(
            self._id,
            status=self._status,
            tokens_in=read,
            tokens_out=written,
            cost=self.engine.remote.cost(read, written),
            estimated=estimated,
            received=self._received,
        )

    def _transport(self, http: Any, let_out: Callable[[], None]) -> Any:
        """The client's way to the network: through the egress gate, without redirects, bounded."""
        this, engine = self, self.engine
        inner = http.AsyncHTTPTransport(verify=trust(http), trust_env=True)
        bound = ROOM + PER_TOKEN * self._tokens

        class Bounded(http.AsyncByteStream):  # type: ignore[misc]  # the module is known at run time
            def __init__(self, stream: Any) -> None:
                self._stream = stream

            async def __aiter__(self) -> AsyncIterator[bytes]:
                async for chunk in self._stream:
                    this._received += len(chunk)
                    if this._received > bound:
                        raise Broken(f"the answer is over {bound >> 10} KiB, more than {this._tokens} tokens can be")
                    yield chunk

            async def aclose(self) -> None:
                await self._stream.aclose()

        class Transport(http.AsyncBaseTransport):  # type: ignore[misc]
            async def handle_async_request(self, request: Any) -> Any:
                body = await request.aread()
                for name in [name for name in request.headers if name.startswith(("x-stainless-", "openai-"))]:
                    del request.headers[name]
                request.headers["User-Agent"] = f"edge-sale/{__version__}"
                request.headers["Accept-Encoding"] = "identity"
                if not engine._key:
                    request.headers.pop("Authorization", None)
                if engine._redactor is None or engine._redactor.leaks(body):
                    raise NotSent("nothing was sent: the request still held one of your own keys; please report it")
                this._prompt = sum(len(m["content"].encode()) for m in json.loads(body)["messages"])
                this._id = engine.egress_gate.let_out(
                    OutboundRequest(
                        engine.name,
                        request.url.netloc.decode("ascii"),
                        f"{request.method} {request.url.path}",
                        body,
                        size_of(request, body),
                        this._expected,
                    )
                )
                let_out()
                response = await inner.handle_async_request(request)
                this._status = response.status_code
                coding = response.headers.get("content-encoding", "identity")
                if response.is_redirect or coding != "identity":
                    await response.aclose()
                    where = response.headers.get("location", "nowhere")[:200]
                    raise Broken(
                        f"it redirects to {where}, where nothing is sent; if that is right, set it as url"
                        if response.is_redirect
                        else f"its answer is packed ({coding[:20]}), which was not asked for"
                    )
                response.stream = Bounded(response.stream)
                return response

            async def aclose(self) -> None:
                await inner.aclose()

        return Transport()


@cache
def trust(http: Any) -> Any:
    """The certificates that hosts are checked against, read once."""
    return http.create_ssl_context()


def redactor(own: Callable[[], Sequence[str]]) -> Callable[[], Redactor]:
    """One redactor for all remotes of a run, made when something is about to leave."""
    return cache(lambda: Redactor(own()))


def size_of(request: Any, body: bytes) -> int:
    """Bytes of a request as HTTP/1.1 writes it: its line, its headers, a blank line, the body."""
    line = len(request.method) + 1 + len(request.url.raw_path) + len(" HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in request.headers.raw) + 2 + len(body)


def run(work: Any) -> Any:
    """The result of a coroutine. ^C goes straight through, also while a question waits for its answer."""
    loop = asyncio.new_event_loop()  # asyncio.run would take ^C for itself
    task = loop.create_task(work)
    try:
        return loop.run_until_complete(task)
    finally:
        if not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.set_exception_handler(lambda loop, context: None)  # what is thrown away may complain
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
