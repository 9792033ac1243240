"""bubblewrap as this machine has it: probed once, started so that nothing outlives it."""

from __future__ import annotations

import functools
import json
import math
import os
import platform
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_sale.errors import SandboxMissing
from edge_sale.sandbox.child_process import Seen

FILE = 64 * 2**20  # bytes in one file, and in all of the sandbox's /tmp
PROCESSES = 64

# What programs need of a system, and no more; each is left out where it does not exist.
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/home/linuxbrew/.linuxbrew",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
)

# Runs first and becomes the program: limits set here cost no fork of this (large, threaded) process.
LIMITER = """
import os, resource as r, sys
count = int(sys.argv[1])
program, limits = sys.argv[2 : 2 + count], sys.argv[2 + count :]
for limit in limits:
    name, _, value = limit.partition("=")
    try:
        hard = r.getrlimit(getattr(r, name))[1]
        value = int(value) if hard == r.RLIM_INFINITY else min(int(value), hard)
        r.setrlimit(getattr(r, name), (value, value))
    except (ValueError, OSError):  # macOS does not take RLIMIT_AS
        pass
os.execv(program[0], program)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended; exit_code 128 + n is signal n. Long output lacks its middle, and says so."""

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool


def wrapping() -> list[str]:
    """The command line up to what is bound; raises SandboxMissing with the reason and the ways out."""
    wrap, reason = probe()
    if reason:
        raise SandboxMissing(
            f"no sandbox for code and commands: {reason}; install bubblewrap (apt-get install bubblewrap, "
            "dnf install bubblewrap; Linux only), or run them bare, at your own risk, with --sandbox none"
        )
    return list(wrap)


@functools.cache
def probe() -> tuple[tuple[str, ...], str]:
    """The wrapping that works here and no reason, or no wrapping and the reason; tried once a process."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return (), "bwrap is not on PATH"
    reason = ""
    for extra in (["--disable-userns", "--size", str(FILE)], ["--size", str(FILE)], []):  # before 0.8, before 0.7
        wrap = _wrap(bwrap, extra)
        try:
            done = subprocess.run(
                [*wrap, *python_binds(), "--remount-ro", "/", str(interpreter()), "-I", "-c", "import resource"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=20,
                env={},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return (), f"bwrap does not run: {error}"
        if done.returncode == 0:
            return tuple(wrap), ""
        reason = reason if "nknown option" in done.stderr else " ".join(done.stderr.split())[:200]
    return (), reason or f"bwrap ends with {done.returncode}"


def _wrap(bwrap: str, extra: list[str]) -> list[str]:
    users = ["--unshare-user", "--disable-userns"] if "--disable-userns" in extra else []
    size = extra[extra.index("--size") :] if "--size" in extra else []
    return [
        bwrap,
        "--unshare-all",
        *users,
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--hostname",
        "sandbox",
        "--clearenv",
        *[part for path in SYSTEM for part in ("--ro-bind-try", path, path)],
        "--proc",
        "/proc",
        "--remount-ro",
        "/proc",  # the superuser could write to /proc/sys
        "--dev",
        "/dev",
        *size,
        "--tmpfs",
        "/dev/shm",  # noqa: S108
        "--remount-ro",
        "/dev",
        *size,
        "--tmpfs",
        "/tmp",  # noqa: S108
    ]


def python_binds() -> list[str]:
    """What the interpreter needs beyond the system's own folders."""
    seen = dict.fromkeys([sys.base_prefix, sys.base_exec_prefix, str(interpreter())])
    return [part for path in seen for part in ("--ro-bind-try", path, path)]


def environment(values: Mapping[str, str]) -> list[str]:
    return [part for name, value in values.items() for part in ("--setenv", name, value)]


def interpreter() -> Path:
    """The Python that this virtual environment was made of: the standard library, nobody's packages."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def limited(program: Sequence[str], limits: Mapping[str, int]) -> list[str]:
    """The program's command line behind the one that sets its limits."""
    head = [str(interpreter()), "-I", "-S", "-c", LIMITER, str(len(program))]
    return [*head, *program, *(f"{name}={value}" for name, value in limits.items())]


def limits(
    seconds: float, memory_mb: int, wrapped: bool, file: int = FILE, processes: int = PROCESSES
) -> dict[str, int]:
    """Resource limits by their names in Python's `resource`."""
    found = {
        "RLIMIT_CPU": math.ceil(seconds) + 1,
        "RLIMIT_AS": memory_mb * 2**20,
        "RLIMIT_FSIZE": file,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 256,
    }
    # Outside a user namespace, and before Linux 5.14 in one too, the kernel counts all of the user's
    # processes, so any limit would be wrong; the superuser is never counted. `watch` counts for those.
    if wrapped and _kernel() >= (5, 14):
        found["RLIMIT_NPROC"] = processes
    return found


@contextmanager
def counted(processes: int, groups: Path = Path("/sys/fs/cgroup")) -> Iterator[list[str]]:
    """The beginning of a command line that holds all that is started to so many processes, in a control group.

    For the superuser, whom RLIMIT_NPROC never counts: a fork bomb of his is faster than any watcher. Empty for
    others, and where no control group can be made; then `watch` alone counts.
    """
    place: Path | None = None
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        for parent in (groups / "pids", groups):
            made = parent / f"edge-sale-{secrets.token_hex(6)}"
            try:
                made.mkdir()
            except OSError:
                continue
            try:
                (made / "pids.max").write_text(f"{processes}\n")
                place = made
                break
            except OSError:
                made.rmdir()
    try:
        enter = 'echo 0 > "$0" && exec "$@"'
        yield ["/bin/sh", "-c", enter, str(place / "cgroup.procs")] if place else []
    finally:
        for _ in range(100 if place else 0):
            try:
                place.rmdir()  # type: ignore[union-attr]
                break
            except OSError:  # somebody in it is still being buried
                time.sleep(0.02)


def start(
    command: list[str],
    folder: str,
    tell: bool,
    environment: Mapping[str, str] | None = None,
    head: Sequence[str] = (),
) -> tuple[subprocess.Popen[bytes], int | None]:
    """The program, started, and where bubblewrap can `tell`, a pidfd of its namespace's first process."""
    home = {"PATH": os.defpath, "HOME": folder, "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    heard, told = os.pipe()
    with os.fdopen(heard, "rb") as answer:
        try:
            if tell:
                command = [command[0], "--info-fd", str(told), *command[1:]]
            process = subprocess.Popen(
                [*head, *command],
                cwd=folder,
                env={**home, **(environment or {})},
                start_new_session=True,
                pass_fds=[told] if tell else [],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        finally:
            os.close(told)
        if not tell:
            return process, None
        try:
            return process, os.pidfd_open(json.loads(answer.read())["child-pid"])
        except (ValueError, OSError):  # over already, or Linux before 5.3
            return process, None


def ended(code: int, seen: Seen) -> Ran:
    """What came of a program that ended with `code` and was watched."""
    if code < 0:
        code = 128 - code
    if seen.killed:  # whatever the signal looked like through bubblewrap
        code = 128 + signal.SIGKILL
    note = f"\n[killed: {seen.killed}]" if seen.killed else ""
    return Ran(code, seen.stdout, seen.stderr + note, seen.timed_out)


def _kernel() -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", platform.release())[:2])
