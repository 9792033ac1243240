"""Chat templates, which are code from a stranger, rendered in a child process within a second.

Covered: the child has jinja2's immutable sandbox, no environment variables, bounded memory
and time, and is killed when it does not answer in time; this process never parses a template
itself (jinja2 works out constants while it parses). Not covered: a flaw in jinja2's sandbox,
through which the child could do what the user can do.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from edge_sale.errors import EngineError

SECONDS = 1.0  # for one template, wall time
START = 20.0  # for the child to come up, on a machine that is busy


class TemplateFailed(EngineError):
    """Why a template gives nothing."""


class Renderer:
    """The child process, started when it is first asked, and again after it had to be killed."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def render(self, template: str, values: Mapping[str, Any] | None) -> str:
        """What the template makes of the values; with None it is only parsed. Raises TemplateFailed."""
        line = json.dumps({"template": template, "values": values}).encode() + b"\n"
        with self._turn:
            said = self._exchange(line, SECONDS)
        if "error" in said:
            raise TemplateFailed(str(said["error"]))
        return str(said["text"])

    def close(self) -> None:
        """Ends the child."""
        if self._child:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe:
                    pipe.close()
            self._child = None

    def _exchange(self, line: bytes, seconds: float) -> dict[str, Any]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._start()
        child = self._child
        assert child and child.stdin and child.stdout
        try:
            child.stdin.write(line)
            child.stdin.flush()
            data = self._line(child.stdout.fileno(), time.monotonic() + seconds)
            said: dict[str, Any] = json.loads(data)
        except TimeoutError:
            self.close()
            raise TemplateFailed(f"it was stopped after {seconds:g} s") from None
        except (OSError, ValueError) as error:
            self.close()
            raise TemplateFailed("it ended the process that rendered it") from error
        return said

    def _start(self) -> None:
        program = Path(__file__).with_name("render_child.py")
        self._child = subprocess.Popen(  # our own program; nothing of the user's is in its environment
            [sys.executable, "-I", "-S", str(program), json.dumps(sys.path)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd=os.sep, start_new_session=True,
        )  # fmt: skip
        self._exchange(json.dumps({"template": "", "values": None}).encode() + b"\n", START)

    @staticmethod
    def _line(pipe: int, deadline: float) -> bytes:
        data = b""
        while not data.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            got = os.read(pipe, 1 << 16)
            if not got:
                raise ValueError("the child is gone")
            data += got
        return data


@cache
def renderer() -> Renderer:
    """The renderer of this process; its child ends with it."""
    made = Renderer()
    atexit.register(made.close)
    return made
