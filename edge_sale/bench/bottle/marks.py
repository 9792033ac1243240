"""Many answers graded in one sandbox: starting one for each would take longer than writing the answers.

Each answer runs in a process of its own, forked in the sandbox, with its own time limit; it is right where its
tests run to their end. An answer of which the sandbox says nothing is graded alone, by the ordinary grader.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from edge_sale.bench.grade import Question, grade
from edge_sale.sandbox.python import run_python

BITE = 100  # answers a sandbox
SECONDS = 5  # of wall time for one answer with its tests

PROGRAM = """
import os, signal, sys
mark, limit, cases = {mark!r}, {limit!r}, {cases!r}
out = os.dup(1)
null = os.open(os.devnull, os.O_RDWR)
for number, (before, answer, tests) in enumerate(cases):
    child = os.fork()
    if not child:
        signal.alarm(limit)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            space = {{"__name__": "answer"}}
            for name, code in (("before", before), ("answer", answer), ("tests", tests)):
                exec(compile(code, name + ".py", "exec"), space)
            os.write(out, (mark + " " + str(number) + " right\\n").encode())
        except BaseException:
            pass
        os._exit(0)
    os.waitpid(child, 0)
    os.write(out, (mark + " " + str(number) + " done\\n").encode())
"""

Pair = tuple[Question, str]


def grades(pairs: Sequence[Pair], sandbox: str, told: Callable[[int], None] = lambda count: None) -> list[bool]:
    """Whether each answer passes its question's tests. Raises SandboxMissing, GraderFault."""
    found: list[bool] = []
    for start in range(0, len(pairs), BITE):
        part = pairs[start : start + BITE]
        found += _bite(part, sandbox)
        told(len(part))
    return found


def _bite(pairs: Sequence[Pair], sandbox: str) -> list[bool]:
    mark = secrets.token_hex(8)
    cases = [(question.key.get("before", ""), answer, question.key["tests"]) for question, answer in pairs]
    code = PROGRAM.format(mark=mark, limit=SECONDS, cases=cases)
    ran = run_python(code, seconds=30 + SECONDS * len(pairs), memory_mb=1024, mode=sandbox)
    said = set(ran.stdout.splitlines())
    return [
        f"{mark} {number} right" in said if f"{mark} {number} done" in said else grade(*pair, sandbox)[0]
        for number, pair in enumerate(pairs)
    ]
