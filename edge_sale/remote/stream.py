"""Read a streamed answer of a remote: its text, token counts and log probabilities, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from typing import Any


@dataclass(slots=True)
class StreamedAnswer:
    """What has arrived of one answer so far."""

    text: str = ""
    chunks: int = 0  # that held text
    finish_reason: str = ""  # empty until the answer is whole
    tokens_in: int | None = None
    tokens_out: int | None = None
    entropies: list[float] | None = None  # of each token, nats
    logprobs: list[float] | None = None  # of each token, nats
    first: dict[str, float] | None = None  # token -> log p, for the first token


class BadAnswer(Exception):
    """An answer that a well-behaved endpoint does not give. The message says what is wrong with it."""


def add_chunk(answer: StreamedAnswer, chunk: Any, show: Callable[[str], None] | None) -> None:
    """Add one chunk of a stream to the answer and pass its text to `show`. Raises BadAnswer where it is none."""
    try:
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            answer.tokens_in, answer.tokens_out = int(usage.prompt_tokens), int(usage.completion_tokens)
            if answer.tokens_in < 0 or answer.tokens_out < 0:
                raise ValueError("negative token count")
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        text = (choice.delta.content or "") if choice.delta is not None else ""
        if not isinstance(text, str):
            raise TypeError("content is not text")
        if text:
            answer.chunks += 1
            answer.text += text
            if show:
                show(text)
        for token in getattr(choice.logprobs, "content", None) or [] if getattr(choice, "logprobs", None) else []:
            _add_token(answer, token)
        answer.finish_reason = choice.finish_reason or answer.finish_reason
    except (AttributeError, TypeError, ValueError) as error:
        raise BadAnswer(f"its answer is not a chat completion ({type(error).__name__})") from error


def _add_token(answer: StreamedAnswer, token: Any) -> None:
    top = {str(other.token): float(other.logprob) for other in token.top_logprobs or ()}
    if answer.first is None:
        answer.first = top or {str(token.token): float(token.logprob)}
    answer.logprobs = [*(answer.logprobs or []), float(token.logprob)]
    shares = [exp(min(logp, 0.0)) for logp in top.values()]
    rest = max(0.0, 1.0 - sum(shares))  # all tokens that the endpoint did not list, counted as one
    entropy = -sum(p * log(p) for p in [*shares, rest] if p > 1e-12)
    answer.entropies = [*(answer.entropies or []), entropy]
