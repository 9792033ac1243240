"""Run Python that a model wrote, in bubblewrap, or bare where the user asked for that.

Covered with bubblewrap:

- There is no network, not even this machine's own.
- Of the file system, the code sees only the system's programs and the interpreter, read-only. It can read neither the
  home folder nor any document.
- It can write only to /tmp and /dev/shm, which are in memory, small and gone afterwards.
- It has no environment variables and no capabilities, and sees no other process.
- Time, memory, processes, file size and output are limited. Everything that was started is dead when `run_python`
  returns.

Not covered: flaws in the kernel or in bubblewrap (there is no system call filter); timing side channels; what the code
prints, which the caller must treat as untrusted. Memory and the number of processes are also watched from outside, 20
times a second; for that long a burst can exceed the limit. Before bubblewrap 0.7 only the kernel's default limits the
size of /tmp; before 0.8 code can make user namespaces of its own.

Mode "none" limits time, memory of a process and file size, and nothing else: the code can read what the user can read,
write where the user can write, reach the network, and leave processes behind that have made a session of their own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from edge_sale.errors import SandboxMissing
from edge_sale.sandbox import bubblewrap
from edge_sale.sandbox.bubblewrap import PROCESSES, ProcessResult
from edge_sale.sandbox.child_process import watch

MODES = ("auto", "bwrap", "none")
OUTPUT = 64 * 1024  # bytes kept of each of stdout and stderr
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}  # noqa: S108


def run_python(code: str, *, seconds: float = 10, memory_mb: int = 512, mode: str = "auto") -> ProcessResult:
    """Run `code` as a program of its own, with the standard library, for at most `seconds` of wall time.

    `mode` is a setting of the user's: "auto" and "bwrap" run in bubblewrap or raise SandboxMissing, "none" runs bare.
    Any failure of the code itself is in the result, never raised.
    """
    if mode not in MODES:
        raise ValueError(f"sandbox mode is auto, bwrap or none, not {mode!r}")
    wrap = [] if mode == "none" else bubblewrap.wrapping()
    most = PROCESSES + 3  # bubblewrap's own two, and the program
    with tempfile.TemporaryDirectory(prefix="edge-sale-") as folder, bubblewrap.process_limit(most) as head:
        file = Path(folder, "main.py")
        file.write_text(code, encoding="utf-8", errors="surrogatepass")
        if wrap:
            wrap += [*bubblewrap.environment(ENVIRONMENT), *bubblewrap.python_binds()]
            wrap += ["--ro-bind", str(file), "/tmp/main.py", "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108 - the sandbox's own
        program = [str(bubblewrap.interpreter()), "-I", "-B", "main.py"]
        limits = bubblewrap.limits(seconds, memory_mb, bool(wrap))
        command = [*wrap, *bubblewrap.limited(program, limits)]
        process, init = bubblewrap.start(command, folder, tell=bool(wrap), head=head)
        watched = watch(process, seconds=seconds, output=OUTPUT, processes=most, memory=memory_mb * 2**20, init=init)
    return bubblewrap.result_of(process.returncode, watched)


def level(mode: str = "auto") -> str:
    """Say in one line what protects this machine from a model's code in `mode`."""
    if mode == "none":
        return "none: limits on time and memory only"
    try:
        bubblewrap.wrapping()
    except SandboxMissing as missing:
        return f"missing: {missing}"
    return "bubblewrap: no network, no files of yours, limits on time and memory"
