"""Reads a task's check without running it: the function it calls, what it expects, and similar calls to try."""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Iterator
from typing import Any

from edge_sale.agents.answers import parse_or_empty

MAX_PROBES = 10  # calls that answers are compared on
NOT_A_LITERAL = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)  # what `ast.literal_eval` raises


def called_function(check: str) -> str:
    """The name of the one function that the check calls and does not define; empty if there is none, or several."""
    names = {call.func.id for call in _calls(check) if isinstance(call.func, ast.Name)}
    return names.pop() if len(names) == 1 else ""


def count_assertions(check: str) -> int:
    """How many assertions the check makes."""
    return sum(isinstance(node, ast.Assert) for node in ast.walk(parse_or_empty(check)))


def expectations(check: str) -> Iterator[tuple[str, str, str]]:
    """For each assertion of the form `f(…) == literal`: the statements before it, the call and the literal."""
    before: list[str] = []
    for node in parse_or_empty(check).body:
        if not isinstance(node, ast.Assert):
            before.append(ast.unparse(node))
            continue
        match node.test:
            case ast.Compare(left=ast.Call() as call, ops=[ast.Eq()], comparators=[expected]):
                try:
                    yield "\n".join(before), ast.unparse(call), repr(ast.literal_eval(expected))
                except NOT_A_LITERAL:
                    continue


def probes(check: str, most: int = MAX_PROBES) -> list[str]:
    """Calls like those of the check, each with one argument changed: smaller, larger, shorter or reversed."""
    found: dict[str, None] = {}
    for call in _calls(check):
        try:
            values = [ast.literal_eval(argument) for argument in call.args]
        except NOT_A_LITERAL:
            continue
        for place, value in enumerate(values):
            for variant in _variants(value):
                changed = copy.deepcopy(call)
                changed.args[place] = ast.parse(repr(variant), mode="eval").body
                found[ast.unparse(changed)] = None
    calls = list(found)
    return calls[:: max(1, len(calls) // most)][:most]


def _calls(check: str) -> Iterator[ast.Call]:
    """Calls with arguments of plain names that are no builtins and that the check does not define."""
    tree = parse_or_empty(check)
    defined = set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in defined and node.args:
            yield node


def _variants(value: Any) -> Iterator[Any]:
    """Values like this one; none for a kind that is not known here."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value * 2, 0)
    elif isinstance(value, float):
        yield from (value + 0.5, -value)
    elif isinstance(value, str):
        yield from (value[:-1], value[::-1], value + value[:1], value.swapcase())
    elif isinstance(value, list | tuple):
        kind, items = type(value), list(value)
        yield from (kind(items[:-1]), kind(items[::-1]), kind(items + items[:1]))
        if items and isinstance(items[0], int) and not isinstance(items[0], bool):
            yield kind([items[0] + 1, *items[1:]])
