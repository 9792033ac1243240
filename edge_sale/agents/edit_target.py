"""The part of a file that an edit replaces, and how the task and a failing check tell which part it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from edge_sale.text import split_lines
from edge_sale.types import Task
from edge_sale.workspace import editing
from edge_sale.workspace.editing import Unit
from edge_sale.workspace.paths import ToolRefused
from edge_sale.workspace.tools import WorkingCopy

OUTPUT_CHARACTERS = 6000  # of the end of a check's output that are searched for names
MIN_POINTS = 1.0  # fewer do not single out a function
_NAME = re.compile(r"[A-Za-z_]\w{2,}")


@dataclass(frozen=True, slots=True)
class Target:
    """The part of a file that is to be replaced. A unit without a name is the whole file."""

    path: str
    text: str  # of the whole file
    unit: Unit

    @property
    def code(self) -> str:
        lines = split_lines(self.text, ends=True)
        return "".join(lines[self.unit.first - 1 : self.unit.last]) if self.unit.name else self.text

    def with_code(self, code: str) -> str:
        """The file with the unit replaced by its new version in `code`. Raises ToolRefused."""
        if not self.unit.name:
            return editing.placed(self.text, code)
        same = [unit for unit in editing.units(code) if unit.name == self.unit.name]
        if same:  # whatever else a draft contains is dropped
            code = "".join(split_lines(code, ends=True)[same[0].first - 1 : same[0].last])
        return editing.placed(self.text, code, self.unit.first, self.unit.last)


def find_target(task: Task, output: str, working_copy: WorkingCopy) -> Target | None:
    """The function that the task and the output of the failing check refer to; None if none stands out.

    Each function gets points for its name and for its file's name in the task and in the output, and for a line of it
    in a traceback. The most points win; of equals the first.
    """
    best: tuple[float, Target] | None = None
    for points, target in _candidates(task, output, working_copy):
        if points >= MIN_POINTS and (best is None or points > best[0]):
            best = points, target
    return best[1] if best else None


def _candidates(task: Task, output: str, working_copy: WorkingCopy) -> Iterator[tuple[float, Target]]:
    """Every function of the files that are no tests (of all files if there are only tests), with its points."""
    sources = [name for name in working_copy.copy.files if name.endswith(".py")]
    names = [name for name in sources if not _is_test(name)] or sources
    task_words = _NAME.findall(task.text)
    output_words = _NAME.findall(output[-OUTPUT_CHARACTERS:])
    for name in names:
        try:
            text = working_copy.text(name)
        except ToolRefused:
            continue
        stem = PurePosixPath(name).stem
        file_points = 6.0 * (name in task.text) + 3.0 * (stem in task_words)
        file_points += 2.0 * (name in output) + 1.0 * (stem in output_words) + 1.0 * (len(names) == 1)
        units = editing.units(text)
        owners = {unit.owner for unit in units}
        for unit in units:
            if unit.name in owners:
                continue  # a class: its methods are candidates instead
            points = 3.0 * (unit.name in task_words) + min(2.0, 0.5 * output_words.count(unit.name))
            if not points and unit.first == 1:
                points = 0.1  # without any other sign, the function at the top of the file
            points += 2.0 * _in_traceback(name, unit, output)
            yield file_points + points, Target(name, text, unit)


def _in_traceback(name: str, unit: Unit, output: str) -> bool:
    """Whether the output names a line of the unit, as Python's or pytest's tracebacks do."""
    lines = re.findall(rf"{re.escape(name)}(?:\", line |:)(\d+)", output)
    return any(unit.first <= int(line) <= unit.last for line in lines)


def _is_test(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        path.stem.startswith("test_")
        or path.stem.endswith("_test")
        or any(part in ("tests", "test") for part in path.parts[:-1])
        or path.name in ("conftest.py", "setup.py")
    )
