"""What an endpoint says, made sense of: pieces of an answer, and what went wrong, in words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from typing import Any

from edge_sale.errors import EdgeSaleError


@dataclass(slots=True)
class Heard:
    """What has come of one answer so far."""

    text: str = ""
    pieces: int = 0
    ended: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    entropies: list[float] | None = None
    logprobs: list[float] | None = None
    first: dict[str, float] | None = None  # token -> log p, for the first token


class Broken(Exception):
    """An answer that no good endpoint gives, and why."""


def take(heard: Heard, chunk: Any, show: Callable[[str], None] | None) -> None:
    """Adds one piece of a streamed answer. Raises Broken for what is not one."""
    try:
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            heard.tokens_in, heard.tokens_out = int(usage.prompt_tokens), int(usage.completion_tokens)
            if heard.tokens_in < 0 or heard.tokens_out < 0:
                raise ValueError("tokens below none")
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        text = (choice.delta.content or "") if choice.delta is not None else ""
        if not isinstance(text, str):
            raise TypeError("text that is none")
        if text:
            heard.pieces += 1
            heard.text += text
            if show:
                show(text)
        for token in getattr(choice.logprobs, "content", None) or [] if getattr(choice, "logprobs", None) else []:
            _take_token(heard, token)
        heard.ended = choice.finish_reason or heard.ended
    except (AttributeError, TypeError, ValueError) as error:
        raise Broken(f"its answer is not a chat completion ({type(error).__name__})") from error


def _take_token(heard: Heard, token: Any) -> None:
    top = {str(other.token): float(other.logprob) for other in token.top_logprobs or ()}
    heard.first = heard.first if heard.first is not None else (top or {str(token.token): float(token.logprob)})
    heard.logprobs = [*(heard.logprobs or []), float(token.logprob)]
    shares = [exp(min(logp, 0.0)) for logp in top.values()]
    rest = max(0.0, 1.0 - sum(shares))  # everything beyond the alternatives that were told, as if it were one
    heard.entropies = [*(heard.entropies or []), -sum(p * log(p) for p in [*shares, rest] if p > 1e-12)]


def explain(error: Exception, limit: float, connect: float) -> tuple[str, bool]:
    """What went wrong, in words, and whether trying again may help."""
    if isinstance(error, TimeoutError):
        return f"no whole answer within {limit:g} s", False
    cause: BaseException | None = error
    while cause is not None:  # the client wraps what the transport raised
        if isinstance(cause, EdgeSaleError):
            raise cause
        if isinstance(cause, Broken):
            return str(cause), False
        cause = cause.__cause__
    status = getattr(error, "status_code", None)
    if status is not None:
        return _refusal(int(status), error)
    name = type(error).__name__
    if "Timeout" in name:
        return f"no connection within {connect:.0f} s", True
    if isinstance(error, ValueError):
        return "its answer is not JSON", False
    inner = error.__cause__ or error
    said = re.sub(r"^\[Errno -?\d+\] ", "", str(inner).strip()) or type(inner).__name__
    if "closed" in said or "incomplete" in said:
        return "the answer broke off before its end", True
    return f"no connection: {_line(said)}" if "Connect" in name else _line(said), True


def _refusal(status: int, error: Any) -> tuple[str, bool]:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else body
    said = inner.get("message") if isinstance(inner, dict) else None
    detail = f" ({_line(said)})" if isinstance(said, str) and said.strip() else ""
    code = str(inner.get("code") or inner.get("type") or "") if isinstance(inner, dict) else ""
    if status == 402 or "insufficient_quota" in code:
        return f"out of credit, answer {status}{detail}", False
    if status in (401, 403):
        return f"it refuses the key, answer {status}{detail}", False
    if status == 404:
        return f"it knows no such model or address, answer 404{detail}", False
    if status == 429:
        return f"too many requests, answer 429{detail}", True
    return f"answer {status}{detail}", status in (408, 409) or status >= 500


def _line(text: str) -> str:
    """Somebody else's words on one line, cut."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return plain if len(plain) <= 160 else plain[:159] + "…"


def wait(error: Any, attempt: int) -> float:
    """Seconds to the next try: what the endpoint asks for, else half a second, then a second."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    asked = headers.get("retry-after", "")
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    if asked:
        from email.utils import parsedate_to_datetime

        try:
            return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
        except (ValueError, TypeError):
            pass
    return 0.5 * attempt
