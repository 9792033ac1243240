"""Renders chat templates, which are untrusted code, in a child process within a second.

Covered: the child uses jinja2's immutable sandbox, has no environment variables, and its memory and time are
limited. It is killed if it does not answer in time. This process never parses a template itself, because jinja2
evaluates constants while it parses. Not covered: a flaw in jinja2's sandbox would let a template do, in the
child, everything that the user can do.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from edge_sale.errors import EngineError

SECONDS = 1.0  # wall time for one template
START = 20.0  # seconds for the child to start on a busy machine


class TemplateFailed(EngineError):
    """A template could not be parsed or rendered, for the reason in the message."""


class Renderer:
    """The child process. It is started with the first request, and again after it had to be killed."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._listener: threading.Thread | None = None
        self._turn = threading.Lock()

    def render(self, template: str, values: Mapping[str, Any] | None) -> str:
        """The template rendered with the values; with None it is only parsed. Raises TemplateFailed."""
        line = json.dumps({"template": template, "values": values}).encode() + b"\n"
        with self._turn:
            answer = self._exchange(line, SECONDS)
        if "error" in answer:
            raise TemplateFailed(str(answer["error"]))
        return str(answer["text"])

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.kill()
            self._child.wait()
            if self._listener:
                self._listener.join()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe:
                    pipe.close()
            self._child = None

    def _exchange(self, line: bytes, seconds: float) -> dict[str, Any]:
        """Send one line, and wait so many seconds for the answer."""
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._start()
        child = self._child
        assert child and child.stdin
        try:
            child.stdin.write(line)
            child.stdin.flush()
            answer: dict[str, Any] = json.loads(self._answers.get(timeout=seconds))
        except queue.Empty:
            self.close()
            raise TemplateFailed(f"it was stopped after {seconds:g} s") from None
        except (OSError, ValueError) as error:
            self.close()
            raise TemplateFailed("it ended the process that rendered it") from error
        except BaseException:  # after ^C, the late answer must not be taken for that of the next request
            self.close()
            raise
        return answer

    def _start(self) -> None:
        program = Path(__file__).with_name("render_child.py")
        self._child = subprocess.Popen(  # our own program, with an empty environment
            [sys.executable, "-I", "-S", str(program), json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd=os.sep,
            start_new_session=True,
        )
        assert self._child.stdout
        self._answers = queue.SimpleQueue()  # a new one, without late answers of an earlier child
        self._listener = threading.Thread(target=_listen, args=(self._child.stdout, self._answers), daemon=True)
        self._listener.start()
        self._exchange(json.dumps({"template": "", "values": None}).encode() + b"\n", START)


def _listen(pipe: IO[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    """Pass on the child's lines, and an empty line after the last."""
    for line in pipe:
        answers.put(line)
    answers.put(b"")


@cache
def renderer() -> Renderer:
    """The renderer of this process. Its child ends with the process."""
    made = Renderer()
    atexit.register(made.close)
    return made
