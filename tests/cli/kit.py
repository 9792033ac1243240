"""Runs the program as users do: in a process and a home folder of its own."""

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
SCRIPTED = [sys.executable, "-m", "tests.cli.scripted_child"]  # the same program with a scripted agent

# On one thread, since the machine may be busy. The bundled pool, for which nothing has to be pulled.
CONFIG = """
pool = "bundled"
threads = 1
[auction]
bid_seconds = 300
"""
# The starter pool, for tests marked `models`. Plans and answers are short, since these tests are about the commands.
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
    """A home folder with these settings and no models."""
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
    """The program's exit code, stdout and stderr. No stream is a terminal."""
    done = subprocess.run(
        [*program, *args], input=stdin, capture_output=True, timeout=seconds, env=environment(home, **changes)
    )
    err = done.stderr.decode(errors="replace")
    return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), err)


def shell(home: Path, script: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """The result of a bash script in which `edge-sale` is the program."""
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
    """Start the program and leave it running."""
    return subprocess.Popen(
        [*program, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home, **changes),
    )


def wait_for(text: str, file: Path, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Wait until `file` contains `text`. Fails if the process ends first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if file.exists() and text in file.read_text(encoding="utf-8", errors="replace"):
            return
        assert process.poll() is None, f"it ended before {text!r}: {process.stderr and process.stderr.read()}"
        time.sleep(0.02)
    raise AssertionError(f"no {text!r} in {file} after {seconds} s")


def only_document(text: str) -> Any:
    """The one JSON document in `text`. Fails if there is any other text."""
    document, end = json.JSONDecoder().raw_decode(text)
    assert text[end:] == "\n"
    return document


def history(home: Path) -> Sequence[dict[str, Any]]:
    rows: list[dict[str, Any]] = only_document(edge(home, "history", "--json").stdout)
    return rows


class Sold(NamedTuple):
    """A recorded `run --json --trace` that several tests read."""

    home: Path
    done: subprocess.CompletedProcess[str]
    document: dict[str, Any]
    trace: Path


def sell(home: Path, task: str) -> Sold:
    """Run a task in this home, with the memory and a trace."""
    trace = home / "t.jsonl"
    done = edge(home, "run", task, "--seed", "7", "--json", "--trace", str(trace), seconds=400)
    return Sold(home, done, only_document(done.stdout), trace)


def told(document: dict[str, Any]) -> dict[str, Any]:
    """A run's JSON document without its ids and times."""
    cost = {part: (c["tokens_in"], c["tokens_out"]) for part, c in document["cost"].items()}
    usage = {**document["usage"], "seconds": 0}
    return {**document, "id": "", "cost": cost, "usage": usage, "task": {**document["task"], "id": ""}}
