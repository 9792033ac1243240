"""Send one chat request to a remote through the openai client, and read its answer.

Only this module and download/http.py send bytes off the machine. The client's transport is ours: every request passes
`remote.egress.EgressGate` with the very bytes that will be written, and is not sent without it. What else it ensures:

- No redirect is followed, so a key stays with the host it is for.
- The client's own headers about this machine are removed.
- An answer is read up to a limit of bytes and seconds, whatever the answer says of itself.
- Proxies of the environment are not used: the host in the log is the host that is connected to.
- Offline, no client is imported.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from edge_sale import __version__
from edge_sale.errors import ExtraMissing, NotSent
from edge_sale.remote.chat_request import BYTES_PER_TOKEN
from edge_sale.remote.config import Remote
from edge_sale.remote.egress import EgressGate, OutboundRequest
from edge_sale.remote.redaction import Redactor
from edge_sale.remote.stream import BadAnswer, StreamedAnswer, add_chunk

CONNECT_SECONDS = 10.0
USAGE_SECONDS = 5.0  # how long the token count may come after the end of the answer
BASE_BYTES = 256 * 1024  # that any answer may have
BYTES_PER_ANSWER_TOKEN = 2048  # that an answer may have beside them: log probabilities are long


@dataclass(frozen=True, slots=True)
class Connection:
    """What every request to one remote needs. An empty `key` sends no Authorization header."""

    remote: Remote
    key: str
    egress_gate: EgressGate
    redactor: Redactor


class Attempt:
    """One try of a request: authorised, sent, its answer read. `answer` holds what has come so far."""

    def __init__(self, connection: Connection, max_tokens: int, expected_cost: float) -> None:
        self.connection = connection
        self.answer = StreamedAnswer()
        self._max_tokens, self._expected_cost = max_tokens, expected_cost
        self._request_id = ""  # in the egress log
        self._received = 0  # bytes
        self._prompt_bytes = 0
        self._status = 0

    async def send(
        self, body: dict[str, Any], on_authorised: Callable[[], None], show: Callable[[str], None] | None
    ) -> None:
        """Send the request and read its answer to the end. `on_authorised` is called just before it is sent."""
        answer = self.answer
        async with _open_client(self.connection, lambda http: self._transport(http, on_authorised)) as client:
            stream = await client.chat.completions.create(**body)
            chunks = aiter(stream)
            while True:
                # once the text is whole only the token count is missing, and it is not waited for long
                try:
                    async with asyncio.timeout(USAGE_SECONDS if answer.finish_reason else None):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    break
                except Exception:
                    if answer.finish_reason:
                        break
                    raise
                add_chunk(answer, chunk, show)
                if answer.finish_reason and answer.tokens_out is not None:
                    break
        if not answer.finish_reason:
            raise BadAnswer("the answer broke off before its end")

    def settle(self, notice: Callable[[str], None]) -> StreamedAnswer:
        """Log the cost of the whole answer and return it. Tokens that the remote did not count are estimated."""
        answer, name = self.answer, self.connection.remote.name
        estimated = answer.tokens_in is None or answer.tokens_out is None
        if estimated:
            answer.tokens_in = answer.tokens_in if answer.tokens_in is not None else self._estimated_tokens_in()
            answer.tokens_out = self._estimated_tokens_out()
            notice(
                f"remote {name!r} did not say how many tokens it counted; about "
                f"{answer.tokens_in + answer.tokens_out} are booked"
            )
        if why := self._log_answer(answer.tokens_in or 0, answer.tokens_out or 0, estimated):
            notice(f"what remote {name!r} answered is not in the log ({why}); it counts at its expected cost")
        return answer

    def settle_failed(self) -> StreamedAnswer:
        """Log what the failed try will be billed for: nothing, unless an answer had begun."""
        answer = self.answer
        if answer.chunks or answer.text:
            answer.tokens_in = answer.tokens_in or self._estimated_tokens_in()
            answer.tokens_out = answer.tokens_out or self._estimated_tokens_out()
        else:
            answer.tokens_in = answer.tokens_out = 0
        self._log_answer(answer.tokens_in, answer.tokens_out, bool(answer.tokens_out))
        return answer

    def _estimated_tokens_in(self) -> int:
        return self._prompt_bytes // BYTES_PER_TOKEN

    def _estimated_tokens_out(self) -> int:
        return max(self.answer.chunks, len(self.answer.text.encode()) // 4)

    def _log_answer(self, tokens_in: int, tokens_out: int, estimated: bool) -> str:
        """Note what a request came to. Return why that was not possible, or an empty text."""
        if not self._request_id:
            return ""
        return self.connection.egress_gate.record_answer(
            self._request_id,
            status=self._status,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=self.connection.remote.cost(tokens_in, tokens_out),
            estimated=estimated,
            received=self._received,
        )

    def _authorise(self, request: Any, body: bytes) -> None:
        """Take off what need not leave, look for the user's own keys once more, and pass the egress gate."""
        for name in [name for name in request.headers if name.startswith(("x-stainless-", "openai-"))]:
            del request.headers[name]
        request.headers["User-Agent"] = f"edge-sale/{__version__}"
        request.headers["Accept-Encoding"] = "identity"
        if not self.connection.key:
            request.headers.pop("Authorization", None)
        if self.connection.redactor.leaks(body):
            raise NotSent("nothing was sent: the request still held one of your own keys; please report it")
        self._prompt_bytes = sum(len(message["content"].encode()) for message in json.loads(body)["messages"])
        self._request_id = self.connection.egress_gate.authorise(
            OutboundRequest(
                remote=self.connection.remote.name,
                host=request.url.netloc.decode("ascii"),
                what=f"{request.method} {request.url.path}",
                body=body,
                size=_size_of(request, body),
                expected=self._expected_cost,
            )
        )

    def _transport(self, http: Any, on_authorised: Callable[[], None]) -> Any:
        """The client's way to the network: through the egress gate, without redirects, with a limit on the answer."""
        this = self
        network = http.AsyncHTTPTransport(verify=_certificates(http), trust_env=True)
        limit = BASE_BYTES + BYTES_PER_ANSWER_TOKEN * self._max_tokens

        class LimitedStream(http.AsyncByteStream):  # type: ignore[misc]  # the module is known at run time
            def __init__(self, stream: Any) -> None:
                self._stream = stream

            async def __aiter__(self) -> AsyncIterator[bytes]:
                async for chunk in self._stream:
                    this._received += len(chunk)
                    if this._received > limit:
                        tokens = this._max_tokens
                        raise BadAnswer(f"the answer is over {limit >> 10} KiB, more than {tokens} tokens can be")
                    yield chunk

            async def aclose(self) -> None:
                await self._stream.aclose()

        class GatedTransport(http.AsyncBaseTransport):  # type: ignore[misc]
            async def handle_async_request(self, request: Any) -> Any:
                this._authorise(request, await request.aread())
                on_authorised()
                response = await network.handle_async_request(request)
                this._status = response.status_code
                if why := _unreadable(response):
                    await response.aclose()
                    raise BadAnswer(why)
                response.stream = LimitedStream(response.stream)
                return response

            async def aclose(self) -> None:
                await network.aclose()

        return GatedTransport()


