"""Run many small programs in one sandbox and say which of them end well. Each costs a fork, not an interpreter.

The programs share the sandbox's /tmp and could disturb one another, so a verdict is only a first selection. Where it
matters, the caller runs that program once more, alone, with `run_python`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from edge_sale.sandbox.python import run_python

PROGRAM_SECONDS = 1.0  # of wall time, for one program
BATCH = 64  # programs in one sandbox: their text is passed as one file

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
    codes: Sequence[str], *, seconds: float = PROGRAM_SECONDS, memory_mb: int = 512, mode: str = "auto"
) -> list[bool | None]:
    """For each program, whether it reached its end or exited with code 0. None where that is not known.

    A program that ends its process in another way, such as `os._exit`, has not passed: the exit code that stands for
    passed is drawn at random. It is not known of a program that did not end within `seconds`, or of all of them where
    one took the sandbox down. Raises SandboxMissing.
    """
    meaning = {"y": True, "n": False}
    results: list[bool | None] = []
    for start in range(0, len(codes), BATCH):
        batch = list(codes[start : start + BATCH])
        mark = secrets.token_hex(8)
        passed = 2 + secrets.randbelow(250)
        program = PROGRAM.format(codes=json.dumps(batch), each=seconds, mark=mark, passed=passed)
        ran = run_python(program, seconds=seconds * len(batch) + 10, memory_mb=memory_mb, mode=mode)
        verdicts = ran.stdout.rpartition(mark)[2].strip() if mark in ran.stdout else ""
        results += (
            [meaning.get(verdict) for verdict in verdicts] if len(verdicts) == len(batch) else [None] * len(batch)
        )
    return results
