"""A chat as tokens: the model's own template around text that cannot pose as it.

The template is rendered with a marker in place of every message; the rendered
text is cut at the markers, template parts are tokenized with control tokens and
message parts without, so `<|im_end|>` inside a document stays eleven characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from edge_sale.errors import EngineError, NoChatTemplate
from edge_sale.types import Message, Prompt

_MARKER = re.compile("\ue000(\\d+)\ue001")  # private use: no vocabulary has a control token of it


class ChatTemplate:
    """The template of one model; `pieces` is its only verb."""

    def __init__(self, model: str, source: str | None, *, bos: str, eos: str) -> None:
        if not source:
            raise NoChatTemplate(f"model {model!r} has no chat template; choose an instruct model")
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        self._model = model
        try:  # an immutable sandboxed environment: a template is code from a stranger
            self._format = Jinja2ChatFormatter(template=source, bos_token=bos, eos_token=eos)
        except Exception as error:
            raise NoChatTemplate(
                f"model {model!r}: its chat template does not parse ({error}); choose an instruct model"
            ) from error

    def pieces(self, prompt: Prompt) -> list[tuple[str, int | None]]:
        """The prompt as pieces in order, ready for tokenizing: the text, and which message it is.

        Template parts are of no message; the prefill counts as one more after the last.
        """
        messages = list(prompt.messages)
        try:
            rendered = self._render(messages)
        except EngineError:
            messages = _without_system(messages)  # some families have no system turn
            rendered = self._render(messages)
        merged = len(prompt.messages) - len(messages)
        pieces: list[tuple[str, int | None]] = []
        for place, part in enumerate(_MARKER.split(rendered)):
            if place % 2:
                pieces.append((messages[int(part)].content, int(part) + merged))
            elif part:
                pieces.append((part, None))
        if prompt.prefill:
            pieces.append((prompt.prefill, len(prompt.messages)))
        return pieces

    def _render(self, messages: list[Message]) -> str:
        marked = [{"role": m.role, "content": f"\ue000{i}\ue001"} for i, m in enumerate(messages)]
        formatter: Callable[..., Any] = self._format
        try:
            rendered: str = formatter(messages=marked, enable_thinking=False).prompt
        except Exception as error:
            raise EngineError(f"model {self._model!r}: its chat template failed: {error}") from error
        if {int(i) for i in _MARKER.findall(rendered)} != set(range(len(messages))):
            raise EngineError(f"model {self._model!r}: its chat template leaves out a message")
        return rendered


def _without_system(messages: list[Message]) -> list[Message]:
    """The same chat with the system's words at the front of the first user turn."""
    system = [m.content for m in messages if m.role == "system"]
    rest = [m for m in messages if m.role != "system"]
    if not system or not rest:
        return messages
    first = Message(rest[0].role, "\n\n".join([*system, rest[0].content]))
    return [first, *rest[1:]]
