"""Build the body of one chat request, with every secret in it replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_sale.remote.config import Remote
from edge_sale.remote.redaction import as_text
from edge_sale.types import Prompt

BYTES_PER_TOKEN = 3  # of prompts, for estimates: text has about 4, code 3
BYTES_PER_MESSAGE = 12  # that a chat template adds, about
TOP_LOGPROBS = 20  # alternatives asked for, where the endpoint gives log probabilities
MOST_STOPS = 4  # stop texts that endpoints accept


def estimate_tokens(prompt: Prompt) -> int:
    """About how many tokens a prompt has; rather too many than too few."""
    texts = [*(message.content for message in prompt.messages), prompt.prefill]
    size = sum(len(as_text(text).encode()) for text in texts) + BYTES_PER_MESSAGE * len(prompt.messages)
    return size // BYTES_PER_TOKEN + 1


def chat_body(
    remote: Remote,
    prompt: Prompt,
    max_tokens: int,
    temperature: float,
    stop: tuple[str, ...],
    seal: Callable[[str], str],
) -> dict[str, Any]:
    """The arguments of a chat completion. `seal` replaces the secrets of a text."""
    turns = [(message.role, message.content) for message in prompt.messages]
    if prompt.prefill:  # only a prompt made for the model that answers has one; the model continues it
        turns.append((prompt.turn, prompt.prefill))
    # OpenAI's newer models take only the newer name of the limit, and other endpoints know only the older one
    limit_name = "max_completion_tokens" if remote.host == "api.openai.com" else "max_tokens"
    body: dict[str, Any] = {
        "model": remote.model,
        "messages": [{"role": role, "content": seal(as_text(content))} for role, content in turns],
        limit_name: max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if temperature and remote.location == "lan":  # reasoning models elsewhere refuse a temperature
        body["temperature"] = temperature
    if stop:
        body["stop"] = list(stop[:MOST_STOPS])
    if remote.logprobs:
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    return body
