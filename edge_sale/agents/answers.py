"""What can be said of an answer without running it: its code, whether it parses, which drafts agree."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

_FENCE = re.compile(r"(`{3,})([\w+.-]*)[ \t]*\n(.*?)(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
_PYTHON = re.compile(r"\bpython\b", re.IGNORECASE)
_CODE = re.compile(r"\bfunction\b|\bdef \w+\(", re.IGNORECASE)
_ELSE = re.compile(  # another language, or a question about code
    r"\b(javascript|typescript|java|rust|golang|ruby|php|kotlin|swift|scala|haskell|perl|bash|shell|sql|lua|julia)\b"
    r"|\bc(\+\+|#)|\bin (c|go|r)\b|^\W*(explain|describe|summari[sz]e|why|what (is|does|do|are)|when)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def domain_of(text: str) -> str:
    """`python` where the task asks for code and for no other language's, else `text`."""
    asked = _PYTHON.search(text) or (_CODE.search(text) and not _ELSE.search(text))
    return "python" if asked else "text"


def code_in(answer: str) -> str:
    """The Python of an answer: its first block that is fenced as such, else its first one, else all of it."""
    blocks = [(language.lower(), code) for _, language, code in _FENCE.findall(answer)]
    python = [code for language, code in blocks if language.startswith("py")]
    plain = [code for language, code in blocks if not language]
    found: str = [*python, *plain, *(code for _, code in blocks), answer][0]
    return found.strip("\n")


def syntax_fault(code: str) -> str | None:
    """Why `code` is not Python, with the line, or None where it parses."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        what = getattr(error, "msg", None) or str(error)
        return f"line {line}: {what}" if line else what
    return None


def parsed(code: str) -> ast.Module:
    """The code as a tree; an empty one where it does not parse."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def trimmed(code: str) -> str:
    """Code that was cut off, without its unfinished tail where what is left of it parses."""
    lines = code.rstrip().split("\n")
    for end in range(len(lines), 0, -1):
        kept = "\n".join(lines[:end]).rstrip()
        if kept and syntax_fault(kept) is None:
            return kept
    return code


def named(code: str, wanted: str) -> str:
    """The code with its one function called `wanted`: who did not see what calls it may have named it otherwise.

    Unchanged where it defines that name, several functions at its outermost level or none, or uses the name already.
    Where the old name means other things as well, such as an argument, the new one is given to it at the end.
    """
    if not wanted or re.search(rf"\b{re.escape(wanted)}\b", code):
        return code
    tree = parsed(code)
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if len(defined) != 1:
        return code
    old = defined[0].name
    if "\r" in code or any(_means_otherwise(node, old, defined[0]) for node in ast.walk(tree)):
        return f"{code.rstrip()}\n\n\n{wanted} = {old}"
    lines = [line.encode() for line in code.split("\n")]
    row, start = defined[0].lineno, defined[0].col_offset
    places = [(row, lines[row - 1].index(old.encode(), lines[row - 1].index(b"def ", start)))]
    places += [(n.lineno, n.col_offset) for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == old]
    for row, column in sorted(places, reverse=True):  # from the end, so that earlier columns stay right
        line = lines[row - 1]
        lines[row - 1] = line[:column] + wanted.encode() + line[column + len(old.encode()) :]
    return b"\n".join(lines).decode()


def _means_otherwise(node: ast.AST, name: str, function: ast.AST) -> bool:
    """Whether a node gives the function's name to something else, or uses it where its place is not known."""
    match node:
        case ast.Name(id=used, ctx=ast.Store() | ast.Del()):
            return used == name
        case ast.arg(arg=used) | ast.ClassDef(name=used) | ast.ExceptHandler(name=used) | ast.MatchAs(name=used):
            return used == name
        case ast.FunctionDef(name=used) | ast.AsyncFunctionDef(name=used):
            return used == name and node is not function
        case ast.alias(name=used, asname=called):
            return name in (used, called)
        case ast.Global(names=used) | ast.Nonlocal(names=used):
            return name in used
        case ast.JoinedStr():
            return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))
    return False


def votes(drafts: Sequence[str], domain: str) -> list[int]:
    """How many of the drafts, itself included, say what each one says.

    Python is compared by its structure, with docstrings dropped and names numbered in the
    order they appear; text by its words, whatever their case and punctuation.
    """
    shapes = [_shape(draft) if domain == "python" else " ".join(_WORD.findall(draft.lower())) for draft in drafts]
    return [shapes.count(shape) for shape in shapes]


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
