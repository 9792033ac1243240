"""The trade of the bundled models: the operations that a task's step can be, in English, in a plan and in Python.

The operations and their wordings are in `trade.txt`, which also describes its format.
Kinds of values: L a list of whole numbers, N a number, T a text, W a list of words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

NAMES = {"L": "xs", "N": "n", "T": "s", "W": "ws"}  # the variable of a value in the code

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
    """One operation: the kinds it takes and gives, its step in a plan, its line of code, and its wordings.

    `train` are the wordings of the training texts. No training text holds a wording of `held`.
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
    """Read groups (`L -> N`) of blocks: a plan's step, then lines of code (=), taught (+) and held-out (-) wordings."""
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
