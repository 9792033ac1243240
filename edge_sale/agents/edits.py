"""Drafts of an edit: many candidates for one function in one batch, and the first that passes the check stays.

This is what makes a small model useful in a repository. The check is run first: what it prints, and what the
task names, say which function is meant. Then waves of candidates, each cheaper to be wrong with than the last:

1. the function written whole, `samples` times;
2. single lines of it, written anew from their beginning or from a place within them by a model that sees
   only what stands above. Small changes that it finds likely, in lines that it finds unlikely, come first.

Candidates that do not parse, that change nothing or that were tried before never reach the check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from edge_sale.agents import steps
from edge_sale.agents.answering import Show, WorkingAgent
from edge_sale.agents.answers import code_in
from edge_sale.agents.drafts import WARMER
from edge_sale.agents.workspace import Workspace
from edge_sale.errors import PromptTooLong
from edge_sale.events import Stepped
from edge_sale.prompts import render
from edge_sale.text import split_lines
from edge_sale.types import Generate, Generation, Job, LogLik, LogProb, Outcome, Prompt, Sampling, Task
from edge_sale.workspace import editing
from edge_sale.workspace.editing import Unit
from edge_sale.workspace.paths import ToolRefused
from edge_sale.workspace.tools import WorkingCopy

MOST = 32  # candidates that the check is run on
LINE_SAMPLES = 4  # of each place in a line
LINE_TOKENS = 24
LINES = 8  # of a function that are tried
CUTS = 3  # places within a line from which it is written anew
CLOSE = 8.0  # nats that a line is worth which is just as it was, against one that has nothing of it
TOKEN = re.compile(r"\w+|[^\w\s]+")
WORD = re.compile(r"[A-Za-z_]\w{2,}")


@dataclass(frozen=True, slots=True)
class Target:
    """The part of a file that is to be changed; a unit without a name is the whole file."""

    path: str
    text: str  # of the whole file
    unit: Unit

    @property
    def code(self) -> str:
        lines = split_lines(self.text, ends=True)
        return "".join(lines[self.unit.first - 1 : self.unit.last]) if self.unit.name else self.text

    def with_code(self, code: str) -> str:
        """The file with the unit replaced. Raises ToolRefused."""
        if not self.unit.name:
            return editing.placed(self.text, code)
        same = [unit for unit in editing.units(code) if unit.name == self.unit.name]
        if same:  # what stands around it in a draft is not asked for
            code = "".join(split_lines(code, ends=True)[same[0].first - 1 : same[0].last])
        return editing.placed(self.text, code, self.unit.first, self.unit.last)


def drafts(agent: WorkingAgent, task: Task, plan: str, show: Show, workspace: Workspace) -> Job[Outcome]:
    """The first of up to MOST candidates that passes the check; step by step where no function is meant."""
    at = workspace.begin()
    try:
        passed, said = workspace.passes(at)
        at.copy.restore()
        target = None if passed else located(task, said, at)
        if target is not None:
            tried = 0
            seen = {target.text}
            for candidates, most in ((whole_unit, agent.samples), (lines, MOST)):
                fresh = yield from candidates(agent, task, target, said, workspace)
                for text, what in fresh:
                    if tried >= most or text in seen:
                        continue
                    seen.add(text)
                    tried += 1
                    passed, told = attempt(target.path, text, at, workspace)
                    call = f'edit(path="{target.path}")'
                    workspace.events(Stepped(agent.name, tried, what, call, failure_of(told, 200), passed))
                    if passed:
                        why = f"candidate {tried} passes the check ({what})"
                        return steps.ended(agent, workspace, at, "passed", True, why, tried)
                    at.copy.restore()
            why = f"none of {tried} candidates for {target.path} passes the check"
            return steps.ended(agent, workspace, at, "failed", False, why, tried)
    finally:
        at.copy.close()
    return (yield from steps.work(agent, task, plan, show, workspace))


def attempt(path: str, text: str, at: WorkingCopy, workspace: Workspace) -> tuple[bool, str]:
    """Whether the check passes with this text in the file's place."""
    try:
        at.put(path, text)
    except ToolRefused as why:
        return False, str(why)
    return workspace.passes(at)


# --- candidates -----------------------------------------------------------------------------

Candidates = list[tuple[str, str]]  # the file's text, and what was done to it


