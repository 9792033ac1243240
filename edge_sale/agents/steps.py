"""Work in a folder, step by step: a short thought, one tool call and its result, until the work is done.

The thought is free text. The call is sampled under a grammar. If the call needs a text, such as a file's new content,
the text follows below the call as free text between fences. If there is a check, its exit status decides whether the
work is done; the agent's own claim does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from edge_sale.agents.answering import Show, WorkingAgent, draw_one
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

STEPS = {"quick": 8, "planner": 16, "drafts": 16}  # at most, by work strategy
THOUGHT_TOKENS = 48
CALL_TOKENS = 160
SHORT = 16  # characters of a text in a call that has to end within CALL_TOKENS, whatever tokens they take
WHOLE_STEPS = 6  # the latest steps, which a prompt shows whole; of earlier steps it shows the call
REPEATS = 3  # equal calls in a row at which the work stops
LOOKS = {"list", "search", "read"}  # tools that change nothing
AGAIN = "the same as before"  # begins the result of a call that returned what it had returned before
WARMER = 0.3  # added to the temperature for each step in a row that was not useful


@dataclass(frozen=True, slots=True)
class Step:
    """A thought, a call (None if none could be parsed), its result, and whether the result was new."""

    thought: str
    call: Call | None
    seen: str
    useful: bool


def work(
    agent: WorkingAgent, task: Task, plan: str, show: Show, workspace: Workspace, strict: bool = True
) -> Job[Outcome]:
    """The outcome of up to STEPS steps. With `strict` calls are sampled under a grammar, else parsed from free text."""
    working_copy = workspace.begin()
    try:
        steps: list[Step] = []
        # a check that passes before any edit cannot tell when the work is done: then the agent has to finish
        check_tells = bool(workspace.check) and not workspace.passes(working_copy)[0]
        working_copy.copy.restore()
        status, passed, reason = "failed", None, f"stopped: not finished after {STEPS[agent.work]} steps"
        while len(steps) < STEPS[agent.work]:
            thought, call = yield from decide(agent, task, plan, workspace, working_copy, steps, strict)
            earlier = [step.call.key if step.call else "" for step in steps[1 - REPEATS :]]
            if call and earlier == [call.key] * (REPEATS - 1):
                reason = f"stopped: the same call {REPEATS} times in a row: {call}"
                break
            if call and call.name == "finish":
                reason = str(call.arguments.get("answer", ""))
                passed, output = workspace.passes(working_copy) if workspace.check else (None, "")
                if passed is not False:
                    status = "passed" if passed else "done"
                    break
                result, useful = f"not finished, the check fails:\n{tail(output)}", False
            else:
                result, useful = act(working_copy, call, steps)
                if useful and call and call.name == "edit" and check_tells:
                    passed, output = workspace.passes(working_copy)
                    if passed:
                        status, reason = "passed", f"the check passes after step {len(steps) + 1}"
                    else:
                        result += f"; the check fails:\n{tail(output)}"
            steps.append(Step(thought, call, result, useful))
            workspace.events(Stepped(agent.name, len(steps), thought, str(call or ""), result, useful))
            if status == "passed":
                break
            if broken := [name for name, count in working_copy.faults.items() if count > 2 * REPAIRS]:
                reason = f"stopped: {2 * REPAIRS + 1} edits of {broken[0]} in a row did not parse"
                break
        return outcome_of(agent, workspace, working_copy, status, passed, reason, len(steps))
    finally:
        working_copy.copy.close()


def outcome_of(
    agent: WorkingAgent,
    workspace: Workspace,
    working_copy: WorkingCopy,
    status: str,
    passed: bool | None,
    reason: str,
    steps: int,
) -> Outcome:
    """The outcome of work in a folder. Its answer is the patch; its notes are the reason and the changed files."""
    changes = workspace.changes[agent.name] = working_copy.copy.changes()
    if status == "done" and not changes:
        reason = f"{reason} (no file was changed)".strip()
    notes = (*filter(None, [reason]), *summary(changes))
    return Outcome(agent.name, status, as_patch(changes), passed, notes, max(steps, 1))  # type: ignore[arg-type]


def act(working_copy: WorkingCopy, call: Call | None, steps: Sequence[Step] = ()) -> tuple[str, bool]:
    """The result of a call, and whether it is new. A tool that refuses or fails returns the reason as the result."""
    if call is None:
        return 'no call was found; write one, such as list(path=".")', False
    if call.cut:  # an incomplete text must not replace a complete one
        return "refused: the text was cut off; write one function, or give first and last", False
    tool = TOOLS[call.name]
    try:
        result = tool.run(working_copy, **bound(tool, call.arguments, call.body))
    except (ToolRefused, SandboxMissing) as refusal:
        return f"refused: {refusal}", False
    except OSError as error:  # such as a full disk; the real path in the message is hidden from models
        return f"refused: {(error.strerror or type(error).__name__).lower()}", False
    repeated = any(step.call and step.call.key == call.key and step.seen == result for step in steps)
    return (f"{AGAIN}; do something else than {call.name}", False) if repeated else (result, True)


def decide(
    agent: WorkingAgent,
    task: Task,
    plan: str,
    workspace: Workspace,
    working_copy: WorkingCopy,
    steps: Sequence[Step],
    strict: bool,
) -> Job[tuple[str, Call | None]]:
    """The next thought and call. Raises PromptTooLong if the task does not fit even with all steps shortened."""
    useless = next((n for n, step in enumerate(reversed(steps)) if step.useful), len(steps))  # the latest steps
    temperature = min(agent.temperature + WARMER * useless, 1.0)
    sampling = Sampling(THOUGHT_TOKENS, temperature, seed=agent.seed_for("work") + len(steps), stop=("\n",))
    for whole in (WHOLE_STEPS, 2, 0):  # a prompt that is too long shows fewer steps whole
        prompt = chat(task, plan, workspace, working_copy, steps, whole)
        try:
            if not strict:
                drawn = yield from draw_one(Generate(prompt, replace(sampling, max_tokens=agent.max_tokens, stop=())))
                return _parsed(drawn)
            headroom = THOUGHT_TOKENS + CALL_TOKENS + agent.max_tokens
            drawn = yield from draw_one(Generate(prompt, sampling, headroom=headroom))
            break
        except PromptTooLong:
            if not whole:
                raise
    thought = " ".join(drawn.text.split()) or "Next."
    if steps and thought == steps[-1].thought:
        thought = next_plan_line(plan, steps) or thought
    return thought, (yield from _call(agent, working_copy, steps, replace(prompt, prefill=f"{thought}\n"), sampling))


def _parsed(drawn: Generation) -> tuple[str, Call | None]:
    """The thought and the call in a reply that was written without a grammar."""
    call = parse(drawn.text, TOOLS)
    if call and call.body and drawn.ended == "length":  # if nothing follows the body, its fence was not closed
        call = replace(call, cut=drawn.text.rstrip().endswith(call.body.rstrip()))
    return drawn.text.strip().partition("\n")[0][:200], call


def _call(
    agent: WorkingAgent, working_copy: WorkingCopy, steps: Sequence[Step], prompt: Prompt, sampling: Sampling
) -> Job[Call | None]:
    """The call after a thought, which is the prompt's prefill: sampled under a grammar, then its text, if any."""
    tools = allowed_tools(steps)
    for longest in (LONGEST, SHORT):  # a call that was cut off is useless; with SHORT texts it always ends
        rules = grammar(tools, working_copy.copy.files, longest)
        drawn = yield from draw_one(Generate(prompt, replace(sampling, max_tokens=CALL_TOKENS, stop=(), grammar=rules)))
        if drawn.ended != "length":
            break
    call = parse(drawn.text, TOOLS)
    if call and TOOLS[call.name].body:
        prompt = replace(prompt, prefill=f"{prompt.prefill}{drawn.text}\n{opening_fence(call)}\n")
        free = replace(sampling, max_tokens=agent.max_tokens, stop=(f"\n{closing_fence(call)}",))
        drawn = yield from draw_one(Generate(prompt, free))
        call = replace(call, body=drawn.text, cut=drawn.ended == "length")
    return call


