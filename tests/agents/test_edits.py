"""Candidate edits under a check: which function they replace, and that the first that passes is the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_sale.agents import edits
from edge_sale.agents.edit_target import Target, find_target
from edge_sale.agents.local import LocalAgent
from edge_sale.agents.workspace import Workspace
from edge_sale.event_bus import EventBus
from edge_sale.events import Stepped
from edge_sale.types import Generation, LogLik, LogProb, Outcome, Task
from edge_sale.workspace.editing import Unit
from tests.scripted import Heard
from tests.workspace.kit import repository, working_copy, wrapped

CALC = "import os\n\n\ndef add(a, b):\n    total = a - b\n    return total\n\n\ndef other():\n    return 1\n"
TEST = "from calc import add\nassert add(2, 2) == 4, add(2, 2)\n"
TASK = Task("t", "add gives a wrong sum.", "repo", ("calc.py",), "python3 test_calc.py", repo=True)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def workspace(tmp_path: Path, heard: Heard) -> Workspace:
    root = repository(tmp_path / "p", calc__py=CALC, test_calc__py=TEST)
    count = iter(range(100))
    return Workspace(lambda: working_copy(root, tmp_path / f"s{next(count)}"), TASK.check, "", EventBus(heard))


def drawn(text: str, ended: Any = "stop") -> Generation:
    return Generation(text, 9, 20, 1.0, -0.5, ended, 0.1)


def play(workspace: Workspace, *batches: list[Any]) -> Outcome:
    """The outcome with scripted replies: for each batch one text for all samples of each of its requests.

    Requests for log likelihoods are answered by a rule: the faulty line is unlikely.
    """
    agent = LocalAgent(
        "a", "m", 0.1, "drafts", "recoverability", samples=4, temperature=0.5, max_tokens=50, workspace=workspace
    )
    job = agent.execute(TASK, "1. Go.", lambda text: None)
    requests = next(job)
    for batch in batches:
        replies: list[Any] = []
        for place, request in enumerate(requests):
            if isinstance(request, LogLik):
                replies.append(LogProb(-9.0 if "a - b" in request.text else -1.0, 4, 9, 0.1))
            else:
                replies.append([drawn(batch[min(place, len(batch) - 1)])] * request.samples)
        try:
            requests = job.send(replies)
        except StopIteration as end:
            return end.value
    raise AssertionError("the work made more requests than the script has replies")


@wrapped
def test_the_first_candidate_that_passes_is_the_answer(workspace: Workspace) -> None:
    """A rewritten function replaces only that function, and only candidates that parse and differ are checked."""
    outcome = play(workspace, ["def add(a, b:", "def add(a, b):\n    return a + b"])
    assert (outcome.status, outcome.verified) == ("passed", True)
    assert outcome.answer.count("\n+") == 2 and "other" not in outcome.answer.replace("def other", "")
    assert outcome.notes[0] == "candidate 1 passes the check (add rewritten)"


@wrapped
def test_single_lines_are_rewritten_next(workspace: Workspace, heard: Heard) -> None:
    """If no rewritten function passes, single lines are rewritten, the least likely line first."""
    outcome = play(workspace, ["def add(a, b):\n    return 0"], [""], ["total = a + b"])
    assert outcome.status == "passed" and "+    total = a + b" in outcome.answer
    assert "(line 5: total = a + b)" in outcome.notes[0]
    assert len(heard.of(Stepped)) <= edits.MAX_CANDIDATES


@wrapped
def test_if_no_candidate_passes_nothing_is_changed(workspace: Workspace) -> None:
    """If every candidate fails, the work has failed and its patch is empty."""
    outcome = play(workspace, ["def add(a, b):\n    return 0"], [""], ["total = 7"])
    assert (outcome.status, outcome.verified, outcome.answer) == ("failed", False, "")
    assert "candidates for calc.py passes the check" in outcome.notes[0]


@pytest.mark.parametrize(
    "task, output, wanted",
    [
        ("add gives a wrong sum.", "", "add"),
        ("Fix calc.py", 'File "calc.py", line 10, in other\nTypeError', "other"),
        ("Fix it.", "E   assert other() == 2", "other"),
        ("Fix calc.py, function other.", "", "other"),
    ],
)
def test_the_function_that_is_meant_is_found(workspace: Workspace, task: str, output: str, wanted: str) -> None:
    """It is found by the task's words, by a traceback, or by names that the failing check prints."""
    found = find_target(replace(TASK, text=task), output, workspace.begin())
    assert found is not None and (found.path, found.unit.name) == ("calc.py", wanted)


def test_code_around_a_rewritten_function_is_dropped() -> None:
    """What a model writes around the function does not get into the file."""
    target = Target("calc.py", CALC, Unit("add", 4, 6))
    new = target.with_code("import evil\n\ndef add(a, b):\n    return a + b\n\nprint(add(1, 2))\n")
    assert new == CALC.replace("    total = a - b\n    return total\n", "    return a + b\n")


def test_a_line_is_rewritten_from_places_between_its_words() -> None:
    """One beginning is empty, the others end where a word of the line ends."""
    assert edits._beginnings("    n ^= n - 1")[0] == "" and "n" in edits._beginnings("    n ^= n - 1")


def test_a_fault_that_the_file_had_before_stops_no_candidate() -> None:
    """A file with a stray `return` parses but does not compile. A better function in it is still a candidate."""
    old = "def f():\n    return 1\n\n\nreturn 2\n"
    new = edits.edited(Target("a.py", old, Unit("f", 1, 2)), "def f():\n    return 3\n")
    assert new == old.replace("return 1", "return 3")
    assert edits.edited(Target("a.py", CALC, Unit("other", 9, 10)), "def other(:\n    return 3\n") is None
