"""Runs a task's check over answers: which answers pass, which behave alike, and why one fails.

A check with one assertion lets wrong answers pass. Answers that pass are therefore run on inputs like those of the
check, and answers that behave alike count as agreeing (Chen et al., "CodeT", 2022; here the inputs are made from the
check, not by a model).
"""

from __future__ import annotations

import ast
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge_sale.agents.answers import code_in, syntax_fault
from edge_sale.agents.check_source import NOT_A_LITERAL, expectations, probes
from edge_sale.sandbox.batch import which_pass
from edge_sale.sandbox.python import run_python
from edge_sale.types import Outcome, Status, Task

SECONDS = 4.0  # for all probes of one answer together
VALUE_CHARACTERS = 300  # of a value that is shown or compared
MIN_PROBES = 4  # an answer that gives the same value on at least so many inputs ignores its input


@dataclass(frozen=True, slots=True)
class Checks:
    """Runs checks of Python answers in the sandbox. `mode` is the user's sandbox setting."""

    mode: str = "auto"

    def passes(self, task: Task, answer: str) -> bool | None:
        """Whether the answer passes the task's check; None if there is no check to run here.

        The check of a task in a folder is a shell command, which `steps` and `edits` run.
        """
        if task.check is None or task.repo:
            return None
        mark = secrets.token_hex(8)
        ran = run_python(check_program(task, answer, mark), mode=self.mode)
        return ran.exit_code == 0 and mark in ran.stdout

    def keep_passing(self, task: Task, answers: Sequence[str]) -> list[bool]:
        """For each answer, whether it passes, found in one sandbox. Confirm an answer with `passes` before use.

        An answer that runs out of time in the batch has not passed. If no answer passed, the check itself may be
        slow: the answers that ran out of time then run alone, one after another, up to the first that fails.
        """
        parses = [bool(answer.strip()) and syntax_fault(code_in(answer)) is None for answer in answers]
        runnable = [answer for answer, good in zip(answers, parses, strict=True) if good]
        verdicts = which_pass([check_program(task, answer, "") for answer in runnable], mode=self.mode)
        if not any(verdicts):
            for place in [place for place, verdict in enumerate(verdicts) if verdict is None]:
                verdicts[place] = self.passes(task, runnable[place])
                if not verdicts[place]:
                    break  # it does not end, and the others like it will not either
        remaining = iter(verdicts)
        return [bool(next(remaining)) if good else False for good in parses]

    def behaviours(self, task: Task, answers: Sequence[str]) -> list[str]:
        """What each answer returns on inputs like those of the check, as text. Equal texts mean equal behaviour."""
        calls = probes(task.check or "")
        if not calls:
            return [""] * len(answers)
        return [self._behaviour(answer, calls) for answer in answers]

    def failure(self, task: Task, answer: str) -> str:
        """The first call on which the answer differs from what the check expects, in words; empty if unknown."""
        for before, call, expected in expectations(task.check or ""):
            mark = secrets.token_hex(8)
            report = f"print({mark!r} + '!='[_given == ({expected})] + repr(_given)[:{VALUE_CHARACTERS}])"
            code = f"{code_in(answer)}\n\n{before}\n_given = {call}\n{report}\n"
            ran = run_python(code, seconds=SECONDS, mode=self.mode)
            if mark not in ran.stdout:
                last = (ran.stderr.strip().splitlines() or ["nothing"])[-1][:VALUE_CHARACTERS]
                return f"{call} fails: {last}"
            if (given := ran.stdout.rpartition(mark)[2].strip()).startswith("!"):
                return f"{call} gives {given[1:]}, but it must be {expected}"
        return ""

    def _behaviour(self, answer: str, calls: Sequence[str]) -> str:
        """The list of values of these calls, as text; "?" if the answer's program ended before it had them all."""
        mark = secrets.token_hex(8)
        code = PROBE_PROGRAM.format(code=code_in(answer), calls=list(calls), mark=mark)
        ran = run_python(code, seconds=SECONDS, mode=self.mode)
        return ran.stdout.rpartition(mark)[2].strip() if mark in ran.stdout else "?"


PROBE_PROGRAM = """
import signal

def _late(*_):
    raise TimeoutError

signal.signal(signal.SIGALRM, _late)
_space = {{}}
exec(compile({code!r}, "answer.py", "exec"), _space)
_found = []
for _call in {calls!r}:
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
    """Whether an answer returned the same on all inputs that it was tried on, as `return True` does."""
    try:
        values = ast.literal_eval(behaviour)
    except NOT_A_LITERAL:  # the answer's own code may have printed anything
        return False
    return isinstance(values, list) and len(values) >= MIN_PROBES and all(value == values[0] for value in values)


def check_program(task: Task, answer: str, mark: str) -> str:
    """A program that runs the answer's code, then the check, and then prints `mark`.

    Exit code 0 alone proves nothing: an answer that exits by itself has not passed, and only the check may end the
    program. `mark` must be new for each run, so that no answer can contain it. Not covered: an answer that looks
    for the mark in the text of the program that it runs in.
    """
    return CHECK_PROGRAM.format(code=code_in(answer), check=task.check, mark=mark)


CHECK_PROGRAM = """
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
    """A function that verifies an outcome: it has failed if its Python does not parse, else `passes` decides."""

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
