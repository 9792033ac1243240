"""A child process from start to death: its output, bounded, and its limits, enforced from outside."""

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

PAUSE = 0.05  # seconds between two looks at the children
SLOW = 1.0  # and between two looks at what takes longer
GRACE = 5.0  # seconds that the kernel may take to clear a killed namespace


@dataclass(frozen=True, slots=True)
class Seen:
    """What came out, and why the child was killed, if it was."""

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
    also: Callable[[], str] = lambda: "",
) -> Seen:
    """Read both pipes until the child ends, and kill it with its group at the first limit it passes.

    `seconds` is wall time, `output` the bytes kept of each pipe, `processes` and `memory` (bytes, private
    pages) count the child and all below it. `also` is asked once a second and says what else is too much,
    or nothing. `init` is a pidfd of the first process of the child's process
    namespace, closed here. On return, also by an exception, the child's group and that namespace are dead.
    """
    assert process.stdout and process.stderr
    kept = {process.stdout: Kept(output), process.stderr: Kept(output)}
    deadline = time.monotonic() + seconds
    killed = ""
    try:
        with selectors.DefaultSelector() as selector:
            for pipe in kept:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            look, slow = 0.0, time.monotonic() + SLOW
            while process.poll() is None:
                now = time.monotonic()
                if now >= look:
                    killed = _over(process.pid, processes, memory)
                    look = time.monotonic() + PAUSE
                if now >= slow:
                    killed = killed or also()
                    slow = time.monotonic() + SLOW
                if now >= deadline:
                    killed = f"still running after {seconds:g} s"
                if killed:
                    break
                for key, _ in selector.select(min(PAUSE, deadline - now)):
                    if not _drain(key.fileobj, kept[key.fileobj]):  # type: ignore[index, arg-type]
                        selector.unregister(key.fileobj)
    finally:
        _kill(process, init)
    for pipe, store in kept.items():  # what was still in the pipes
        _drain(pipe, store)
        pipe.close()
    out, err = (store.text() for store in kept.values())
    return Seen(out, err, killed, killed.startswith("still running"))


class Kept:
    """The first and the last half of `limit` bytes of a stream: errors stand at the end."""

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


def _drain(pipe: IO[bytes], store: Kept, most: int = 2**20) -> bool:
    """Takes what is there, `most` bytes at a time so that a flood cannot hold the loop; False at the end."""
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
    """The child's whole group and its namespace, whether they still live or not."""
    try:
        if init is not None:
            signal.pidfd_send_signal(init, signal.SIGKILL)
    except ProcessLookupError:
        pass  # ended by itself
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # nobody is left (macOS says so in the second way)
        pass
    process.wait()
    if init is not None:  # the kernel ends a namespace's first process after all the others
        select.select([init], [], [], GRACE)
        os.close(init)


def _over(pid: int, processes: int, memory: int) -> str:
    """Which limit the tree below `pid` passes, or nothing; also nothing where there is no /proc."""
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
