"""Stops a running decode of llama.cpp from another thread."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from typing import Any

import llama_cpp.llama_cpp as lib

from edge_sale.errors import EngineError


class Abort:
    """A flag that stops a running decode from any thread.

    llama.cpp calls its abort callback at every graph node. A Python callback would take the GIL a thousand
    times per token, so the callback is libc's `strlen` on two bytes of ours: an empty string means "go on", any
    other string means "stop".
    """

    def __init__(self) -> None:
        self._flag = ctypes.create_string_buffer(2)
        libc = ctypes.CDLL(ctypes.util.find_library("msvcrt") if sys.platform == "win32" else None)
        self._callback = ctypes.cast(libc.strlen, lib.ggml_abort_callback)
        self.reason = EngineError("stopped")

    def set(self, reason: EngineError) -> None:
        """Stop the running decode, which then raises `reason`."""
        self.reason = reason
        self._flag[0] = b"x"

    def clear(self) -> None:
        """Let later decodes run."""
        self._flag[0] = b"\0"

    def __bool__(self) -> bool:
        return self._flag[0] != b"\0"

    def attach(self, context: Any) -> None:
        """Make the flag stop the decodes of this context."""
        lib.llama_set_abort_callback(context, self._callback, ctypes.cast(self._flag, ctypes.c_void_p))
