"""QuixBugs: a repository with a program and its test cases, repaired with `--check` by the agent `drafts`.

The repaired program is tested once more, beside files that no agent has touched.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.work_setup import WorkSetup, workspace
from edge_sale.evaluation.report import Figure
from edge_sale.evaluation.task_sets import quixbugs_tests
from edge_sale.prompts import fingerprint
from edge_sale.types import Task

CHECK = "timeout 4 python -B check.py"
# Programs on graphs have no JSON cases, but tests for pytest, which may be missing in the sandbox.
TESTS = """import sys, types
sys.modules["pytest"] = types.SimpleNamespace(use_correct=False)
sys.modules["python_programs"] = types.ModuleType("python_programs")
sys.modules["python_programs"].__path__ = ["."]
{tests}
for name, test in sorted(globals().items()):
    if name.startswith("test"):
        test()
"""


def measure(setup: WorkSetup) -> Iterator[Figure]:
    """The number of repaired programs, and the time for one."""
    names = programs(setup.data / "quixbugs")[: setup.limit]
    fixed, seconds = 0, 0.0
    for number, name in enumerate(names, start=1):
        found = setup.results.get(f"quixbugs/{name}/{fingerprint()}", lambda: _repair(setup, name))  # noqa: B023 - called at once
        fixed, seconds = fixed + found["fixed"], seconds + found["seconds"]
        what = "fixed" if found["fixed"] else "not fixed"
        setup.tell(f"quixbugs {number} of {len(names)}, {fixed} fixed: {name} {what}; {found['note']}")
    yield Figure(f"QuixBugs fixed by drafts with --check, of {len(names)}", fixed, "")
    yield Figure("QuixBugs, seconds a program", seconds / max(1, len(names)), "s")


def _repair(setup: WorkSetup, name: str) -> dict[str, Any]:
    root = repository(setup.data / "quixbugs", name, setup.scratch)
    place = workspace(root, setup.settings, setup.scratch, CHECK)
    agent = replace(setup.drafter(), workspace=place)
    task = Task(
        name,
        f"The function {name} in {name}.py has a bug on one line. Fix it.",
        "repo",
        (f"{name}.py",),
        CHECK,
        repo=True,
    )
    began = time.monotonic()
    plan = "1. Find the line that is wrong.\n2. Write it anew."
    outcome = setup.work(agent, agent.execute(task, plan, lambda text: None))
    took = time.monotonic() - began
    changes = {change.path: change.after for change in place.changes.get(agent.name, ())}
    fixed = outcome.verified is True and set(changes) == {f"{name}.py"}
    if fixed:
        after = changes[f"{name}.py"]
        assert after is not None
        (root / f"{name}.py").write_bytes(after)
        at = place.begin()
        fixed = at.command(CHECK).exit_code == 0
        at.copy.close()
    shutil.rmtree(root)
    return {"fixed": fixed, "seconds": took, "note": "; ".join(outcome.notes[:1])}


def repository(folder: Path, name: str, scratch: Path) -> Path:
    """A folder with the program `name` and a check that fails on it as it is."""
    root = Path(tempfile.mkdtemp(dir=scratch)) / "project"
    root.mkdir()
    shutil.copy(folder / "python_programs" / f"{name}.py", root)
    if (folder / "python_programs/node.py").exists() and name != "node":
        shutil.copy(folder / "python_programs/node.py", root)
    (root / "check.py").write_text(_check(folder, name), encoding="utf-8")
    return root


def programs(folder: Path, *, plain_only: bool = False) -> list[str]:
    """Names of the programs that have tests, those with JSON cases first; with `plain_only` these alone."""
    plain = sorted(file.stem for file in (folder / "json_testcases").glob("*.json"))
    tested = sorted(file.stem.removeprefix("test_") for file in (folder / "python_testcases").glob("test_*.py"))
    return plain if plain_only else [*plain, *(name for name in tested if name not in plain)]


def _check(folder: Path, name: str) -> str:
    """A program that fails where the program `name` beside it is wrong."""
    cases = folder / "json_testcases" / f"{name}.json"
    if not cases.exists():
        tests = (folder / "python_testcases" / f"test_{name}.py").read_text(encoding="utf-8")
        return TESTS.format(tests=tests)
    return f"from {name} import {name}\n{quixbugs_tests(cases)}"
