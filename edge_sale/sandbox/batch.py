"""Many small programs in one sandbox: which of them end well. A draft costs a fork instead of an interpreter.

The programs share one sandbox's memory of files (/tmp) and could disturb one another, so this is a first pass: who
relies on a verdict runs that program once more, alone, with `run_python`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from edge_sale.sandbox.python import run_python

EACH = 1.0  # seconds of wall time for one program
MOST = 64  # programs in one sandbox: their text travels as one file

PROGRAM = """
import json, os, resource, signal, sys, time

try:  # a program has a session of its own, so that its children end with it; it ends with this process all the same
    import ctypes
    prctl = ctypes.CDLL(None).prctl
except (ImportError, OSError, AttributeError):  # no Linux
    prctl = None
PR_SET_PDEATHSIG = 1

def one(code, seconds):
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        if prctl:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        end = 1
        try:
            exec(compile(code, "main.py", "exec"), {{"__name__": "__main__"}})
            end = {passed}
        except SystemExit as stop:
            end = {passed} if stop.code in (None, 0) else 1
    except BaseException:
        end = 1
    os._exit(end)

verdicts = []
for code in json.loads({codes!r}):
    pid = one(code, {each})
    deadline, pause, over = time.monotonic() + {each}, 0.001, 0
    while not over and time.monotonic() < deadline:
        over, status = os.waitpid(pid, os.WNOHANG)
        if not over:
            time.sleep(pause)
            pause = min(0.02, pause * 2)
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass
    if not over:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
        os.waitpid(pid, 0)
        verdicts.append("t")
    else:
        verdicts.append("y" if os.waitstatus_to_exitcode(status) == {passed} else "n")
print("\\n" + {mark!r} + "".join(verdicts), flush=True)
"""


def which_pass(
    codes: Sequence[str], *, seconds: float = EACH, memory_mb: int = 512, mode: str = "auto"
) -> list[bool | None]:
    """For each program whether it came to its end, or to an exit with code 0; None where that is not known.

    One that ends its process otherwise, as `os._exit` does, has not: what stands for passed is drawn anew.

    Not known is what did not end within `seconds`, or where one of them took all down. Raises SandboxMissing.
    """
    known = {"y": True, "n": False}
    found: list[bool | None] = []
    for start in range(0, len(codes), MOST):
        some = list(codes[start : start + MOST])
        mark = secrets.token_hex(8)
        passed = 2 + secrets.randbelow(250)
        program = PROGRAM.format(codes=json.dumps(some), each=seconds, mark=mark, passed=passed)
        ran = run_python(program, seconds=seconds * len(some) + 10, memory_mb=memory_mb, mode=mode)
        verdicts = ran.stdout.rpartition(mark)[2].strip() if mark in ran.stdout else ""
        found += [known.get(verdict) for verdict in verdicts] if len(verdicts) == len(some) else [None] * len(some)
    return found
