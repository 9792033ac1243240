"""The runs file: JSON lines that `bench run`, `bench replay` and `bench bundled` write and `bench table` reads.

    set      what was measured: the first line
    method   a row of the table: name, group, source
    trial    one agent's attempt at one task, for replays
    result   what came of one task that a method handled in one order of the tasks
    curve    what each setting of a method's dial gave: share of the largest agent, dollars a task, pass@1

Older files say `contender` for `method`, as a kind and as a key, and `sold` for `result`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_sale.evaluation.jsonl_store import JsonlStore, lines

KINDS = ("set", "method", "result", "curve", "trial")
OLD_KINDS = {"contender": "method", "sold": "result"}

Run = tuple[str, int, str]  # method, order, task


def read(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line with "file, line n", in today's words. Raises BadRecord for a damaged line."""
    for where, value in lines(file):
        yield where, in_todays_words(value)


def in_todays_words(value: dict[str, Any]) -> dict[str, Any]:
    """The line of an older file as today's benches write it. The value is changed in place."""
    kind = value.get("kind")
    if isinstance(kind, str) and kind in OLD_KINDS:
        value["kind"] = OLD_KINDS[kind]
    if "contender" in value:
        value["method"] = value.pop("contender")
    return value


def method_line(name: str, group: str, source: str, departs: str = "") -> dict[str, Any]:
    """A line about a row of the table. `departs` says what is different from the source."""
    return {"kind": "method", "name": name, "group": group, "source": source, "departs": departs}


class RunsFile:
    """A runs file that is being written: appends lines, and knows which runs are in it."""

    def __init__(self, file: Path) -> None:
        self.store = JsonlStore(file)
        self.done: set[Run] = set()

    def begin(self, about: dict[str, Any], methods: list[dict[str, Any]]) -> None:
        """Continue the file or start it. Raises BadRecord where it belongs to another setup."""
        self.store.begin(about, *methods)
        assert self.store.file is not None
        for _, value in read(self.store.file):
            self._note(value)

    def add(self, *values: dict[str, Any]) -> None:
        self.store.append(*values)
        for value in values:
            self._note(value)

    def close(self) -> None:
        self.store.close()

    def _note(self, value: dict[str, Any]) -> None:
        if value.get("kind") == "result":
            self.done.add((value["method"], value["order"], value["task"]))
