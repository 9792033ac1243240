"""The trade of the bundled models: what one step of a task can be, in English, as a plan's step and in Python.

The operations and how people say them are in `trade.txt`, which also says how it is written.
Kinds of values: L a list of whole numbers, N a number, T a text, W a list of words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

NAMES = {"L": "xs", "N": "n", "T": "s", "W": "ws"}  # what a value is called in the code

NOUNS = {
    "NUMS": "[numbers|values|elements|items|entries|integers]",
    "NUM": "[number|value|element|item|entry|integer]",
    "ONES": "[numbers|values|elements|items|ones|entries]",
    "EACH": "[each|every]",
    "LIST": "[list|sequence|array]",
    "TEXT": "[text|string]",
    "CHARS": "[characters|letters|signs]",
    "CHAR": "[character|letter|sign]",
    "RESULT": "[result|number|answer|outcome]",
    "KEEP": "[*keep|*retain|*leave|*preserve]",
    "DROP": "[*drop|*remove|*discard|*delete]",
    "GIVE": "[*return|*give|*report|*output]",
    "FIND": "[*find|*compute|*get|*work out]",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One step: what it takes and gives, its step in a plan, its line of code, and how people say it.

    `train` are the wordings of the training texts; those of `held` are in no text that a model was trained on.
    """

    takes: str
    gives: str
    plan: str
    code: str
    train: tuple[str, ...]
    held: tuple[str, ...]

    @property
    def name(self) -> str:
        """The step without its arguments, such as `keep above`."""
        return self.plan.replace(" {k}", "").replace(" {c}", "").replace(" {d}", "")

    @property
    def arguments(self) -> tuple[str, ...]:
        return tuple(name for name in ("k", "c", "d") if f"{{{name}}}" in self.plan)


@dataclass(frozen=True, slots=True)
class Step:
    """An operation with its arguments."""

    operation: Operation
    values: Mapping[str, object]

    @property
    def plan(self) -> str:
        return self.operation.plan.format(**self.values)

    @property
    def code(self) -> str:
        text = self.operation.code
        for name, value in self.values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text


def _read(text: str) -> Iterator[Operation]:
    """Groups (`L -> N`), and in them blocks of a plan's step and its lines: = code, + taught, - held out."""
    takes = gives = ""
    for block in text.split("\n\n"):
        plan, *lines = [line.strip() for line in block.splitlines() if not line.startswith("#")] or [""]
        if not lines:
            takes, _, gives = plan.partition(" -> ")
            continue
        of = {mark: " / ".join(line[2:] for line in lines if line[0] == mark) for mark in "=+-"}
        yield Operation(takes, gives, plan, of["="], tuple(of["+"].split(" / ")), tuple(of["-"].split(" / ")))


OPERATIONS = tuple(_read((files("edge_sale.evaluation.bundled_tasks") / "trade.txt").read_text("utf-8")))
BY_NAME = {operation.name: operation for operation in OPERATIONS}
