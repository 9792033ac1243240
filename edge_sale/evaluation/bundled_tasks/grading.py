"""Grade many answers of the trade in a few runs of the sandbox, each answer in a process of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from edge_sale.agents.answers import code_in
from edge_sale.evaluation.grading import GraderFault, Question
from edge_sale.sandbox.python import run_python

BATCH = 100  # answers in one run of the sandbox
SECONDS = 2  # for one answer
LIMIT = 120.0  # seconds for one run

PROGRAM = """
import json, os, signal
mark = {mark!r}
for place, (answer, tests) in enumerate(json.loads({cases!r})):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        secret, mark = mark, None
        os.close(reading)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        signal.alarm({seconds})
        space = {{}}
        try:
            exec(compile(answer, "answer.py", "exec"), space)
            exec(compile(tests, "tests.py", "exec"), space)
            os.write(writing, secret.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    print(mark, place, int(said == mark), flush=True)
"""


def grade_all(asked: Sequence[Question], answers: Sequence[str], sandbox: str = "auto") -> list[bool]:
    """Whether each answer passes its tests. Raises GraderFault, SandboxMissing.

    An answer that equals the reference is right without being run. It protects against what `sandbox.python` protects
    against; in addition, an answer cannot touch the memory of another one.
    """
    right = [answer.strip() == one.reference for one, answer in zip(asked, answers, strict=True)]
    todo = [place for place, fine in enumerate(right) if not fine and answers[place].strip()]
    for start in range(0, len(todo), BATCH):
        places = todo[start : start + BATCH]
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
