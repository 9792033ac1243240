"""The map in docs/architecture.md names every module of the tree, each once, and nothing else."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
FOLDERS = ("edge_sale", "scripts/benchmarks", "scripts/training")


def on_the_page(text: str) -> list[tuple[str, str]]:
    """Path and phrase of every row: a heading `### FOLDER`, then rows that begin with a module's name in backticks."""
    folder, rows = "", []
    for line in text.partition("\n## Map\n")[2].splitlines():
        if line.startswith("#"):
            folder = line.removeprefix("### ").strip()
        elif found := re.match(r"\| `([^`/]+)` \| (.*) \|$", line):
            rows.append((f"{folder}/{found[1]}", found[2].strip()))
    return rows


def in_the_tree() -> list[str]:
    """Every module, but for an `__init__.py` that holds nothing or its docstring alone; and the scripts themselves."""
    modules = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if says_something(path)]
    modules += [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    return sorted(path.relative_to(ROOT).as_posix() for path in modules)


def says_something(path: Path) -> bool:
    if path.name != "__init__.py":
        return True
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def differences(text: str, modules: list[str]) -> str:
    """What is wrong with the map, a line each; empty where it is right."""
    named = Counter(path for path, _ in on_the_page(text))
    wrong = [f"missing: {path}" for path in modules if path not in named]
    wrong += [f"not in the tree: {path}" for path in named if path not in modules]
    wrong += [f"named {count} times: {path}" for path, count in named.items() if count > 1]
    wrong += [f"without a phrase: {path}" for path, phrase in on_the_page(text) if not phrase]
    return "\n".join(sorted(wrong))


def test_the_map_is_the_tree():
    """Every module of the package, the benches and the training is named once, with a phrase."""
    wrong = differences(PAGE.read_text(encoding="utf-8"), in_the_tree())
    if wrong:
        pytest.fail(f"docs/architecture.md, section Map, differs from the tree:\n{wrong}", pytrace=False)


def test_differences_are_found():
    """The control: a module that is missing, gone, named twice or left without a phrase is told by its path."""
    text = "\n## Map\n\n### a\n\n| module | what it does |\n|---|---|\n" + "".join(
        f"| `{name}` | {phrase} |\n" for name, phrase in [("x.py", "x"), ("x.py", "x"), ("gone.py", "g"), ("y.py", "")]
    )
    assert differences(text, ["a/x.py", "a/y.py", "a/z.py"]).splitlines() == [
        "missing: a/z.py",
        "named 2 times: a/x.py",
        "not in the tree: a/gone.py",
        "without a phrase: a/y.py",
    ]
