"""Parse tool calls in every syntax that model families use.

Ours and LFM's and Llama's Python   read(path="a.py")     [read(path="a.py")]     ```tool_code
Hermes, Qwen, Granite, Phi, Llama   <tool_call>{"name": "read", "arguments": {"path": "a.py"}}</tool_call>
Qwen3-Coder's and Qwen3.5's XML     <function=read><parameter=path>a.py</parameter></function>
Mistral's                           [TOOL_CALLS]read[ARGS]{"path": "a.py"}
Gemma's                             call:read{path:<escape>a.py<escape>}
ReAct's                             Action: read / Action Input: {"path": "a.py"}
A fenced block of shell counts as a `run`.

Calls are only parsed, never evaluated. Of several calls the first one counts: one action for each step.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from edge_sale.workspace.tool_schema import Tool, written

LONGEST = 60_000  # characters of a reply that are parsed
STARTS = 20  # possible beginnings of a call that are tried
_FENCE = re.compile(r"(`{3,})[\w+.-]*[ \t]*\n(.*?)(?:\n?\1|\Z)", re.DOTALL)
_OUTERMOST = re.compile(r"(`{3,})[\w+.-]*[ \t]*\n(.*)\n\1", re.DOTALL)  # for Markdown files, which contain fences
# quoted texts and brackets
_MARK = re.compile(r'"""(?:[^\\]|\\.)*?"""|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|[()]', re.DOTALL)
_SHELL = re.compile(r"```(?:bash|sh|shell|console)[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_XML = re.compile(r"<function=([\w-]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_XML_ARGUMENT = re.compile(r"<parameter=([\w-]+)>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL)
_MISTRAL = re.compile(r"(?:\[TOOL_CALLS\]\s*)?([\w-]+)\s*(?:\[ARGS\]\s*)(?=\{)|\[TOOL_CALLS\]\s*([\w-]+)\s*(?=\{)")
_GEMMA = re.compile(r"call:\s*([\w-]+)\s*\{")
_GEMMA_END = re.compile(r"(.{0,4000}?)\}(?=\s*(?:<|\Z|\n))", re.DOTALL)
_GEMMA_ARGUMENT = re.compile(
    r"(\w+)\s*:\s*(?:(?:<escape>|<\|\"\|>)(.*?)(?:<escape>|<\|\"\|>)|([^,{}]*))(?:,|\Z)", re.DOTALL
)
_REACT = re.compile(r"Action:\s*([\w-]+)\s*\n\s*Action Input:\s*", re.IGNORECASE)
MARKDOWN = (".md", ".markdown", ".mdx")
BODIES = ("text", "content", "contents", "code", "new_text", "file_text", "body")
SPELLINGS = {  # other names that models use for our arguments
    "file": "path",
    "filename": "path",
    "file_path": "path",
    "filepath": "path",
    "cmd": "command",
    "query": "pattern",
    "regex": "pattern",
    "start": "first",
    "start_line": "first",
    "end": "last",
    "end_line": "last",
    "message": "answer",
    "result": "answer",
    "summary": "answer",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A parsed call. `body` is the text between fences below it; `cut` means that its end is missing."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    body: str | None = None
    cut: bool = False

    def __str__(self) -> str:
        return written(self.name, self.arguments)

    @property
    def key(self) -> str:
        """Equal for equal calls, in whatever syntax they were written."""
        return json.dumps([self.name, sorted(self.arguments.items()), self.body], default=str)


def parse(reply: str, tools: Mapping[str, Tool]) -> Call | None:
    """Return the first call of a known tool in a model's reply; None if there is none."""
    reply = reply[:LONGEST]
    found = [(place, -end, call) for kind in KINDS for place, end, call in kind(reply, tools) if call.name in tools]
    if not found:
        return None
    _, end, call = min(found, key=lambda one: one[:2])
    return _normalised(call, reply[-end:], tools[call.name])


Found = Iterator[tuple[int, int, Call]]  # start, end, and the call