def whole_unit(agent: WorkingAgent, task: Task, target: Target, said: str, workspace: Workspace) -> Job[Candidates]:
    """The unit written whole: once greedily, the rest at two temperatures, half without sight of the failure."""
    count = max(agent.samples, 2)
    sampling = Sampling(agent.max_tokens, agent.temperature, seed=agent.seed_for("edit"), stop=("\n```",))
    warm = replace(sampling, temperature=agent.temperature + WARMER)
    with_failure, without = (request(task, target, workspace, text) for text in (failure_of(said), ""))
    requests = [
        Generate(with_failure, replace(sampling, temperature=0.0)),
        Generate(without, sampling, count // 2),
        Generate(with_failure, warm, max(1, count - 1 - count // 2)),
    ]
    try:
        replies: list[list[Generation]] = yield requests
    except PromptTooLong:  # a larger unit than the model can hold
        return []
    what = f"{target.unit.name or 'the file'} whole"
    return [(text, what) for draft in _drawn(replies) for text in _fit(target, draft)]


def lines(agent: WorkingAgent, task: Task, target: Target, said: str, workspace: Workspace) -> Job[Candidates]:
    """Lines of the unit, drawn from what stands above them, whole or from a place within them on.

    Bugs are small and unlikely: first come candidates close to what is there that the model finds likely, in
    lines that it finds unlikely as they are.
    """
    code = split_lines(target.code)
    body = [n for n, line in enumerate(code) if n and _worth(line)]
    if PurePosixPath(target.path).suffix != ".py" or not body:
        return []
    sampling = Sampling(LINE_TOKENS, 1.0, seed=agent.seed_for("lines"), stop=("\n",))
    try:
        known: list[LogProb] = yield [LogLik(beginning(target, code, n, ""), code[n].strip()) for n in body]
        surprise = {n: -one.mean for n, one in zip(body, known, strict=True)}
        unlikely = sorted(sorted(body, key=lambda n: -surprise[n])[:LINES])
        places = [(n, cut) for n in unlikely for cut in _cuts(code[n])]
        replies: list[list[Generation]] = yield [
            Generate(beginning(target, code, n, cut), sampling, LINE_SAMPLES) for n, cut in places
        ]
    except PromptTooLong:
        return []
    found: dict[str, tuple[float, str]] = {}
    for (n, cut), drawn in zip(places, replies, strict=True):
        was = code[n].strip()
        for draft in drawn:
            line = cut + draft.text.rstrip()
            if not _worth(line) or line.strip() == was:
                continue
            close = SequenceMatcher(None, was, line).ratio()
            score = CLOSE * close + surprise[n] + draft.logprob * draft.tokens
            text = "\n".join([*code[:n], _indent(code[n]) + line.lstrip(), *code[n + 1 :]])
            for fitted in _fit(target, text):
                if fitted not in found or found[fitted][0] < score:
                    found[fitted] = score, f"line {target.unit.first + n}: {line.strip()}"
    return [(text, what) for text, (_, what) in sorted(found.items(), key=lambda one: -one[1][0])]


def _cuts(line: str) -> list[str]:
    """Beginnings of a line after which it is written anew: nothing, and up to CUTS places between its words."""
    bare = line.strip()
    ends = [word.start() for word in TOKEN.finditer(bare)][1:]
    step = max(1, -(-len(ends) // CUTS))
    return ["", *(bare[:end].rstrip() for end in ends[::step])]


def request(task: Task, target: Target, workspace: Workspace, failure: str) -> Prompt:
    """The prompt for the unit written whole."""
    named = f"the function {target.unit.name}" if target.unit.name else "the file"
    prompt = render(
        "fix",
        path=target.path,
        language=_language(target.path),
        code=target.code.rstrip(),
        task=task.text,
        unit=named,
        guide=workspace.guide[:600],
        failure=failure,
    )
    return replace(prompt, prefill=prompt.prefill + "\n")


def beginning(target: Target, code: Sequence[str], n: int, cut: str) -> Prompt:
    """The prompt that ends in line `n` of the unit, its indentation and its first words written already."""
    prompt = render("continue", function=target.unit.name or target.path)
    head = "\n".join(code[:n])
    return replace(prompt, prefill=f"{prompt.prefill}\n{head}\n{_indent(code[n])}{cut}")


def failure_of(said: str, most: int = 300) -> str:
    """The first words of a failure that say what went wrong: pytest's E lines, else the end of what was printed."""
    marked = [line[1:].strip() for line in said.splitlines() if line.startswith("E ")]
    return " ".join(" ".join(marked).split())[:most] if marked else " ".join(said.split())[-most:]


def _drawn(replies: Sequence[Sequence[Generation]]) -> Iterator[str]:
    for reply in replies:
        for draft in reply:
            if draft.ended != "length":
                yield code_in(draft.text)


def _fit(target: Target, code: str) -> list[str]:
    """The file with this code in it, where it is another than it was and has no fault that it had not."""
    try:
        text = target.with_code(code)
    except ToolRefused:
        return []
    if text == target.text or (editing.fault(target.path, text) and not editing.fault(target.path, target.text)):
        return []
    return [text]


def _worth(line: str) -> bool:
    bare = line.strip()
    return bool(bare) and not bare.startswith(("#", '"""', "'''", "@")) and bare not in ("else:", "try:", "finally:")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _language(path: str) -> str:
    kinds = {".py": "python", ".js": "javascript", ".ts": "typescript", ".sh": "bash"}
    return kinds.get(PurePosixPath(path).suffix, "")


# --- which function -------------------------------------------------------------------------


def located(task: Task, said: str, at: WorkingCopy) -> Target | None:
    """The function that the task and the failing check speak of, or None where none stands out."""
    sources = [name for name in at.copy.files if name.endswith(".py")]
    plain = [name for name in sources if not _is_test(name)] or sources
    words = WORD.findall(task.text)
    printed = WORD.findall(said[-6000:])
    best: tuple[float, Target] | None = None
    for name in plain:
        try:
            text = at.text(name)
        except ToolRefused:
            continue
        stem = PurePosixPath(name).stem
        file = 6.0 * (name in task.text) + 3.0 * (stem in words) + 2.0 * (name in said) + 1.0 * (stem in printed)
        file += 1.0 * (len(plain) == 1)
        for unit in editing.units(text) or []:
            if any(inner.owner == unit.name for inner in editing.units(text)):
                continue  # a class: its methods are meant
            score = file + 3.0 * (unit.name in words) + min(2.0, 0.5 * printed.count(unit.name))
            score += 2.0 * _in_trace(name, unit, said) + (0.1 if score == file and unit.first == 1 else 0.0)
            if score >= 1.0 and (best is None or score > best[0]):
                best = score, Target(name, text, unit)
    return best[1] if best else None


def _in_trace(name: str, unit: Unit, said: str) -> bool:
    places = re.findall(rf"{re.escape(name)}(?:\", line |:)(\d+)", said)
    return any(unit.first <= int(line) <= unit.last for line in places)


def _is_test(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        path.stem.startswith("test_")
        or path.stem.endswith("_test")
        or any(part in ("tests", "test") for part in path.parts[:-1])
        or path.name in ("conftest.py", "setup.py")
    )
