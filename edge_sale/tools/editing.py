"""Putting a model's text into a file: the whole of it, a function, or a range of lines.

Small models write whole files and whole functions well and patches badly, so matching is done here: a
function that is in the file already is found by its name, and text is indented like what it takes the place of.
"""

from __future__ import annotations

import ast
import json
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath

from edge_sale.lines import lines_of
from edge_sale.tools.paths import Refused

WHOLE = 150  # lines up to which a file is written whole

# Other languages are asked in the sandbox, where their program is there.
CHECKERS = {
    ".sh": "bash -n", ".bash": "bash -n", ".js": "node --check", ".mjs": "node --check", ".cjs": "node --check",
    ".c": "gcc -fsyntax-only", ".cpp": "g++ -fsyntax-only", ".cc": "g++ -fsyntax-only", ".rb": "ruby -c",
    ".go": "gofmt -e -l", ".php": "php -l", ".pl": "perl -c",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """A function or class in a file: its lines, counted from 1, decorators included."""

    name: str
    first: int
    last: int
    owner: str = ""  # the class it is in


def placed(old: str | None, new: str, first: int = 0, last: int = 0) -> str:
    """The file with `new` in it, its lines ended as those there are.

    Raises Refused where it is not clear what `new` takes the place of.
    """
    new = new.strip("\r\n") + "\n"
    if not old or not old.strip():
        return new
    lines = lines_of(old, ends=True)
    if lines[0].endswith("\r\n"):
        text = placed(old.replace("\r\n", "\n"), new.replace("\r\n", "\n"), first, last)
        return text.replace("\n", "\r\n")
    if first or last:
        first, last = max(first, 1), last or first
        if not first <= last <= len(lines):
            raise Refused(f"the file has lines 1 to {len(lines)}; first and last are lines of it")
        return _spliced(lines, new, first, last)
    by_name = _by_name(old, new, lines)
    if by_name is not None:
        return by_name
    if len(lines) > WHOLE:
        raise Refused(f"the file has {len(lines)} lines: give one whole function, or first and last")
    return new


def units(code: str) -> list[Unit]:
    """The functions and classes of Python code, methods too; none where it does not parse."""
    try:
        tree = _parsed(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[Unit] = []

    def look(body: list[ast.stmt], owner: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                begin = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                found.append(Unit(node.name, begin, node.end_lineno or node.lineno, owner))
            if isinstance(node, ast.ClassDef):
                look(node.body, node.name)

    look(tree.body, "")
    return found


def fault(path: str, text: str) -> str | None:
    """Why a file cannot be right: the first error of Python, JSON or TOML; None where nothing is known."""
    kind = PurePosixPath(path).suffix
    try:
        if kind in (".py", ".pyi"):
            _parsed(text)
        elif kind == ".json":
            json.loads(text)
        elif kind == ".toml":
            tomllib.loads(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except json.JSONDecodeError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def indented(new: str, like: str) -> str:
    """`new` moved to the indentation that `like` begins with."""
    wanted = _indent(like)
    has = _indent(new)
    moved = []
    for line in lines_of(new, ends=True):
        if not line.strip():
            moved.append(line.lstrip(" \t"))
        elif line.startswith(has):
            moved.append(wanted + line[len(has) :])
        else:
            moved.append(wanted + line.lstrip(" \t"))
    return "".join(moved)


def _by_name(old: str, new: str, lines: list[str]) -> str | None:
    """The file with the functions of `new` in the places of those of the same name, or None."""
    theirs = units(old)
    ours = [unit for unit in units(new.expandtabs(4) if "\t" in new else new) if not unit.owner]
    if not ours or not theirs:
        return None
    if {unit.name for unit in theirs if not unit.owner} <= {unit.name for unit in ours} and _only_these(new) is False:
        return None  # all that the file has: it was written whole
    text = lines_of(new, ends=True)
    found: list[tuple[Unit, str]] = []
    for unit in ours:
        same = [t for t in theirs if t.name == unit.name and not t.owner]
        same = same or [t for t in theirs if t.name == unit.name]
        if len(same) != 1:
            return None
        found.append((same[0], "".join(text[unit.first - 1 : unit.last])))
    for there, code in sorted(found, key=lambda one: -one[0].first):
        kept = "".join(lines[there.first - 1 : there.last])
        code = indented(code, kept)
        lines[there.first - 1 : there.last] = [code if code.endswith("\n") else code + "\n"]
    missing = [line for line in _imports(new) if line not in old]
    return "".join([*(f"{line}\n" for line in missing), *lines]) if _from_top(old, missing) else "".join(lines)


def _only_these(new: str) -> bool:
    """Whether the text is functions, classes and imports and nothing else."""
    body = _parsed(new).body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return all(isinstance(node, kinds) for node in body)


def _imports(code: str) -> list[str]:
    return [ast.unparse(node) for node in _parsed(code).body if isinstance(node, ast.Import | ast.ImportFrom)]


def _from_top(old: str, missing: list[str]) -> bool:
    """Whether imports may stand before the first line: not before a docstring, a #! or a __future__."""
    return bool(missing) and not old.lstrip().startswith(('"""', "'''", "#!", "# -*-", "from __future__"))


def _spliced(lines: list[str], new: str, first: int, last: int) -> str:
    kept = next((line for line in lines[first - 1 : last] if line.strip()), "")
    return "".join([*lines[: first - 1], indented(new, kept), *lines[last:]])


def _indent(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _parsed(code: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape is the author's affair
        return ast.parse(code)
