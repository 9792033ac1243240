"""Prompts are text files beside this module. `render` makes a chat of one.

A line `--- system`, `--- user` or `--- assistant` begins a turn. If the last turn is the assistant's, it is the prefill
that the answer continues. If the last turn is `--- words`, it begins a user's turn whose text the model reads and does
not answer. `domains/` holds what all prompts of a domain begin with: prompts that begin alike share one prefill.

A name that the file uses and the caller did not pass is an error, never an empty string. The messages before the first
one that contains a value are the same for every task: `Prompt.fixed` counts them.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

from edge_sale.types import Message, Prompt

FOLDERS = ("", "domains/", "trade/")
_TURN = re.compile(r"^--- (system|user|assistant|words)\n", re.MULTILINE)
_MARK = "\ue002"  # for private use; removed from every value, so that no text can begin a turn
_VALUE = "\ue003"  # put before every value, which shows the messages without one


def render(name: str, **values: Any) -> Prompt:
    """The prompt file `name`.txt with `values` filled in. Raises jinja2.UndefinedError for a missing value."""
    parts = _environment().get_template(name).render(**values).split(_MARK)[1:]
    turns = [
        Message(cast(Literal["system", "user", "assistant"], role), content.replace(_VALUE, "").strip("\n"))
        for role, content in zip(parts[::2], parts[1::2], strict=True)
    ]
    reads_words = parts[-2] == "words"
    prefill = turns.pop().content if reads_words or turns[-1].role == "assistant" else ""
    fixed = next((i for i, content in enumerate(parts[1::2]) if _VALUE in content), len(turns))
    return Prompt(tuple(turns), prefill, min(fixed, len(turns)), "user" if reads_words else "assistant")


def prompt_in(folder: str, name: str) -> str:
    """The name of a prompt in a folder; with an empty folder, of the prompt for any instruct model."""
    return f"{folder}/{name}" if folder else name


def names() -> list[str]:
    """The names of all prompts."""
    return [name for name in _files() if not name.startswith("domains/")]


@cache
def fingerprint() -> str:
    """A hash of all prompt files, 12 hex digits. Traces, memory and benchmark lines record it."""
    digest = hashlib.sha256()
    for name in _files():
        digest.update(f"{name}\0{source(name)}\0".encode())
    return digest.hexdigest()[:12]


def _files() -> list[str]:
    root = resources.files(__package__)
    found = [(folder, file.name) for folder in FOLDERS for file in (root / folder).iterdir()]
    return sorted(folder + name.removesuffix(".txt") for folder, name in found if name.endswith(".txt"))


def source(name: str) -> str:
    """The text of a prompt file."""
    return (resources.files(__package__) / f"{name}.txt").read_text(encoding="utf-8")


def _marked(name: str) -> str:
    return _TURN.sub(rf"{_MARK}\1{_MARK}", source(name))


@cache
def _environment() -> Any:
    from jinja2 import FunctionLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_marked),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: _VALUE + str(value).replace(_MARK, "").replace(_VALUE, ""),
    )
