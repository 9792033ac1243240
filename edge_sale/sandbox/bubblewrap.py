"""Build the command line of bubblewrap, the Linux sandbox, and start programs in it so that nothing outlives them."""

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
from edge_sale.sandbox.child_process import Watched

FILE = 64 * 2**20  # bytes of one file, and of the sandbox's whole /tmp
PROCESSES = 64

# What programs need of a system. A path that does not exist is left out.
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

# Sets the limits and then becomes the program, so that this large, threaded process need not fork to set them.
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
class ProcessResult:
    """How a program ended. exit_code 128 + n means signal n. Long output lacks its middle, and says so."""

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool


def wrapping() -> list[str]:
    """The start of the command line, before what is bound. Raises SandboxMissing with the reason and the ways out."""
    wrap, reason = probe()
    if reason:
        raise SandboxMissing(
            f"no sandbox for code and commands: {reason}; install bubblewrap (apt-get install bubblewrap, "
            "dnf install bubblewrap; Linux only), or run them bare, at your own risk, with --sandbox none"
        )
    return list(wrap)


@functools.cache
def probe() -> tuple[tuple[str, ...], str]:
    """The start of a command line that works here, or the reason why none does. Tried once in a process."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return (), "bwrap is not on PATH"
    reason = ""
    # the options of bubblewrap 0.8 and later, of 0.7, and of older ones
    for extra in (["--disable-userns", "--size", str(FILE)], ["--size", str(FILE)], []):
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
    """Bind what the interpreter needs beyond the system's own folders."""
    needed = dict.fromkeys([sys.base_prefix, sys.base_exec_prefix, str(interpreter())])
    return [part for path in needed for part in ("--ro-bind-try", path, path)]


def environment(values: Mapping[str, str]) -> list[str]:
    return [part for name, value in values.items() for part in ("--setenv", name, value)]


def interpreter() -> Path:
    """The Python that this virtual environment was made from: it has the standard library and no packages."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def limited(program: Sequence[str], limits: Mapping[str, int]) -> list[str]:
    """The program's command line, run through LIMITER."""
    head = [str(interpreter()), "-I", "-S", "-c", LIMITER, str(len(program))]
    return [*head, *program, *(f"{name}={value}" for name, value in limits.items())]


def limits(
    seconds: float, memory_mb: int, wrapped: bool, file: int = FILE, processes: int = PROCESSES
) -> dict[str, int]:
    """Resource limits by their names in Python's `resource` module."""
    found = {
        "RLIMIT_CPU": math.ceil(seconds) + 1,
        "RLIMIT_AS": memory_mb * 2**20,
        "RLIMIT_FSIZE": file,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 256,
    }
    # Outside a user namespace, and before Linux 5.14 inside one too, the kernel counts all of the user's processes, so
    # any limit would be wrong. The superuser's are never counted. In those cases `watch` counts.
    if wrapped and _kernel() >= (5, 14):
        found["RLIMIT_NPROC"] = processes
    return found


@contextmanager
def process_limit(processes: int, groups: Path = Path("/sys/fs/cgroup")) -> Iterator[list[str]]:
    """The start of a command line that runs in a control group with at most so many processes.

    It is for the superuser, whose processes RLIMIT_NPROC never counts and whose fork bomb is faster than any watcher.
    Empty for other users, and where no control group can be made; then only `watch` counts.
    """
    group: Path | None = None
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        for parent in (groups / "pids", groups):
            made = parent / f"edge-sale-{secrets.token_hex(6)}"
            try:
                made.mkdir()
            except OSError:
                continue
            try:
                (made / "pids.max").write_text(f"{processes}\n")
                group = made
                break
            except OSError:
                made.rmdir()
    try:
        enter = 'echo 0 > "$0" && exec "$@"'
        yield ["/bin/sh", "-c", enter, str(group / "cgroup.procs")] if group else []
    finally:
        for _ in range(100 if group else 0):
            try:
                group.rmdir()  # type: ignore[union-attr]
                break
            except OSError:  # the kernel is still ending a process in it
                time.sleep(0.02)


def start(
    command: list[str],
    folder: str,
    tell: bool,
    environment: Mapping[str, str] | None = None,
    head: Sequence[str] = (),
) -> tuple[subprocess.Popen[bytes], int | None]:
    """Start the program. With `tell`, bubblewrap gives a pidfd of the first process in its namespace, too."""
    home = {"PATH": os.defpath, "HOME": folder, "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as answer:
        try:
            if tell:
                command = [command[0], "--info-fd", str(write_end), *command[1:]]
            process = subprocess.Popen(
                [*head, *command],
                cwd=folder,
                env={**home, **(environment or {})},
                start_new_session=True,
                pass_fds=[write_end] if tell else [],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        finally:
            os.close(write_end)
        if not tell:
            return process, None
        try:
            return process, os.pidfd_open(json.loads(answer.read())["child-pid"])
        except (ValueError, OSError):  # it has ended already, or Linux is older than 5.3
            return process, None


def result_of(code: int, watched: Watched) -> ProcessResult:
    """The result of a program that ended with `code` and was watched."""
    if code < 0:
        code = 128 - code
    if watched.killed:  # whatever code bubblewrap made of the signal
        code = 128 + signal.SIGKILL
    note = f"\n[killed: {watched.killed}]" if watched.killed else ""
    return ProcessResult(code, watched.stdout, watched.stderr + note, watched.timed_out)


def _kernel() -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", platform.release())[:2])
