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
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from edge_sale.errors import EngineError

SECONDS = 1.0  # for one template, wall time
START = 20.0  # for the child to come up, on a machine that is busy


class TemplateFailed(EngineError):
    """Why a template gives nothing."""


class Renderer:
    """The child process, started when it is first asked, and again after it had to be killed."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._listener: threading.Thread | None = None
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
            if self._listener:
                self._listener.join()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe:
                    pipe.close()
            self._child = None

    def _exchange(self, line: bytes, seconds: float) -> dict[str, Any]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._start()
        child = self._child
        assert child and child.stdin
        try:
            child.stdin.write(line)
            child.stdin.flush()
            said: dict[str, Any] = json.loads(self._said.get(timeout=seconds))
        except queue.Empty:
            self.close()
            raise TemplateFailed(f"it was stopped after {seconds:g} s") from None
        except (OSError, ValueError) as error:
            self.close()
            raise TemplateFailed("it ended the process that rendered it") from error
        except BaseException:  # ^C: an answer that nobody waits for must not be taken for the next one's
            self.close()
            raise
        return said

    def _start(self) -> None:
        program = Path(__file__).with_name("render_child.py")
        self._child = subprocess.Popen(  # our own program; nothing of the user's is in its environment
            [sys.executable, "-I", "-S", str(program), json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd=os.sep,
            start_new_session=True,
        )
        assert self._child.stdout
        self._said = queue.SimpleQueue()  # what an earlier child had still to say is not heard
        self._listener = threading.Thread(target=_listen, args=(self._child.stdout, self._said), daemon=True)
        self._listener.start()
        self._exchange(json.dumps({"template": "", "values": None}).encode() + b"\n", START)


def _listen(pipe: IO[bytes], said: queue.SimpleQueue[bytes]) -> None:
    """Passes on what the child says, and an empty line when it says no more."""
    for line in pipe:
        said.put(line)
    said.put(b"")


@cache
def renderer() -> Renderer:
    """The renderer of this process; its child ends with it."""
    made = Renderer()
    atexit.register(made.close)
    return made
