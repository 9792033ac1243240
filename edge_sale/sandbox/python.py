"""Python from a model, run in bubblewrap, or bare where the user asked for that.

Covered with bubblewrap: no network, not even this machine's own; of the file system only the system's
programs and the interpreter, read-only, so neither the home folder nor any document can be read; writing
only to /tmp and /dev/shm, which are in memory, small and gone afterwards; no environment variables, no
capabilities, no sight of other processes. Time, memory, processes, file size and output are bounded, and
everything that was started is dead when `run_python` returns.

Not covered: flaws in the kernel or in bubblewrap (there is no system call filter); timing side channels;
what the code prints, which the caller must treat as untrusted. Memory and the number of processes are also
watched from outside, 20 times a second: a burst can pass the mark for that long. Before bubblewrap 0.7
the size of /tmp is bounded by the kernel's default alone.

Mode "none" limits time, memory a process and file size, and nothing else: the code can read what the user
can read, write where the user can write, reach the network, and leave processes behind that have made a
session of their own.
"""

from __future__ import annotations

import functools
import json
import math
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge_sale.errors import SandboxMissing
from edge_sale.sandbox.watch import Seen, watch

OUTPUT = 64 * 1024  # bytes kept of each of stdout and stderr
FILE = 64 * 2**20  # bytes in one file, and in all of the sandbox's /tmp
PROCESSES = 64

# What an interpreter needs of a system, and no more; each is left out where it does not exist.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store",
    "/home/linuxbrew/.linuxbrew", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime",
)  # fmt: skip

# Runs first and becomes the program: limits set here cost no fork of this (large, threaded) process.
LIMITER = """
import os, resource as r, sys
python, file, *limits = sys.argv[1:]
for limit in limits:
    name, _, value = limit.partition("=")
    try:
        hard = r.getrlimit(getattr(r, name))[1]
        value = int(value) if hard == r.RLIM_INFINITY else min(int(value), hard)
        r.setrlimit(getattr(r, name), (value, value))
    except (ValueError, OSError):  # macOS does not take RLIMIT_AS
        pass
os.execv(python, [python, "-I", "-B", file])
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How the code ended; exit_code 128 + n is signal n. Long output lacks its middle, and says so."""

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool


