"""Tools as models see them: a typed function, described by its signature and docstring.

A tool's first argument is what it works on; the model does not give it. Of the other arguments a `str` is quoted, an
`int` is not, and a `Body` is written below the call between fences, so that code needs no escaping.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NewType, get_type_hints

from edge_sale.workspace.paths import ToolRefused

Body = NewType("Body", str)
"""Text of many lines: never in quotes, never in JSON."""

NAMES = 120  # file names that a grammar lists; with more files, any path is accepted
LONGEST = 240  # characters of a quoted argument


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a tool. It is required if `default` is None."""

    name: str
    kind: Any  # str, int or Body
    default: Any = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call by `name`."""

    name: str
    run: Callable[..., str]
    about: str
    parameters: tuple[Parameter, ...]

    @property
    def body(self) -> str:
        """The argument that is written below the call, or an empty text."""
        return next((p.name for p in self.parameters if p.kind is Body), "")

    @property
    def signature(self) -> str:
        """The call as models are shown it, without the body."""
        shown = [
            p.name if p.default is None else f"{p.name}={p.default!r}" for p in self.parameters if p.kind is not Body
        ]
        return f"{self.name}({', '.join(shown)})"


def tool(function: Callable[..., str]) -> Tool:
    """Make a tool of a function."""
    hints = get_type_hints(function)
    given = list(inspect.signature(function).parameters.values())[1:]
    parameters = tuple(
        Parameter(p.name, hints[p.name], None if p.default is inspect.Parameter.empty else p.default) for p in given
    )
    about = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return Tool(function.__name__.rstrip("_"), function, about, parameters)


def described(tools: Sequence[Tool]) -> str:
    """Return one line for each tool, as prompts list them."""
    return "\n".join(f"{each.signature}  {each.about}" for each in tools)


def bound(tool: Tool, arguments: Mapping[str, Any], body: str | None) -> dict[str, Any]:
    """Return the arguments as the function takes them. Raises ToolRefused with words that a model can act on."""
    known = {p.name: p for p in tool.parameters}
    values = dict(arguments)
    if tool.body and body is not None:
        values[tool.body] = body
    if unknown := [name for name in values if name not in known]:
        raise ToolRefused(f"{tool.name} has no argument {unknown[0]!r}; write {tool.signature}")
    for name, parameter in known.items():
        if name in values:
            values[name] = _typed(tool, parameter, values[name])
        elif parameter.kind is Body:
            raise ToolRefused(f"below {tool.name}(...) write the new text between ``` fences")
        elif parameter.default is None:
            raise ToolRefused(f"{tool.name} needs {name}; write {tool.signature}")
    return values


def _typed(tool: Tool, parameter: Parameter, value: Any) -> Any:
    if parameter.kind is not int:
        if not isinstance(value, str | int | float):
            raise ToolRefused(f"{parameter.name} of {tool.name} is a text")
        if "\0" in str(value) or str(value).encode("utf-8", "replace") != str(value).encode("utf-8", "surrogatepass"):
            raise ToolRefused(f"{parameter.name} of {tool.name} holds signs that are no text")
        return str(value)
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise ToolRefused(f"{parameter.name} of {tool.name} is a whole number") from None


def written(name: str, arguments: Mapping[str, Any]) -> str:
    """Return a call in our own syntax."""
    quoted = [
        f"{key}={value}" if isinstance(value, int) else f"{key}={json.dumps(str(value), ensure_ascii=False)}"
        for key, value in arguments.items()
    ]
    return f"{name}({', '.join(quoted)})"


# --- the grammar ----------------------------------------------------------------------------


def grammar(tools: Sequence[Tool], files: Sequence[str] = (), longest: int = LONGEST) -> str:
    """Return a GBNF grammar for one call. `path` must be one of `files`, if there are at most NAMES of them.

    A tool with a `Body` may create a file, so it accepts any path. A text has at most `longest` characters.
    """
    few = [name for name in files if _listable(name)] if len(files) <= NAMES else []
    lines = ["root ::= " + " | ".join(f"call-{each.name}" for each in tools)]
    lines += [f"call-{each.name} ::= {_call(each, bool(few))}" for each in tools]
    if few:
        lines.append("known ::= " + " | ".join(_literal(json.dumps(name, ensure_ascii=False)) for name in few))
    lines.append('text ::= "\\"" sign{0,' + str(longest) + '} "\\""')
    lines.append(r'sign ::= [^"\\\x00-\x1F\x7F] | "\\" ["\\n]')
    lines.append('number ::= "0" | [1-9] [0-9]{0,4}')
    return "\n".join(lines)


def _call(tool: Tool, few: bool) -> str:
    """Return the rule of one tool: the required arguments in order, then the optional ones."""

    def value(parameter: Parameter) -> str:
        if parameter.kind is int:
            return "number"
        if parameter.name == "path" and few and parameter.default is None:
            return "(known | text)" if tool.body else "known"
        return "text"

    asked = [p for p in tool.parameters if p.kind is not Body]
    must = [p for p in asked if p.default is None]
    parts = [_literal(f"{tool.name}(")]
    for place, parameter in enumerate(must):
        parts += [_literal(f"{', ' if place else ''}{parameter.name}="), value(parameter)]
    may = [p for p in asked if p.default is not None]
    rest = ""
    for parameter in reversed(may):
        comma = ", " if must or parameter is not may[0] else ""
        rest = f"({_literal(f'{comma}{parameter.name}=')} {value(parameter)}{' ' + rest if rest else ''})?"
    return " ".join([*parts, *([rest] if rest else []), _literal(")")])


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listable(name: str) -> bool:
    return name.isprintable() and len(name) <= LONGEST
