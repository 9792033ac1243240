"""Running the program as its users do: as a process of its own, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

EDGE_SALE = [sys.executable, "-m", "edge_sale"]
SCRIPTED = [sys.executable, "-m", "tests.cli.scripted_child"]  # the same with an agent that does what EDIT says

# On one thread, for machines with other work. The pool that comes with edge-sale: nothing has to be pulled for it.
CONFIG = """
pool = "bundled"
threads = 1
[auction]
bid_seconds = 300
"""
# the starter's models, for tests marked `models`: short plans and answers, since the command line is what is tested
STARTER = """
pool = "starter"
threads = 1
[auction]
plan_tokens = 32
bid_seconds = 300
[work]
max_tokens = 48
"""


def new_home(folder: Path, config: str = CONFIG) -> Path:
    """A home with these settings, and no models of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config, encoding="utf-8")
    return folder


def environment(home: Path, **changes: str) -> dict[str, str]:
    return {**os.environ, "EDGE_SALE_HOME": str(home), **changes}


def edge(
    home: Path,
    *args: str,
    stdin: bytes = b"",
    seconds: float = 180,
    program: Sequence[str] = EDGE_SALE,
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """The program's exit code, stdout and stderr, with nothing of it on a terminal."""
    done = subprocess.run(
        [*program, *args], input=stdin, capture_output=True, timeout=seconds, env=environment(home, **changes)
    )
    err = done.stderr.decode(errors="replace")
    return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), err)


def shell(home: Path, script: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """The same through bash, where `edge-sale` is the program."""
    script = f'edge-sale() {{ "{sys.executable}" -m edge_sale "$@"; }}\n{script}'
    return subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=seconds,
        env=environment(home),
        stdin=subprocess.DEVNULL,
    )


def start(home: Path, *args: str, program: Sequence[str] = EDGE_SALE, **changes: str) -> subprocess.Popen[bytes]:
    """The program, started and left running."""
    return subprocess.Popen(
        [*program, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home, **changes),
    )


def wait_for(text: str, file: Path, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Returns once `file` holds `text`; fails when the process ends first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if file.exists() and text in file.read_text(encoding="utf-8", errors="replace"):
            return
        assert process.poll() is None, f"it ended before {text!r}: {process.stderr and process.stderr.read()}"
        time.sleep(0.02)
    raise AssertionError(f"no {text!r} in {file} after {seconds} s")


def only_document(text: str) -> Any:
    """The one JSON document that `text` is; fails where there is anything beside it."""
    document, end = json.JSONDecoder().raw_decode(text)
    assert text[end:] == "\n"
    return document


def history(home: Path) -> Sequence[dict[str, Any]]:
    rows: list[dict[str, Any]] = only_document(edge(home, "history", "--json").stdout)
    return rows


class Sold(NamedTuple):
    """One recorded `run --json --trace`, which several tests look at."""

    home: Path
    done: subprocess.CompletedProcess[str]
    document: dict[str, Any]
    trace: Path


def sell(home: Path, task: str) -> Sold:
    """Sells a task in this home, recorded and traced."""
    trace = home / "t.jsonl"
    done = edge(home, "run", task, "--seed", "7", "--json", "--trace", str(trace), seconds=400)
    return Sold(home, done, only_document(done.stdout), trace)


def told(document: dict[str, Any]) -> dict[str, Any]:
    """What a sale says but for its ids and the time it took."""
    cost = {part: (c["tokens_in"], c["tokens_out"]) for part, c in document["cost"].items()}
    usage = {**document["usage"], "seconds": 0}
    return {**document, "id": "", "cost": cost, "usage": usage, "task": {**document["task"], "id": ""}}
