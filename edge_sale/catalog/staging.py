"""What a pull needs to work in its folder: a lock, enough disk, and several files at a time."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SPARE = 64 << 20  # bytes of disk that stay free; also what a package client may take beside the wheel
ABREAST = 4  # files at a time


@contextmanager
def alone(folder: Path, name: str, notice: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time pull a model; the others wait, then look again at what is there."""
    import filelock

    lock = filelock.FileLock(folder.with_name(f"{name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        notice(f"{name}: another process is pulling it; waiting")
        lock.acquire()
    try:
        folder.mkdir(parents=True, exist_ok=True)  # the other process may have removed it
        yield
    finally:
        lock.release()


def lacks_room(folder: Path, need: int) -> str:
    """Why the disk cannot hold `need` bytes and SPARE; empty where it can."""
    free, need = shutil.disk_usage(folder).free, need + SPARE
    return f"needs {need >> 20} MiB in {folder}, {free >> 20} MiB are free" if free < need else ""


def abreast(jobs: Sequence[Callable[[], None]], stop: threading.Event) -> None:
    """Run all jobs, ABREAST at a time, then raise the first failure, if any.

    ^C sets `stop` and is raised at once. The threads are not waited for then: they look at `stop` between two chunks,
    and the user should not have to wait for one that hangs on a silent server.
    """
    if len(jobs) == 1:
        return jobs[0]()
    pending: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    for job in jobs:
        pending.put(job)

    def work() -> None:
        while not stop.is_set():
            try:
                job = pending.get_nowait()
            except queue.Empty:
                return
            try:
                job()
                ended.put(None)
            except BaseException as error:
                ended.put(error)

    for _ in range(min(ABREAST, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    try:
        errors = [error for _ in jobs if (error := ended.get())]
    except BaseException:
        stop.set()
        raise
    if errors:
        raise errors[0]
    return None