def blended_price(remote: Remote, tokens_in: int, tokens_out: int) -> float:
    """One price per million tokens for both directions, so that tokens times price is what was paid."""
    tokens = tokens_in + tokens_out
    return remote.cost(tokens_in, tokens_out) * 1e6 / tokens if tokens else 0.0


def _unreadable(response: Any) -> str:
    """Say why an answer is not read: it redirects, or is compressed although that was not asked for."""
    if response.is_redirect:
        target = response.headers.get("location", "nowhere")[:200]
        return f"it redirects to {target}, where nothing is sent; if that is right, set it as url"
    encoding = response.headers.get("content-encoding", "identity")
    return "" if encoding == "identity" else f"its answer is packed ({encoding[:20]}), which was not asked for"


def _open_client(connection: Connection, transport: Callable[[Any], Any]) -> Any:
    """An openai client whose requests go through `transport(http module)` and take nothing from the environment."""
    try:
        import openai
    except ImportError as error:
        raise ExtraMissing("openai", "remote") from error
    # httpx or httpx2: the version of the openai package decides
    http: Any = import_module(openai.DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0])
    return openai.AsyncOpenAI(
        api_key=connection.key or "none",
        base_url=connection.remote.url,
        organization="",
        project="",
        admin_api_key="",  # where these are not given, they come from the environment
        max_retries=0,
        timeout=http.Timeout(connection.remote.seconds, connect=CONNECT_SECONDS),
        http_client=openai.DefaultAsyncHttpxClient(transport=transport(http), follow_redirects=False),
    )


@cache
def _certificates(http: Any) -> Any:
    """The certificates that hosts are checked against, read once."""
    return http.create_ssl_context()


def _size_of(request: Any, body: bytes) -> int:
    """Bytes of a request as HTTP/1.1 writes it: its line, its headers, a blank line, the body."""
    line = len(request.method) + 1 + len(request.url.raw_path) + len(" HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in request.headers.raw) + 2 + len(body)
