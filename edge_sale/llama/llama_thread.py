"""The one thread on which this process calls llama.cpp, and how to stop what runs on it.

All engines share the thread. OpenMP keeps a team of threads for every thread that calls it. With more threads
than cores its barriers, a thousand per token, sleep instead of spinning: after one embedding on a thread of its
own, decoding was five times slower.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any, TypeVar

from edge_sale.errors import Cancelled, EngineError, TimedOut
from edge_sale.llama.abort import Abort

T = TypeVar("T")

GRACE = 0.5  # seconds that a decode may run beyond its limit before it is stopped


class LlamaThread:
    """Runs work one call at a time, while the caller waits where ^C can reach it."""

    def __init__(self) -> None:
        self.abort = Abort()  # attached to every context on which the work decodes
        self._turn = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama.cpp")

    def do(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """The result of `work`. ^C stops the work and is then raised.

        The work is expected to end at its own deadline of `seconds`. A decode that runs longer is stopped, and
        raises TimedOut within the work.
        """
        with self._turn:  # one caller at a time, so that a stop never hits the work of another
            self.abort.clear()
            future: Future[T] = self._executor.submit(work)
            try:
                return future.result(None if seconds is None else seconds + GRACE)
            except TimeoutError:
                self._stop(future, TimedOut(f"not finished after {seconds:.0f} s"))
                return future.result()
            except BaseException:
                self._stop(future, Cancelled("stopped"))
                raise

    def _stop(self, future: Future[Any], reason: EngineError) -> None:
        if not future.cancel() and not future.done():
            self.abort.set(reason)
            wait([future])
            self.abort.clear()


@cache
def llama_thread() -> LlamaThread:
    """The thread of this process."""
    return LlamaThread()