def _python(reply: str, tools: Mapping[str, Tool]) -> Found:
    names = "|".join(map(re.escape, tools))
    for start in islice(re.finditer(rf"(?<![\w.:\"'<=/])({names})\(", reply), STARTS):
        for end in _closings(reply, start.end()):
            try:
                node = ast.parse(reply[start.start() : end].strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            if isinstance(node, ast.Call) and (values := _values(node, tools[start[1]])) is not None:
                yield start.start(), end, Call(start[1], values)
            break


def _closings(reply: str, start: int, most: int = 40) -> Iterator[int]:
    """Yield possible ends of a call: its closing bracket, then, in case quotes are unbalanced, every later one."""
    depth = 1
    for found in _MARK.finditer(reply, start):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if not depth:
            yield found.end()
            break
    place = start
    for _ in range(most):
        place = reply.find(")", place) + 1
        if not place:
            return
        yield place


def _values(node: ast.Call, tool: Tool) -> dict[str, Any] | None:
    """Return literal arguments by name; None if one of them is not a literal."""
    order = [parameter.name for parameter in tool.parameters]
    pairs = list(zip(order, node.args, strict=False)) + [(k.arg or "", k.value) for k in node.keywords]
    try:
        return {name: ast.literal_eval(value) for name, value in pairs}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _json(reply: str, tools: Mapping[str, Tool]) -> Found:
    decoder = json.JSONDecoder(strict=False)
    place = reply.find("{")
    tries = 0
    while place >= 0 and tries < 64:
        tries += 1
        try:
            value, end = decoder.raw_decode(reply, place)
        except (ValueError, RecursionError):
            place = reply.find("{", place + 1)
            continue
        if call := _from_object(value):
            yield place, end, call
            return
        place = reply.find("{", end)


def _from_object(value: Any) -> Call | None:
    if not isinstance(value, dict):
        return None
    inner = value.get("function")
    if isinstance(inner, dict):
        value = inner
    name = value.get("name") or value.get("tool") or value.get("action") or (inner if isinstance(inner, str) else None)
    keys = ("arguments", "parameters", "args", "input", "action_input")
    arguments: Any = next((value[key] for key in keys if key in value), {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments, strict=False)
        except ValueError:
            return None
    return Call(name, arguments) if isinstance(name, str) and isinstance(arguments, dict) else None


def _named_json(reply: str, tools: Mapping[str, Tool]) -> Found:
    for pattern in (_MISTRAL, _REACT):
        for found in pattern.finditer(reply):
            try:
                value, end = json.JSONDecoder(strict=False).raw_decode(reply, found.end())
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield found.start(), end, Call(next(filter(None, found.groups())), value)


def _xml(reply: str, tools: Mapping[str, Tool]) -> Found:
    for found in _XML.finditer(reply):
        yield found.start(), found.end(), Call(found[1], dict(_XML_ARGUMENT.findall(found[2])))


def _gemma(reply: str, tools: Mapping[str, Tool]) -> Found:
    for start in islice(_GEMMA.finditer(reply), STARTS):
        if inner := _GEMMA_END.match(reply, start.end()):
            arguments = {name: quoted or bare.strip() for name, quoted, bare in _GEMMA_ARGUMENT.findall(inner[1])}
            yield start.start(), inner.end(), Call(start[1], arguments)


def _shell(reply: str, tools: Mapping[str, Tool]) -> Found:
    if "run" in tools and (found := _SHELL.search(reply)):
        yield len(reply), found.end(), Call("run", {"command": found[1].strip()})  # only if there is no other call


KINDS = (_python, _json, _named_json, _xml, _gemma, _shell)


def _normalised(call: Call, rest: str, tool: Tool) -> Call:
    """Return the call with our argument names, and its body from an argument or from the fence below it."""
    known = {parameter.name for parameter in tool.parameters}
    arguments = {name if name in known else SPELLINGS.get(name, name): value for name, value in call.arguments.items()}
    body = None
    if tool.body:
        for name in BODIES:
            if isinstance(arguments.get(name), str):
                body = arguments.pop(name)
                break
        markdown = str(arguments.get("path", "")).endswith(MARKDOWN)
        fence = (_OUTERMOST.search(rest) if markdown else None) or _FENCE.search(rest)
        if body is None and fence:
            body = fence[2]
    return Call(call.name, arguments, body)
