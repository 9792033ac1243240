"""The work strategy `drafts` in a folder with a check: many candidate edits of one function, tried until one passes.

This makes a small model useful in a repository. The check runs first. Its output and the task tell which function is
meant (see `edit_target`). Then the check runs on candidates of two kinds, the more promising kind first:

1. the whole function rewritten, `samples` times;
2. single lines of it rewritten, from the start of the line or from a place within it, by a model that sees only what
   stands above. Candidates close to the old line that the model finds likely, in lines that it finds unlikely as they
   are, come first.

Candidates that do not parse, change nothing or were tried before are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from edge_sale.agents import steps
from edge_sale.agents.answering import Show, WorkingAgent, draw_all, on_new_line
from edge_sale.agents.answers import code_in
from edge_sale.agents.drafts import WARMER
from edge_sale.agents.edit_target import Target, find_target
from edge_sale.agents.workspace import Workspace
from edge_sale.errors import PromptTooLong
from edge_sale.events import Stepped
from edge_sale.prompts import render
from edge_sale.text import split_lines
from edge_sale.types import Generate, Generation, Job, LogLik, LogProb, Outcome, Prompt, Sampling, Task
from edge_sale.workspace import editing
from edge_sale.workspace.paths import ToolRefused
from edge_sale.workspace.tools import WorkingCopy

MAX_CANDIDATES = 32  # that the check runs on
LINE_SAMPLES = 4  # candidates for each place in a line
LINE_TOKENS = 24
MAX_LINES = 8  # of a function that are rewritten, the least likely ones
MAX_CUTS = 3  # places within a line from which it is rewritten
SIMILARITY_WEIGHT = 8.0  # nats that a line identical to the old one scores above a line with nothing in common
GUIDE_CHARACTERS = 600  # of AGENTS.md in a prompt
TOKEN = re.compile(r"\w+|[^\w\s]+")
LANGUAGES = {".py": "python", ".js": "javascript", ".ts": "typescript", ".sh": "bash"}

Candidates = list[tuple[str, str]]  # the new text of the file, and what was changed, in words


def drafts(agent: WorkingAgent, task: Task, plan: str, show: Show, workspace: Workspace) -> Job[Outcome]:
    """The first of up to MAX_CANDIDATES candidates that passes the check.

    The agent works step by step instead (see `steps`) if the check passes already or no function stands out.
    """
    working_copy = workspace.begin()
    try:
        passed, output = workspace.passes(working_copy)
        working_copy.copy.restore()
        target = None if passed else find_target(task, output, working_copy)
        if target is not None:
            tried = 0
            seen = {target.text}
            for make, most in ((whole_unit, agent.samples), (single_lines, MAX_CANDIDATES)):
                candidates = yield from make(agent, task, target, output, workspace)
                for text, change in candidates:
                    if tried >= most or text in seen:
                        continue
                    seen.add(text)
                    tried += 1
                    passed, result = attempt(target.path, text, working_copy, workspace)
                    call = f'edit(path="{target.path}")'
                    workspace.events(Stepped(agent.name, tried, change, call, failure_of(result, 200), passed))
                    if passed:
                        reason = f"candidate {tried} passes the check ({change})"
                        return steps.outcome_of(agent, workspace, working_copy, "passed", True, reason, tried)
                    working_copy.copy.restore()
            reason = f"none of {tried} candidates for {target.path} passes the check"
            return steps.outcome_of(agent, workspace, working_copy, "failed", False, reason, tried)
    finally:
        working_copy.copy.close()
    return (yield from steps.work(agent, task, plan, show, workspace))


def attempt(path: str, text: str, working_copy: WorkingCopy, workspace: Workspace) -> tuple[bool, str]:
    """Whether the check passes with this text in the file, and what the check printed."""
    try:
        working_copy.put(path, text)
    except ToolRefused as refusal:
        return False, str(refusal)
    return workspace.passes(working_copy)


def whole_unit(agent: WorkingAgent, task: Task, target: Target, output: str, workspace: Workspace) -> Job[Candidates]:
    """The unit rewritten: once greedily; half the samples without sight of the failure; the rest warmer, with it."""
    count = max(agent.samples, 2)
    sampling = Sampling(agent.max_tokens, agent.temperature, seed=agent.seed_for("edit"), stop=("\n```",))
    warm = replace(sampling, temperature=agent.temperature + WARMER)
    with_failure, without = (unit_prompt(task, target, workspace, text) for text in (failure_of(output), ""))
    requests = [
        Generate(with_failure, replace(sampling, temperature=0.0)),
        Generate(without, sampling, count // 2),
        Generate(with_failure, warm, max(1, count - 1 - count // 2)),
    ]
    try:
        generations = yield from draw_all(requests)
    except PromptTooLong:  # the unit is larger than the model's context
        return []
    change = f"{target.unit.name or 'the file'} rewritten"
    whole = [code_in(generation.text) for generation in generations if generation.ended != "length"]
    return [(text, change) for code in whole if (text := edited(target, code)) is not None]


def single_lines(agent: WorkingAgent, task: Task, target: Target, output: str, workspace: Workspace) -> Job[Candidates]:
    """Lines of the unit rewritten from what stands above them, the most promising candidates first.

    Bugs are small and unlikely. So a candidate scores high if it is similar to the old line, if the model finds it
    likely, and if the model finds the old line unlikely.
    """
    code = split_lines(target.code)
    body = [n for n, line in enumerate(code) if n and _is_statement(line)]
    if PurePosixPath(target.path).suffix != ".py" or not body:
        return []
    sampling = Sampling(LINE_TOKENS, 1.0, seed=agent.seed_for("lines"), stop=("\n",))
    try:
        likelihoods: list[LogProb] = yield [LogLik(line_prompt(target, code, n, ""), code[n].strip()) for n in body]
        surprise = {n: -logprob.mean for n, logprob in zip(body, likelihoods, strict=True)}
        unlikely = sorted(sorted(body, key=lambda n: -surprise[n])[:MAX_LINES])
        places = [(n, beginning) for n in unlikely for beginning in _beginnings(code[n])]
        replies: list[list[Generation]] = yield [
            Generate(line_prompt(target, code, n, beginning), sampling, LINE_SAMPLES) for n, beginning in places
        ]
    except PromptTooLong:
        return []
    scored: dict[str, tuple[float, str]] = {}  # text of the file -> score and change
    for (n, beginning), generations in zip(places, replies, strict=True):
        old = code[n].strip()
        for generation in generations:
            line = beginning + generation.text.rstrip()
            if not _is_statement(line) or line.strip() == old:
                continue
            similarity = SequenceMatcher(None, old, line).ratio()
            score = SIMILARITY_WEIGHT * similarity + surprise[n] + generation.logprob * generation.tokens
            text = edited(target, "\n".join([*code[:n], _indent(code[n]) + line.lstrip(), *code[n + 1 :]]))
            if text is not None and (text not in scored or scored[text][0] < score):
                scored[text] = score, f"line {target.unit.first + n}: {line.strip()}"
    return [(text, change) for text, (_, change) in sorted(scored.items(), key=lambda one: -one[1][0])]


def unit_prompt(task: Task, target: Target, workspace: Workspace, failure: str) -> Prompt:
    """The prompt for the unit rewritten; `failure` may be empty."""
    prompt = render(
        "fix",
        path=target.path,
        language=LANGUAGES.get(PurePosixPath(target.path).suffix, ""),
        code=target.code.rstrip(),
        task=task.text,
        unit=f"the function {target.unit.name}" if target.unit.name else "the file",
        guide=workspace.guide[:GUIDE_CHARACTERS],
        failure=failure,
    )
    return on_new_line(prompt)


def line_prompt(target: Target, code: Sequence[str], n: int, beginning: str) -> Prompt:
    """The prompt for line `n` of the unit's code: it ends in the lines above, the indentation and `beginning`."""
    prompt = render("continue", function=target.unit.name or target.path)
    above = "\n".join(code[:n])
    return replace(prompt, prefill=f"{prompt.prefill}\n{above}\n{_indent(code[n])}{beginning}")


