"""Reads answers without running them: extracts the code, finds syntax errors, counts which drafts agree."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

_FENCE = re.compile(r"(`{3,})([\w+.-]*)[ \t]*\n(.*?)(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
_PYTHON = re.compile(r"\bpython\b", re.IGNORECASE)
_ASKS_FOR_CODE = re.compile(r"\bfunction\b|\bdef \w+\(", re.IGNORECASE)
_ASKS_FOR_OTHER = re.compile(  # another language, or a question about code
    r"\b(javascript|typescript|java|rust|golang|ruby|php|kotlin|swift|scala|haskell|perl|bash|shell|sql|lua|julia)\b"
    r"|\bc(\+\+|#)|\bin (c|go|r)\b|^\W*(explain|describe|summari[sz]e|why|what (is|does|do|are)|when)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
DOES_NOT_PARSE = (SyntaxError, ValueError, RecursionError, MemoryError)  # what `ast.parse` raises for bad code


def domain_of(text: str) -> str:
    """The domain of a task: `python` if it asks for code and names no other language, else `text`."""
    asks_for_python = _PYTHON.search(text) or (_ASKS_FOR_CODE.search(text) and not _ASKS_FOR_OTHER.search(text))
    return "python" if asks_for_python else "text"


def code_in(answer: str) -> str:
    """The Python code in an answer.

    That is the first block fenced as Python, else the first block without a language, else the first block, else
    the whole answer.
    """
    blocks = [(language.lower(), code) for _, language, code in _FENCE.findall(answer)]
    python = [code for language, code in blocks if language.startswith("py")]
    unnamed = [code for language, code in blocks if not language]
    first: str = [*python, *unnamed, *(code for _, code in blocks), answer][0]
    return first.strip("\n")


def syntax_fault(code: str) -> str | None:
    """The syntax error in `code`, with its line if known, or None if the code parses."""
    try:
        ast.parse(code)
    except DOES_NOT_PARSE as error:
        line = getattr(error, "lineno", None)
        message = getattr(error, "msg", None) or str(error)
        return f"line {line}: {message}" if line else message
    return None


def parse_or_empty(code: str) -> ast.Module:
    """The syntax tree of the code, or an empty one if the code does not parse."""
    try:
        return ast.parse(code)
    except DOES_NOT_PARSE:
        return ast.Module([], [])


def without_unfinished_tail(code: str) -> str:
    """Code that hit the token limit, cut back to the last line at which it parses; unchanged if there is none."""
    lines = code.rstrip().split("\n")
    for end in range(len(lines), 0, -1):
        kept = "\n".join(lines[:end]).rstrip()
        if kept and syntax_fault(kept) is None:
            return kept
    return code


def rename_function(code: str, name: str) -> str:
    """The code with its one top-level function renamed to `name`, the name that the task's check calls.

    The code stays unchanged if it uses `name` already or does not define exactly one function at top level. If the
    old name has other meanings too, such as an argument, the code ends with an alias instead: `name = old`.
    """
    if not name or re.search(rf"\b{re.escape(name)}\b", code):
        return code
    tree = parse_or_empty(code)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if len(functions) != 1:
        return code
    function = functions[0]
    old = function.name
    if "\r" in code or any(_is_ambiguous(node, old, function) for node in ast.walk(tree)):
        return f"{code.rstrip()}\n\n\n{name} = {old}"
    lines = [line.encode() for line in code.split("\n")]  # the columns of a tree count bytes
    row, start = function.lineno, function.col_offset
    places = [(row, lines[row - 1].index(old.encode(), lines[row - 1].index(b"def ", start)))]
    places += [(n.lineno, n.col_offset) for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == old]
    for row, column in sorted(places, reverse=True):  # from the end, so that earlier columns stay right
        line = lines[row - 1]
        lines[row - 1] = line[:column] + name.encode() + line[column + len(old.encode()) :]
    return b"\n".join(lines).decode()


def _is_ambiguous(node: ast.AST, name: str, function: ast.AST) -> bool:
    """Whether the node gives the function's name another meaning, or uses it at a column that the tree lacks."""
    match node:
        case ast.Name(id=used, ctx=ast.Store() | ast.Del()):
            return used == name
        case ast.arg(arg=used) | ast.ClassDef(name=used) | ast.ExceptHandler(name=used) | ast.MatchAs(name=used):
            return used == name
        case ast.FunctionDef(name=used) | ast.AsyncFunctionDef(name=used):
            return used == name and node is not function
        case ast.alias(name=used, asname=alias):
            return name in (used, alias)
        case ast.Global(names=used) | ast.Nonlocal(names=used):
            return name in used
        case ast.JoinedStr():
            return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))
    return False


def votes(drafts: Sequence[str], domain: str) -> list[int]:
    """For each draft, how many drafts say the same, itself included.

    Python drafts are compared by structure: docstrings are dropped and names are numbered in order of appearance.
    Text drafts are compared by their words, without case and punctuation.
    """
    forms = [_structure(draft) if domain == "python" else " ".join(_WORD.findall(draft.lower())) for draft in drafts]
    return [forms.count(form) for form in forms]


def _structure(code: str) -> str:
    """The code's tree as text, with names numbered; the code itself if it does not parse or nests too deeply."""
    try:
        return ast.dump(_NumberNames().visit(ast.parse(code)))
    except DOES_NOT_PARSE:
        return code


class _NumberNames(ast.NodeTransformer):
    """Numbers names in order of appearance, and drops docstrings and annotations."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def _number(self, name: str) -> str:
        return self._numbers.setdefault(name, f"n{len(self._numbers)}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None and len(node.body) > 1:
            node.body = node.body[1:]
        node.name, node.returns = self._number(node.name), None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg, node.annotation = self._number(node.arg), None
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._number(node.id)
        return node
