"""The one thread on which this process's llama.cpp calls run, and how to stop what runs there.

One for all engines, not one each: OpenMP keeps a team of threads for every thread that calls
it, and with more threads than cores its barriers, a thousand a token, go to sleep instead of
spinning. After one embedding on a thread of its own, decoding was five times slower.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any, TypeVar

from edge_sale.errors import Cancelled, EngineError, TimedOut
from edge_sale.llama.native import Abort

T = TypeVar("T")

GRACE = 0.5  # seconds after which a decode that outlasts its limit is stopped


class LlamaThread:
    """Runs work one call at a time; the caller waits where ^C can reach it."""

    def __init__(self) -> None:
        self.abort = Abort()  # to be attached to every context that the work decodes on
        self._turn = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama.cpp")

    def do(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """The result of `work`; ^C here stops it there, then goes on up.

        Work ends by its own deadline; a decode that outlasts that is stopped too, and the work
        hears of it as TimedOut.
        """
        with self._turn:  # one caller at a time, so that a stop never hits another's work
            self.abort.clear()
            future: Future[T] = self._thread.submit(work)
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
    """The worker of this process."""
    return LlamaThread()
