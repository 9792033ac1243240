"""What a task's check says of answers: which pass, how they behave beyond it, and what goes wrong.

A check of one assertion lets wrong answers pass. Answers that pass are therefore run on inputs like the
check's own, and those that behave alike count as agreeing (Chen et al., "CodeT", 2022, with inputs made
from the check instead of by a model).
"""

from __future__ import annotations

import ast
import copy
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edge_sale.agents.answers import code_in, parse_or_empty, syntax_fault
from edge_sale.sandbox.batch import which_pass
from edge_sale.sandbox.python import run_python
from edge_sale.types import Outcome, Status, Task

PROBES = 10  # inputs that answers are compared on
SECONDS = 4.0  # for all of them together
LONG = 300  # characters of a value
HEEDLESS = 4  # inputs at least, for what gives the same on all of them to be doubted


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks of Python answers, in the sandbox of this mode. Without a check nothing passes and nothing fails."""

    mode: str = "auto"

    def passes(self, task: Task, answer: str) -> bool | None:
        """Whether the check, run after the answer's code, ends well; None where there is none to run."""
        if task.check is None or task.repo:  # in a folder the work runs it
            return None
        mark = secrets.token_hex(8)
        ran = run_python(program(task, answer, mark), mode=self.mode)
        return ran.exit_code == 0 and mark in ran.stdout

    def keep_passing(self, task: Task, answers: Sequence[str]) -> list[bool]:
        """Which answers pass, found in one sandbox; whoever is told so should be asked `passes` too.

        Answers that take long there have not passed, unless the check itself takes long: where nothing passed,
        the first of them is given its whole time, alone, and where that passes so are the others.
        """
        parse = [bool(answer.strip()) and syntax_fault(code_in(answer)) is None for answer in answers]
        sound = [answer for answer, good in zip(answers, parse, strict=True) if good]
        verdicts = which_pass([program(task, answer, "") for answer in sound], mode=self.mode)
        if not any(verdicts):
            for place in [place for place, verdict in enumerate(verdicts) if verdict is None]:
                verdicts[place] = self.passes(task, sound[place])
                if not verdicts[place]:
                    break  # it does not end, and the others like it will not either
        told = iter(verdicts)
        return [bool(next(told)) if good else False for good in parse]

    def behaviours(self, task: Task, answers: Sequence[str]) -> list[str]:
        """For each answer what it does on inputs like the check's; equal texts, equal behaviour."""
        asked = probes(task.check or "")
        if not asked:
            return [""] * len(answers)
        return [self._values(answer, asked) for answer in answers]

    def failure(self, task: Task, answer: str) -> str:
        """What the answer gives where the check expects something else, in words; empty where that is not known."""
        for before, call, wanted in expectations(task.check or ""):
            mark = secrets.token_hex(8)
            told = f"print({mark!r} + '!='[_given == ({wanted})] + repr(_given)[:{LONG}])"
            code = f"{code_in(answer)}\n\n{before}\n_given = {call}\n{told}\n"
            ran = run_python(code, seconds=SECONDS, mode=self.mode)
            if mark not in ran.stdout:
                last = (ran.stderr.strip().splitlines() or ["nothing"])[-1][:LONG]
                return f"{call} fails: {last}"
            if (given := ran.stdout.rpartition(mark)[2].strip()).startswith("!"):
                return f"{call} gives {given[1:]}, but it must be {wanted}"
        return ""

    def _values(self, answer: str, asked: Sequence[str]) -> str:
        mark = secrets.token_hex(8)
        code = PROGRAM.format(code=code_in(answer), asked=list(asked), mark=mark)
        ran = run_python(code, seconds=SECONDS, mode=self.mode)
        return ran.stdout.rpartition(mark)[2].strip() if mark in ran.stdout else "?"


PROGRAM = """
import signal

def _late(*_):
    raise TimeoutError

signal.signal(signal.SIGALRM, _late)
_space = {{}}
exec(compile({code!r}, "answer.py", "exec"), _space)
_found = []
for _call in {asked!r}:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        _found.append(repr(eval(_call, _space))[:300])
    except BaseException as _error:
        _found.append(type(_error).__name__)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
print("\\n" + {mark!r} + repr(_found), flush=True)
"""