def failure_of(output: str, most: int = 300) -> str:
    """What went wrong, in at most so many characters: the start of pytest's E lines, else the end of the output."""
    errors = [line[1:].strip() for line in output.splitlines() if line.startswith("E ")]
    return " ".join(" ".join(errors).split())[:most] if errors else " ".join(output.split())[-most:]


def edited(target: Target, code: str) -> str | None:
    """The file with this code as the unit; None if nothing changes, or if the file gets a syntax error from it."""
    try:
        text = target.with_code(code)
    except ToolRefused:
        return None
    if text == target.text or (editing.fault(target.path, text) and not editing.fault(target.path, target.text)):
        return None
    return text


def _beginnings(line: str) -> list[str]:
    """Beginnings of a line from which it is rewritten: nothing, and up to MAX_CUTS places between its words."""
    bare = line.strip()
    starts = [word.start() for word in TOKEN.finditer(bare)][1:]
    step = max(1, -(-len(starts) // MAX_CUTS))
    return ["", *(bare[:start].rstrip() for start in starts[::step])]


def _is_statement(line: str) -> bool:
    """Whether a line is worth rewriting: no comment, docstring, decorator or bare keyword."""
    bare = line.strip()
    return bool(bare) and not bare.startswith(("#", '"""', "'''", "@")) and bare not in ("else:", "try:", "finally:")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
