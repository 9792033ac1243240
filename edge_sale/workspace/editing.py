"""Put a model's text into a file: as the whole file, a function, or a range of lines.

Small models write whole files and whole functions well, and patches badly. So the matching is done here: a function
that the file already has is found by its name, and new text is indented like the text it replaces.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast

from edge_sale.text import split_lines
from edge_sale.workspace.paths import ToolRefused

WHOLE = 150  # lines of the longest file that may be replaced as a whole
BOM = "\ufeff"  # some editors put it at the beginning of a file; Python's parser does not skip it
CODING = re.compile(r"#.*coding[:=]")

# Files of other languages are checked in the sandbox, if the program is installed.
CHECKERS = {
    ".sh": "bash -n",
    ".bash": "bash -n",
    ".js": "node --check",
    ".mjs": "node --check",
    ".cjs": "node --check",
    ".c": "gcc -fsyntax-only",
    ".cpp": "g++ -fsyntax-only",
    ".cc": "g++ -fsyntax-only",
    ".rb": "ruby -c",
    ".go": "gofmt -e -l",
    ".php": "php -l",
    ".pl": "perl -c",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A function or class in a file: its lines, counted from 1, decorators included."""

    name: str
    first: int
    last: int
    owner: str = ""  # the class that contains it


def placed(old: str | None, new: str, first: int = 0, last: int = 0) -> str:
    """Return the file with `new` in it. New lines end like the first line; all other lines stay byte for byte.

    If `new` holds only functions and classes, they replace those of the same names, and new ones are added after the
    last one. Raises ToolRefused if it is not clear what `new` replaces.
    """
    new = new.removeprefix(BOM).strip("\r\n").replace("\r\n", "\n") + "\n"
    if not old or not old.strip():
        return new
    if old.startswith(BOM):
        return BOM + placed(old.removeprefix(BOM), new, first, last)
    lines = split_lines(old, ends=True)
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    if first or last:
        first, last = max(first, 1), last or first
        if not first <= last <= len(lines):
            raise ToolRefused(f"the file has lines 1 to {len(lines)}; first and last are lines of it")
        return _spliced(lines, new, first, last, end)
    by_name = _by_name(old, new, lines, end)
    if by_name is not None:
        return by_name
    if len(lines) > WHOLE:
        raise ToolRefused(f"the file has {len(lines)} lines: give one whole function, or first and last")
    return new.replace("\n", end)


def units(code: str) -> list[Unit]:
    """Return the functions, classes and methods of Python code; none if it does not parse."""
    tree = _tree(code)
    found: list[Unit] = []

    def look(body: list[ast.stmt], owner: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                begin = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                found.append(Unit(node.name, begin, node.end_lineno or node.lineno, owner))
            if isinstance(node, ast.ClassDef):
                look(node.body, node.name)

    look(tree.body if tree else [], "")
    return found


def fault(path: str, text: str) -> str | None:
    """Return the first syntax error of a Python, JSON or TOML file; None if there is none or the type is another."""
    kind = PurePosixPath(path).suffix
    text = text.removeprefix(BOM)
    try:
        if kind in (".py", ".pyi"):
            _compiled(text)  # parsing alone misses a late `from __future__` or a stray `return`
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
    """Return `new` with the indentation that `like` begins with."""
    wanted = _indent(like)
    current = _indent(new)
    moved = []
    for line in split_lines(new, ends=True):
        if not line.strip():
            moved.append(line.lstrip(" \t"))
        elif line.startswith(current):
            moved.append(wanted + line[len(current) :])
        else:
            moved.append(wanted + line.lstrip(" \t"))
    return "".join(moved)


def _by_name(old: str, new: str, lines: list[str], end: str) -> str | None:
    """Return the file with the functions and classes of `new` in their places; None if `new` is a whole file.

    Raises ToolRefused if the file has a name more often than `new`.
    """
    plain = new.expandtabs(4) if "\t" in new else new
    ours = [unit for unit in units(plain) if not unit.owner]
    theirs = units(old)
    top = [unit for unit in theirs if not unit.owner]
    if not ours or not _tree(old):
        return None
    if {unit.name for unit in top} <= {unit.name for unit in ours} and not _only_these(plain):
        return None  # `new` has everything that the file has
    text = split_lines(new, ends=True)
    replaced: list[tuple[int, int, str]] = []  # first and last line, and the new text
    added = ""
    for name in dict.fromkeys(unit.name for unit in ours):
        codes = ["".join(text[unit.first - 1 : unit.last]) for unit in ours if unit.name == name]
        same = [t for t in top if t.name == name] or [t for t in theirs if t.name == name]
        if len(same) > 1 and (len(same) != len(codes) or len({t.owner for t in same}) > 1):
            raise ToolRefused(f"{name} is there {len(same)} times: give the whole file, or first and last")
        if not same:
            added += "".join(f"\n\n{code}" for code in codes)
            continue
        codes[len(same) - 1 :] = ["\n".join(codes[len(same) - 1 :])]  # further ones, such as a setter, follow the last
        replaced += [
            (t.first - 1, t.last, indented(code, lines[t.first - 1])) for t, code in zip(same, codes, strict=True)
        ]
    end_of_units, head = max((unit.last for unit in top), default=len(lines)), _head(old)
    imports = "".join(f"{line}\n" for line in _imports(plain) if line not in old)
    replaced += [(at, at, code) for at, code in ((end_of_units, added), (head, imports)) if code]
    if not lines[-1].endswith(("\r", "\n")) and any(first == len(lines) for first, _, _ in replaced):
        lines[-1] += end
    for first, last, code in sorted(replaced, key=lambda one: one[:2], reverse=True):
        lines[first:last] = [code.replace("\n", end)]
    return "".join(lines)


def _only_these(code: str) -> bool:
    """Return whether code holds functions, classes and imports and nothing else."""
    body = _parsed(code).body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return all(isinstance(node, kinds) for node in body)


def _imports(code: str) -> list[str]:
    return [ast.unparse(node) for node in _parsed(code).body if isinstance(node, ast.Import | ast.ImportFrom)]


def _head(code: str) -> int:
    """Return how many lines stay above a new import: #!, docstring, `from __future__`, what precedes other imports."""
    first = split_lines(code)[:2]
    head = max((n for n, line in enumerate(first, 1) if line.startswith("#!") or CODING.match(line)), default=0)
    for node in _parsed(code).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            head = node.end_lineno or head
        elif isinstance(node, ast.Import | ast.ImportFrom) and node.lineno > head:
            return node.lineno - 1
        else:
            break
    return head


def _spliced(lines: list[str], new: str, first: int, last: int, end: str) -> str:
    kept = next((line for line in lines[first - 1 : last] if line.strip()), "")
    return "".join([*lines[: first - 1], indented(new, kept).replace("\n", end), *lines[last:]])


def _indent(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _tree(code: str) -> ast.Module | None:
    try:
        return _parsed(code.removeprefix(BOM))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _parsed(code: str) -> ast.Module:
    return cast(ast.Module, _compiled(code, ast.PyCF_ONLY_AST))


def _compiled(code: str, flags: int = 0) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape sequence is no error here
        return compile(code, "<text>", "exec", flags, dont_inherit=True)
