"""A chat in the model's own format, in which the text of a message cannot pass for part of the format.

The model's template is rendered with a marker in place of every message, and the result is cut at the markers.
The template's parts are then tokenized with control tokens and the messages without, so `<|im_end|>` inside a
document stays ten characters of text.
"""

from __future__ import annotations

import datetime
import re

from edge_sale.errors import EngineError, NoChatTemplate
from edge_sale.llama.render import TemplateFailed, renderer
from edge_sale.types import Message, Prompt

NO_TOOLS = {"tools": None, "tool_choice": None, "functions": None, "function_call": None}
_MARKER = re.compile("\ue000(\\d+)\ue001")  # private-use characters: in no vocabulary are they a control token


class ChatTemplate:
    """The chat template of one model."""

    def __init__(self, model: str, source: str | None, *, bos: str, eos: str) -> None:
        """Raises NoChatTemplate where `source` is empty or does not parse."""
        if not source:
            raise NoChatTemplate(f"model {model!r} has no chat template; choose an instruct model")
        self._model, self._source = model, source
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._rendered: dict[tuple[str, ...], str] = {}
        try:  # a template is untrusted code, so a child process parses it: see render.py
            renderer().render(source, None)
        except TemplateFailed as error:
            raise NoChatTemplate(
                f"model {model!r}: its chat template does not parse ({error}); choose an instruct model"
            ) from error

    def pieces(self, prompt: Prompt) -> list[tuple[str, int | None]]:
        """The prompt in pieces for tokenizing: (text, number of its message), or (text, None) for template parts.

        The prefill counts as one more message after the last. Raises EngineError.
        """
        messages = list(prompt.messages)
        if prompt.turn == "user":  # the prompt ends where the user would begin to write
            messages.append(Message("user", ""))
        try:
            rendered = self._render(messages)
        except EngineError:
            given, messages = messages, _without_system(messages)  # some model families have no system turn
            if messages == given:
                raise
            rendered = self._render(messages)
        merged = len(prompt.messages) + (prompt.turn == "user") - len(messages)
        pieces: list[tuple[str, int | None]] = []
        for place, part in enumerate(_MARKER.split(rendered)):
            if place % 2 and prompt.turn == "user" and int(part) == len(messages) - 1:
                break
            if place % 2:
                pieces.append((messages[int(part)].content, int(part) + merged))
            elif part:
                pieces.append((part, None))
        if prompt.prefill:
            pieces.append((prompt.prefill, len(prompt.messages)))
        return pieces

    def _render(self, messages: list[Message]) -> str:
        """The chat with a marker in place of every message. A template sees only roles, so each order is kept."""
        roles = (*(m.role for m in messages), self._day())
        if roles in self._rendered:
            return self._rendered[roles]
        marked = [{"role": m.role, "content": f"\ue000{i}\ue001"} for i, m in enumerate(messages)]
        values = {"messages": marked, "add_generation_prompt": True, "enable_thinking": False, **NO_TOOLS}
        try:
            rendered = renderer().render(self._source, {**values, **self._tokens})
        except TemplateFailed as error:
            raise EngineError(f"model {self._model!r}: its chat template failed: {error}") from error
        if {int(i) for i in _MARKER.findall(rendered)} != set(range(len(messages))):
            raise EngineError(f"model {self._model!r}: its chat template leaves out a message")
        self._rendered[roles] = rendered
        return rendered

    def _day(self) -> str:
        """Today's date if the template may write it into the prompt, else empty."""
        return datetime.date.today().isoformat() if "strftime_now" in self._source else ""


def _without_system(messages: list[Message]) -> list[Message]:
    """The same chat with the system message at the front of the first other message."""
    system = [m.content for m in messages if m.role == "system"]
    rest = [m for m in messages if m.role != "system"]
    if not system or not rest:
        return messages
    first = Message(rest[0].role, "\n\n".join([*system, rest[0].content]))
    return [first, *rest[1:]]
