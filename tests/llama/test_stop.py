"""Time limits and ^C, on the starter's real weights."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_sale.errors import TimedOut
from edge_sale.llama import drawing
from edge_sale.llama.engine import LlamaEngine
from edge_sale.types import Generate, Sampling
from tests.llama.kit import chat

pytestmark = pytest.mark.models

LONG = "word " * 3000
ENDLESS = Sampling(max_tokens=4000, grammar='root ::= "a"+')


def alive(engine: LlamaEngine) -> bool:
    """Whether the engine answers."""
    return engine.generate([Generate(chat("Hi."), Sampling(max_tokens=2))])[0][0].tokens == 2


@pytest.mark.parametrize("prompt", [LONG, "Hi."], ids=["while reading", "while writing"])
def test_a_time_limit_is_kept(engine: LlamaEngine, prompt: str):
    """What is not finished at its limit has failed within a second of it, and the engine goes on."""
    alive(engine)
    began = time.monotonic()
    reply = engine.generate([Generate(chat(prompt), ENDLESS)], seconds=0.3)[0]
    assert time.monotonic() - began < 1.3
    assert isinstance(reply, TimedOut)
    assert alive(engine)


def test_work_that_outlasts_its_limit_is_stopped_from_outside(engine: LlamaEngine):
    """A long decode that keeps the engine from seeing its limit is stopped, and the request has failed."""
    alive(engine)
    endless = [Generate(chat("Hi."), ENDLESS)]
    began = time.monotonic()
    reply = engine._thread.do(lambda: drawing.generate(engine._model, engine._context, endless, None), seconds=0.1)[0]
    assert time.monotonic() - began < 1.1
    assert isinstance(reply, TimedOut)
    assert alive(engine)


def test_what_was_finished_in_time_stands(engine: LlamaEngine):
    """Of one batch the short answer stands, and the endless one has timed out."""
    requests = [Generate(chat("Hi."), ENDLESS), Generate(chat("Hi."), Sampling(max_tokens=1))]
    late, reply = engine.generate(requests, seconds=2.0)
    assert isinstance(late, TimedOut)
    assert reply[0].tokens == 1


def test_a_stop_never_reaches_another_callers_work(engine: LlamaEngine):
    """A time-out of one thread's request leaves the answer that another thread is waiting for alone."""
    replies = []
    request = Generate(chat("Hi."), Sampling(max_tokens=60, grammar='root ::= "a"+'))
    others = [threading.Thread(target=lambda: replies.extend(engine.generate([request]))) for _ in range(2)]
    for thread in others:
        thread.start()
    late = engine.generate([Generate(chat(LONG), ENDLESS)], seconds=0.05)[0]
    for thread in others:
        thread.join()
    assert isinstance(late, TimedOut)
    assert [reply[0].tokens for reply in replies] == [60, 60]


WRITER = """
import sys
from pathlib import Path
from edge_sale.llama.engine import LlamaEngine
from edge_sale.types import Generate, Message, Prompt, Sampling
engine = LlamaEngine("m", Path(sys.argv[1]))
prompt = Prompt((Message("user", sys.argv[2]),))
print("loaded", flush=True)
try:
    engine.generate([Generate(prompt, Sampling(2000, grammar='root ::= "a"+'))])
except KeyboardInterrupt:
    print("stopped", flush=True)
    hi = Prompt((Message("user", "Hi."),))
    again = engine.generate([Generate(hi, Sampling(2))])[0][0].tokens
    sys.exit(130 if again == 2 else 1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
@pytest.mark.parametrize("prompt", [LONG, "Hi."], ids=["while reading", "while writing"])
def test_an_interrupt_stops_generation_within_a_second(weights: Path, prompt: str):
    """^C ends a long generation within a second, and the engine can be asked again."""
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(weights), prompt], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "loaded\n"
        time.sleep(0.4)
        assert child.poll() is None
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "stopped\n"
        assert time.monotonic() - began < 1.0
        assert child.wait(timeout=30) == 130
    finally:
        child.kill()
        child.wait()
