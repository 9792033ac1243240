"""What can be said of an answer without running it: its code, whether it parses, how far drafts agree."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_PYTHON = re.compile(r"\bpython\b|\bfunction\b|\bdef \w+\(", re.IGNORECASE)
_WORD = re.compile(r"\w+|[^\w\s]")


def domain_of(text: str) -> str:
    """`python` where the task asks for code, else `text`."""
    return "python" if _PYTHON.search(text) else "text"


def code_in(answer: str) -> str:
    """The Python of an answer: its first fenced block, or all of it where there is no fence."""
    found = _FENCE.search(answer)
    return (found[1] if found else answer).strip("\n")


def syntax_fault(code: str) -> str | None:
    """Why `code` is not Python, with the line, or None where it parses."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        what = getattr(error, "msg", None) or str(error)
        return f"line {line}: {what}" if line else what
    return None


def trimmed(code: str) -> str:
    """Code that was cut off, without its unfinished tail where what is left of it parses."""
    lines = code.rstrip().split("\n")
    for end in range(len(lines), 0, -1):
        kept = "\n".join(lines[:end]).rstrip()
        if kept and syntax_fault(kept) is None:
            return kept
    return code


def agreement(drafts: Sequence[str], domain: str) -> list[float]:
    """How much each draft has in common with the others, 0..1: the mean overlap of their shingles.

    Python is compared by its structure, with docstrings dropped and names numbered in the
    order they appear, so that two drafts that differ in names alone agree fully.
    """
    shingles = [_shingles(_shape(draft) if domain == "python" else draft.lower()) for draft in drafts]
    return [
        sum(_overlap(mine, other) for j, other in enumerate(shingles) if j != i) / max(len(drafts) - 1, 1)
        for i, mine in enumerate(shingles)
    ]


def _shape(code: str) -> str:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    return ast.dump(_Anonymous().visit(tree))


class _Anonymous(ast.NodeTransformer):
    """Numbers names in order of appearance and drops docstrings."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def _name(self, name: str) -> str:
        return self._names.setdefault(name, f"n{len(self._names)}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None and len(node.body) > 1:
            node.body = node.body[1:]
        node.name, node.returns = self._name(node.name), None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg, node.annotation = self._name(node.arg), None
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    return Counter(zip(words, words[1:], words[2:], strict=False)) or Counter([tuple(words)])


def _overlap(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    """Jaccard similarity of two multisets."""
    return (one & other).total() / ((one | other).total() or 1)
