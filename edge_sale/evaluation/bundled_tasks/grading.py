"""Many answers of the trade graded in a few runs of the sandbox, each in a process of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from edge_sale.agents.answers import code_in
from edge_sale.evaluation.grading import GraderFault, Question
from edge_sale.sandbox.python import run_python

TOGETHER = 100  # answers a run
SECONDS = 2  # an answer
LIMIT = 120.0  # a run

PROGRAM = """
import json, os, signal
mark = {mark!r}
for place, (answer, tests) in enumerate(json.loads({cases!r})):
    heard, told = os.pipe()
    child = os.fork()
    if not child:
        secret, mark = mark, None
        os.close(heard)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        signal.alarm({seconds})
        space = {{}}
        try:
            exec(compile(answer, "answer.py", "exec"), space)
            exec(compile(tests, "tests.py", "exec"), space)
            os.write(told, secret.encode())
        finally:
            os._exit(0)
    os.close(told)
    with os.fdopen(heard) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    print(mark, place, int(said == mark), flush=True)
"""


def grade_all(asked: Sequence[Question], answers: Sequence[str], sandbox: str = "auto") -> list[bool]:
    """Right or wrong for each, by its tests. Raises GraderFault, SandboxMissing.

    An answer that is the reference to the letter is right without being run. Covers and does not cover
    what `sandbox.python` does; besides, an answer here cannot touch another one's memory.
    """
    right = [answer.strip() == one.reference for one, answer in zip(asked, answers, strict=True)]
    todo = [place for place, fine in enumerate(right) if not fine and answers[place].strip()]
    for start in range(0, len(todo), TOGETHER):
        places = todo[start : start + TOGETHER]
        for place, fine in zip(places, _run([(asked[p], answers[p]) for p in places], sandbox), strict=True):
            right[place] = fine
    return right


def _run(pairs: Sequence[tuple[Question, str]], sandbox: str) -> list[bool]:
    mark = secrets.token_hex(8)
    cases = json.dumps([(code_in(answer), one.key["tests"]) for one, answer in pairs])
    code = PROGRAM.format(mark=mark, cases=cases, seconds=SECONDS)
    ran = run_python(code, seconds=LIMIT, memory_mb=1024, mode=sandbox)
    said = [line.split() for line in ran.stdout.splitlines() if line.startswith(f"{mark} ")]
    if len(said) != len(pairs):
        why = " ".join(ran.stderr.split())[-200:] or f"exit code {ran.exit_code}"
        raise GraderFault(f"{len(said)} of {len(pairs)} answers were graded: {why}")
    return [line[2] == "1" for line in said]
