"""Watch a child process until it ends: keep its output, limited, and kill it where it exceeds a limit."""

from __future__ import annotations

import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PAUSE = 0.05  # seconds between two checks of processes and memory
SLOW = 1.0  # seconds between two checks that take longer
GRACE = 5.0  # seconds that the kernel may take to clear a killed namespace


@dataclass(frozen=True, slots=True)
class Watched:
    """What the child printed, and why it was killed, if it was."""

    stdout: str
    stderr: str
    killed: str = ""
    timed_out: bool = False


def watch(
    process: subprocess.Popen[bytes],
    *,
    seconds: float,
    output: int,
    processes: int,
    memory: int,
    init: int | None = None,
    extra_check: Callable[[], str] = lambda: "",
) -> Watched:
    """Read both pipes until the child ends, and kill it with its group at the first limit it exceeds.

    `seconds` is wall time. `output` is how many bytes are kept of each pipe. `processes` and `memory` (bytes of private
    pages) count the child and everything below it. `extra_check` is called once a second and says what else is too
    much, or returns an empty text. `init` is a pidfd of the first process of the child's process namespace, closed
    here. On return, also by an exception, the child's group and that namespace are dead.
    """
    assert process.stdout and process.stderr
    outputs = {process.stdout: HeadAndTail(output), process.stderr: HeadAndTail(output)}
    deadline = time.monotonic() + seconds
    killed = ""
    try:
        with selectors.DefaultSelector() as selector:
            for pipe in outputs:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            next_check, next_slow_check = 0.0, time.monotonic() + SLOW
            while process.poll() is None:
                now = time.monotonic()
                if now >= next_check:
                    killed = _over(process.pid, processes, memory)
                    next_check = time.monotonic() + PAUSE
                if now >= next_slow_check:
                    killed = killed or extra_check()
                    next_slow_check = time.monotonic() + SLOW
                if now >= deadline:
                    killed = f"still running after {seconds:g} s"
                if killed:
                    break
                for key, _ in selector.select(min(PAUSE, deadline - now)):
                    if not _drain(key.fileobj, outputs[key.fileobj]):  # type: ignore[index, arg-type]
                        selector.unregister(key.fileobj)
    finally:
        _kill(process, init)
    for pipe, store in outputs.items():  # what is left in the pipes
        _drain(pipe, store)
        pipe.close()
    out, err = (store.text() for store in outputs.values())
    return Watched(out, err, killed, killed.startswith("still running"))


class HeadAndTail:
    """Keeps the first and the last half of `limit` bytes of a stream, since errors stand at the end."""

    def __init__(self, limit: int) -> None:
        self.half = limit // 2
        self.head, self.tail, self.lost = bytearray(), bytearray(), 0

    def add(self, data: bytes) -> None:
        room = self.half - len(self.head)
        self.head += data[:room]
        self.tail += data[room:]
        if (over := len(self.tail) - self.half) > 0:
            del self.tail[:over]
            self.lost += over

    def text(self) -> str:
        gap = f"\n[{self.lost} bytes left out]\n".encode() if self.lost else b""
        return (bytes(self.head) + gap + bytes(self.tail)).decode("utf-8", errors="replace")


def _drain(pipe: IO[bytes], store: HeadAndTail, most: int = 2**20) -> bool:
    """Read what is there, at most `most` bytes so that a flood cannot hold the loop. False at the end of the stream."""
    taken = 0
    while taken < most:
        try:
            data = os.read(pipe.fileno(), 2**16)
        except BlockingIOError:
            return True
        if not data:
            return False
        store.add(data)
        taken += len(data)
    return True


def _kill(process: subprocess.Popen[bytes], init: int | None) -> None:
    """Kill the child's whole group and its namespace, whether they still live or not."""
    try:
        if init is not None:
            signal.pidfd_send_signal(init, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has ended by itself
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # no process is left; macOS reports it by the second error
        pass
    process.wait()
    if init is not None:  # the first process of a namespace ends after all the others
        select.select([init], [], [], GRACE)
        os.close(init)


def _over(pid: int, processes: int, memory: int) -> str:
    """Which limit the tree below `pid` exceeds. Empty where it exceeds none, or there is no /proc."""
    count, total = 0, 0
    for below in _tree(pid):
        count += 1
        try:
            _, resident, shared = Path(f"/proc/{below}/statm").read_text().split()[:3]
        except (OSError, ValueError):  # ended meanwhile
            continue
        total += (int(resident) - int(shared)) * _page()
        if count > processes:
            return f"more than {processes} processes"
        if total > memory:
            return f"more than {memory // 2**20} MB of memory"
    return ""


def _tree(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        yield parent
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                waiting.extend(int(child) for child in (task / "children").read_text().split())
        except OSError:  # ended meanwhile, or not Linux
            continue


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")