def ignores_input(behaviour: str) -> bool:
    """Whether an answer does one and the same on all inputs that it was tried on, as `return True` does."""
    try:
        values = ast.literal_eval(behaviour)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # the answer's own code printed it
        return False
    return isinstance(values, list) and len(values) >= HEEDLESS and all(value == values[0] for value in values)


PROVED = """
import os as _os, sys as _sys

try:
    exec(compile({code!r}, "answer.py", "exec"), globals())
except SystemExit:
    pass
try:
    exec(compile({check!r}, "check.py", "exec"), globals())
except SystemExit as _end:
    _at = _end.__traceback__
    while _at:
        if _at.tb_frame.f_code.co_filename == "answer.py":
            _sys.exit(1)
        _at = _at.tb_next
    if _end.code not in (None, 0):
        raise
_os.write(1, b"\\n{mark}\\n")
"""


def verifier(passes: Callable[[Task, str], bool | None]) -> Callable[[Task, Outcome], Outcome]:
    """A function that adds to an outcome what can be told of its answer.

    That is the check's result, by `passes`, or that the answer's Python does not parse.
    """

    def verify(task: Task, outcome: Outcome) -> Outcome:
        if outcome.verified is not None or outcome.status != "done":
            return outcome
        if task.domain == "python" and (fault := syntax_fault(outcome.answer)):
            note = f"the Python in this answer does not parse ({fault})"
            return replace(outcome, status="failed", verified=False, notes=(*outcome.notes, note))
        passed = passes(task, outcome.answer)
        if passed is None:
            return outcome
        note = "the answer passes the check" if passed else "the answer fails the check"
        status: Status = "passed" if passed else "failed"
        return replace(outcome, status=status, verified=passed, notes=(*outcome.notes, note))

    return verify


def program(task: Task, answer: str, mark: str) -> str:
    """The answer's code with the check behind it, and then `mark` on stdout, for exit code 0 alone proves nothing.

    Only the check may end it: an answer that exits, whichever way, has not passed. `mark` must be new for each run,
    so that no answer can have it written down; not covered is one that looks for it in the program it is part of.
    """
    return PROVED.format(code=code_in(answer), check=task.check, mark=mark)


def called(check: str) -> str:
    """The one function that a check calls and does not define itself; empty where there is none, or several."""
    names = {call.func.id for call in _calls(check) if isinstance(call.func, ast.Name)}
    return names.pop() if len(names) == 1 else ""


def assertions(check: str) -> int:
    """How many assertions a check makes."""
    return sum(isinstance(node, ast.Assert) for node in ast.walk(parse_or_empty(check)))


def expectations(check: str) -> Iterator[tuple[str, str, str]]:
    """What a check does first, a call of it, and what that should give, where it is written as `f(…) == literal`."""
    before: list[str] = []
    for node in parse_or_empty(check).body:
        if not isinstance(node, ast.Assert):
            before.append(ast.unparse(node))
        if (
            isinstance(node, ast.Assert)
            and isinstance(node.test, ast.Compare)
            and len(node.test.ops) == 1
            and isinstance(node.test.ops[0], ast.Eq)
            and isinstance(node.test.left, ast.Call)
        ):
            try:
                yield "\n".join(before), ast.unparse(node.test.left), repr(ast.literal_eval(node.test.comparators[0]))
            except (ValueError, TypeError, SyntaxError):
                continue


def probes(check: str, most: int = PROBES) -> list[str]:
    """Calls like the check's own with other arguments: literals a little smaller, larger, shorter, turned round."""
    found: dict[str, None] = {}
    for call in _calls(check):
        try:
            values = [ast.literal_eval(argument) for argument in call.args]
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        for place, value in enumerate(values):
            for other in _others(value):
                changed = copy.deepcopy(call)
                changed.args[place] = ast.parse(repr(other), mode="eval").body
                found[ast.unparse(changed)] = None
    spread = list(found)
    return spread[:: max(1, len(spread) // most)][:most]


def _calls(check: str) -> Iterator[ast.Call]:
    """Calls of plain names that neither builtins nor the check itself define: what the answer has to."""
    tree = parse_or_empty(check)
    known = set(dir(__builtins__)) if not isinstance(__builtins__, Mapping) else set(__builtins__)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            known |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.arg):
            known.add(node.arg)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in known and node.args:
            yield node


def _others(value: Any) -> Iterator[Any]:
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
