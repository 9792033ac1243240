"""An agent at work in a folder: a short thought, one action, and what came of it, until it is done.

The thought is free, the call comes under a grammar, and a file's new text below it is free again, between
fences. The check's exit status judges, where there is one; the agent's own word never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from edge_sale.agents.answering import Show, WorkingAgent
from edge_sale.agents.workspace import Workspace
from edge_sale.errors import PromptTooLong, SandboxMissing
from edge_sale.events import Stepped
from edge_sale.prompts import render
from edge_sale.types import Generate, Generation, Job, Outcome, Prompt, Sampling, Task
from edge_sale.workspace.patch import as_patch, summary
from edge_sale.workspace.paths import ToolRefused
from edge_sale.workspace.tool_calls import MARKDOWN, Call, parse
from edge_sale.workspace.tool_schema import LONGEST, Tool, bound, described, grammar
from edge_sale.workspace.tools import REPAIRS, TOOLS, WorkingCopy

STEPS = {"quick": 8, "planner": 16, "drafts": 16}
THOUGHT = 48  # tokens
CALL = 160
SHORT = 16  # signs of a text in a call that has to end within these, whatever bytes its tokens are
KEPT = 6  # steps that a prompt shows whole; of earlier ones the call alone
SAME = 3  # equal calls in a row: stop
LOOKS = {"list", "search", "read"}  # calls that change nothing
AGAIN = "the same as before"  # how the answer to a call begins that brought what it had brought already
WARMER = 0.3  # temperature added after a step that brought nothing


@dataclass(frozen=True, slots=True)
class Step:
    """One thought, one call (None: none could be read), and what came of it."""

    thought: str
    call: Call | None
    seen: str
    useful: bool


def work(
    agent: WorkingAgent, task: Task, plan: str, show: Show, workspace: Workspace, strict: bool = True
) -> Job[Outcome]:
    """The loop. With `strict` the call comes under a grammar; else it is read from what a model writes freely."""
    at = workspace.begin()
    try:
        steps: list[Step] = []
        # a check that passes before anything was done says nothing of an edit: then the agent has to finish
        telling = bool(workspace.check) and not workspace.passes(at)[0]
        at.copy.restore()
        status, why, passed = "failed", f"no end after {STEPS[agent.work]} steps", None
        while len(steps) < STEPS[agent.work]:
            thought, call = yield from decide(agent, task, plan, workspace, at, steps, strict)
            before = [step.call.key if step.call else "" for step in steps[1 - SAME :]]
            if call and before == [call.key] * (SAME - 1):
                why = f"stopped: the same call {SAME} times, {call}"
                break
            if call and call.name == "finish":
                why = str(call.arguments.get("answer", ""))
                passed, said = workspace.passes(at) if workspace.check else (None, "")
                if passed is not False:
                    status = "passed" if passed else "done"
                    break
                seen, useful = f"not finished, the check fails:\n{tail(said)}", False
            else:
                seen, useful = act(at, call, steps)
                if useful and call and call.name == "edit" and telling:
                    passed, said = workspace.passes(at)
                    if passed:
                        status, why = "passed", f"the check passes after step {len(steps) + 1}"
                    seen += "" if passed else f"; the check fails:\n{tail(said)}"
            steps.append(Step(thought, call, seen, useful))
            workspace.events(Stepped(agent.name, len(steps), thought, str(call or ""), seen, useful))
            if status == "passed":
                break
            if hopeless := [name for name, count in at.faults.items() if count > 2 * REPAIRS]:
                why = f"stopped: {hopeless[0]} was written {2 * REPAIRS + 1} times so that it does not parse"
                break
        return ended(agent, workspace, at, status, passed, why, len(steps))
    finally:
        at.copy.close()


def ended(
    agent: WorkingAgent, workspace: Workspace, at: WorkingCopy, status: str, passed: bool | None, why: str, steps: int
) -> Outcome:
    """The outcome of work in a folder: its answer is the patch."""
    changes = workspace.changes[agent.name] = at.copy.changes()
    if status == "done" and not changes:
        why = f"{why} (no file was changed)".strip()
    notes = (*filter(None, [why]), *summary(changes))
    return Outcome(agent.name, status, as_patch(changes), passed, notes, max(steps, 1))  # type: ignore[arg-type]


def act(at: WorkingCopy, call: Call | None, steps: Sequence[Step] = ()) -> tuple[str, bool]:
    """What a call brings back, and whether that is anything new."""
    if call is None:
        return 'no call was found; write one, such as list(path=".")', False
    if call.cut:  # never half a text in the place of a whole one
        return "refused: the text was cut off; write one function, or give first and last", False
    tool = TOOLS[call.name]
    try:
        seen = tool.run(at, **bound(tool, call.arguments, call.body))
    except (ToolRefused, SandboxMissing) as why:
        return f"refused: {why}", False
    except OSError as error:  # a full disk, a folder that a command closed; its path is no affair of a model's
        return f"refused: {(error.strerror or type(error).__name__).lower()}", False
    known = any(step.call and step.call.key == call.key and step.seen == seen for step in steps)
    return (f"{AGAIN}; do something else than {call.name}", False) if known else (seen, True)


def decide(
    agent: WorkingAgent,
    task: Task,
    plan: str,
    workspace: Workspace,
    at: WorkingCopy,
    steps: Sequence[Step],
    strict: bool,
) -> Job[tuple[str, Call | None]]:
    """The next thought and call."""
    idle = next((n for n, step in enumerate(reversed(steps)) if step.useful), len(steps))
    warm = min(agent.temperature + WARMER * idle, 1.0)
    sampling = Sampling(THOUGHT, warm, seed=agent.seed_for("work") + len(steps), stop=("\n",))
    for kept in (KEPT, 2, 0):  # where it does not fit, less of what was
        prompt = chat(task, plan, workspace, at, steps, kept)
        try:
            if not strict:
                drawn = yield from _one(prompt, replace(sampling, max_tokens=agent.max_tokens, stop=()))
                call = parse(drawn.text, TOOLS)
                if call and call.body and drawn.ended == "length":  # nothing stands behind it: it was not closed
                    call = replace(call, cut=drawn.text.rstrip().endswith(call.body.rstrip()))
                return drawn.text.strip().partition("\n")[0][:200], call
            drawn = yield from _one(prompt, sampling, THOUGHT + CALL + agent.max_tokens)
            break
        except PromptTooLong:
            if not kept:
                raise
    thought = " ".join(drawn.text.split()) or "Next."
    if steps and thought == steps[-1].thought:
        thought = due(plan, steps) or thought
    said = f"{thought}\n"
    open_now = choices(steps)
    for longest in (LONGEST, SHORT):  # a call that was cut off is none: the second one ends in any case
        rules = grammar(open_now, at.copy.files, longest)
        drawn = yield from _one(
            replace(prompt, prefill=said), replace(sampling, max_tokens=CALL, stop=(), grammar=rules)
        )
        if drawn.ended != "length":
            break
    said += drawn.text
    call = parse(drawn.text, TOOLS)
    if call and TOOLS[call.name].body:
        said += f"\n{fence(call)}\n"
        whole = replace(sampling, max_tokens=agent.max_tokens, stop=(f"\n{ticks(call)}",))
        drawn = yield from _one(replace(prompt, prefill=said), whole)
        call = replace(call, body=drawn.text, cut=drawn.ended == "length")
    return thought, call


def choices(steps: Sequence[Step]) -> list[Tool]:
    """The tools that may be called next.

    Small models look at the same thing again and again, and call it done before they have looked at all. So after a
    look that showed nothing new there is no further one, and after a vain `finish` no other, until a step is useful.
    """
    closed = set() if any(step.useful for step in steps) else {"finish"}
    for step in takewhile(lambda step: not step.useful, reversed(steps)):
        if step.call and step.call.name == "finish":
            closed.add("finish")
        elif step.call and step.call.name in LOOKS and step.seen.startswith(AGAIN):
            closed |= LOOKS
    return [each for each in TOOLS.values() if each.name not in closed]


def chat(task: Task, plan: str, workspace: Workspace, at: WorkingCopy, steps: Sequence[Step], kept: int) -> Prompt:
    """The prompt of the next step: what never changes first, then the task, then the last steps."""
    whole = len(steps) - kept  # of earlier steps the call alone, and how it ended
    shown = [
        {"said": said(step, place >= whole), "seen": step.seen if place >= whole else step.seen[:80]}
        for place, step in enumerate(steps)
    ]
    prompt = render(
        "act",
        tools=described(list(TOOLS.values())),
        task=task.text,
        plan=plan,
        files=task.files,
        steps=shown,
        guide=workspace.guide,
        check=workspace.check or "",
        earlier=task.earlier,
    )
    return replace(prompt, fixed=1)  # the tools are the same for every task


def due(plan: str, steps: Sequence[Step]) -> str:
    """The line of the plan that is next, for who only repeats a thought: every useful step was one of its lines."""
    lines = [line.strip() for line in plan.splitlines() if line.strip()]
    return next(iter(lines[sum(step.useful for step in steps) :]), "")


def fence(call: Call) -> str:
    """What opens the text below a call: it says that code follows, where it does."""
    return f"{ticks(call)}python" if str(call.arguments.get("path", "")).endswith(".py") else ticks(call)


def ticks(call: Call) -> str:
    """What closes it: a text in Markdown has fences of its own."""
    return "````" if str(call.arguments.get("path", "")).endswith(MARKDOWN) else "```"


def said(step: Step, whole: bool = True) -> str:
    """A step as the agent wrote it; without its text where it is not shown `whole`."""
    body = ""
    if whole and step.call and step.call.body is not None:
        body = f"\n{fence(step.call)}\n{step.call.body}\n{ticks(step.call)}"
    return f"{step.thought}\n{step.call or ''}{body}".strip()


def tail(said: str, most: int = 500) -> str:
    """The end of what a check printed: errors stand there."""
    return said if len(said) <= most else "..." + said[-most:]


def _one(prompt: Prompt, sampling: Sampling, headroom: int = 0) -> Job[Generation]:
    replies: list[list[Generation]] = yield [Generate(prompt, sampling, headroom=headroom)]
    return replies[0][0]