def allowed_tools(steps: Sequence[Step]) -> list[Tool]:
    """The tools that may be called next.

    Small models repeat the same look, and finish before they have looked at anything. So `finish` is closed until a
    step was useful. Until the next useful step, a look that showed nothing new closes all looks, and a `finish` while
    the check fails closes `finish`.
    """
    closed = set() if any(step.useful for step in steps) else {"finish"}
    for step in takewhile(lambda step: not step.useful, reversed(steps)):
        if step.call and step.call.name == "finish":
            closed.add("finish")
        elif step.call and step.call.name in LOOKS and step.seen.startswith(AGAIN):
            closed |= LOOKS
    return [tool for tool in TOOLS.values() if tool.name not in closed]


def chat(
    task: Task, plan: str, workspace: Workspace, working_copy: WorkingCopy, steps: Sequence[Step], whole: int
) -> Prompt:
    """The prompt of the next step: the tools, the task, then the steps, of which the last `whole` are shown whole."""
    first_whole = len(steps) - whole  # of earlier steps: the call, and the beginning of the result
    shown = [
        {"said": written(step, place >= first_whole), "seen": step.seen if place >= first_whole else step.seen[:80]}
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


def next_plan_line(plan: str, steps: Sequence[Step]) -> str:
    """The plan's next line, if every useful step did one line; empty at the plan's end."""
    lines = [line.strip() for line in plan.splitlines() if line.strip()]
    return next(iter(lines[sum(step.useful for step in steps) :]), "")


def opening_fence(call: Call) -> str:
    """The fence above a call's text; it names Python if the file is Python."""
    fence = closing_fence(call)
    return f"{fence}python" if str(call.arguments.get("path", "")).endswith(".py") else fence


def closing_fence(call: Call) -> str:
    """The fence below a call's text. It is longer for Markdown, which contains fences of its own."""
    return "````" if str(call.arguments.get("path", "")).endswith(MARKDOWN) else "```"


def written(step: Step, whole: bool = True) -> str:
    """A step as the agent wrote it: thought, call and, if `whole`, the call's text."""
    text = ""
    if whole and step.call and step.call.body is not None:
        text = f"\n{opening_fence(step.call)}\n{step.call.body}\n{closing_fence(step.call)}"
    return f"{step.thought}\n{step.call or ''}{text}".strip()


def tail(output: str, most: int = 500) -> str:
    """The end of a check's output, where errors are printed, in at most so many characters."""
    return output if len(output) <= most else "..." + output[-most:]