def run_python(code: str, *, seconds: float = 10, memory_mb: int = 512, mode: str = "auto") -> Ran:
    """What `code` did as a program of its own, with the standard library, within `seconds` of wall time.

    `mode` is a setting of the user's: "auto" and "bwrap" run in bubblewrap or raise SandboxMissing,
    "none" runs bare. Any failure of the code itself is in the result, never raised.
    """
    if mode not in ("auto", "bwrap", "none"):
        raise ValueError(f"sandbox mode is auto, bwrap or none, not {mode!r}")
    wrap = [] if mode == "none" else _bubblewrap()
    with tempfile.TemporaryDirectory(prefix="edge-sale-") as folder:
        file = Path(folder, "main.py")
        file.write_text(code, encoding="utf-8", errors="surrogatepass")
        if wrap:
            wrap = [*wrap, "--ro-bind", str(file), "/tmp/main.py", "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108 - the sandbox's own
        python = str(_interpreter())
        command = [*wrap, python, "-I", "-S", "-c", LIMITER, python, "main.py"]
        command += [f"{name}={value}" for name, value in _limits(seconds, memory_mb, bool(wrap)).items()]
        process, init = _start(command, folder, tell=bool(wrap))
        most = PROCESSES + 3  # bubblewrap's own two, and the program
        seen = watch(
            process, seconds=seconds, output=OUTPUT, processes=most, memory=memory_mb * 2**20, init=init
        )
    return _ran(process.returncode, seen)


def level(mode: str = "auto") -> str:
    """What stands between a model's code and this machine in `mode`, in a line."""
    if mode == "none":
        return "none: limits on time and memory only"
    try:
        _bubblewrap()
    except SandboxMissing as missing:
        return f"missing: {missing}"
    return "bubblewrap: no network, no files of yours, limits on time and memory"


def _start(command: list[str], folder: str, tell: bool) -> tuple[subprocess.Popen[bytes], int | None]:
    """The program, started, and where bubblewrap can `tell`, a pidfd of its namespace's first process."""
    environment = {"PATH": os.defpath, "HOME": folder, "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    heard, told = os.pipe()
    with os.fdopen(heard, "rb") as answer:
        try:
            if tell:
                command = [command[0], "--info-fd", str(told), *command[1:]]
            process = subprocess.Popen(
                command, cwd=folder, env=environment, start_new_session=True, pass_fds=[told] if tell else [],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        finally:
            os.close(told)
        if not tell:
            return process, None
        try:
            return process, os.pidfd_open(json.loads(answer.read())["child-pid"])
        except (ValueError, OSError):  # over already, or Linux before 5.3
            return process, None


def _ran(code: int, seen: Seen) -> Ran:
    if code < 0:
        code = 128 - code
    if seen.killed:  # whatever the signal looked like through bubblewrap
        code = 128 + signal.SIGKILL
    note = f"\n[killed: {seen.killed}]" if seen.killed else ""
    return Ran(code, seen.stdout, seen.stderr + note, seen.timed_out)


def _limits(seconds: float, memory_mb: int, wrapped: bool) -> dict[str, int]:
    limits = {
        "RLIMIT_CPU": math.ceil(seconds) + 1,
        "RLIMIT_AS": memory_mb * 2**20,
        "RLIMIT_FSIZE": FILE,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 256,
    }
    # Outside a user namespace, and before Linux 5.14 in one too, the kernel counts all of the user's
    # processes, so any limit would be wrong; the superuser is never counted. `watch` counts for those.
    if wrapped and _kernel() >= (5, 14):
        limits["RLIMIT_NPROC"] = PROCESSES
    return limits


def _kernel() -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", platform.release())[:2])


def _interpreter() -> Path:
    """The Python that this virtual environment was made of: the standard library, nobody's packages."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _bubblewrap() -> list[str]:
    """The command line up to the program; raises SandboxMissing with the reason and the ways out."""
    wrap, reason = _probe()
    if reason:
        raise SandboxMissing(
            f"no sandbox for Python code: {reason}; install bubblewrap (apt-get install bubblewrap, "
            "dnf install bubblewrap; Linux only), or run code bare, at your own risk, with --sandbox none"
        )
    return list(wrap)


@functools.cache
def _probe() -> tuple[tuple[str, ...], str]:
    """The wrapping that works here and no reason, or no wrapping and the reason; tried once a process."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return (), "bwrap is not on PATH"
    reason = ""
    for size in (["--size", str(FILE)], []):  # bubblewrap before 0.7 knows no --size
        wrap = _wrap(bwrap, size)
        try:
            done = subprocess.run(
                [*wrap, "--remount-ro", "/", str(_interpreter()), "-I", "-c", "import resource"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, env={},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return (), f"bwrap does not run: {error}"
        if done.returncode == 0:
            return tuple(wrap), ""
        reason = reason or " ".join(done.stderr.split())[:200] or f"bwrap ends with {done.returncode}"
    return (), reason


def _wrap(bwrap: str, size: list[str]) -> list[str]:
    python = _interpreter()
    seen = dict.fromkeys([*SYSTEM, sys.base_prefix, sys.base_exec_prefix, str(python)])
    binds = [part for path in seen for part in ("--ro-bind-try", path, path)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}  # noqa: S108
    return [
        bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--hostname", "sandbox", "--clearenv",
        *[part for name, value in environment.items() for part in ("--setenv", name, value)],
        *binds,
        "--proc", "/proc", "--remount-ro", "/proc",  # the superuser could write to /proc/sys
        "--dev", "/dev", *size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev",  # noqa: S108
        *size, "--tmpfs", "/tmp",  # noqa: S108
    ]  # fmt: skip
