"""Times `edge-sale run` as a user experiences it: whole processes, from the command to the end of the answer."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from edge_sale.auction.ledger import AUCTION
from edge_sale.environment import child_environment
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.report import Figure
from edge_sale.settings import load

TASKS = (  # similar, so that later runs find lessons to refine their bids with
    "Write a Python function that returns the sum of the squares of the even numbers in a list.",
    "Write a Python function that returns the sum of the cubes of the odd numbers in a list.",
    "Write a Python function that returns the product of the even numbers in a list.",
    "Write a Python function that counts the even numbers in a list.",
    "Write a Python function that returns the largest even number in a list.",
)


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds from the command to each stage, and the auction's share of the whole."""

    first_bid: float
    winner: float
    end: float
    auction: float
    token_share: float
    second_share: float
    peak_mb: float
    refined: bool


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Medians over `runs` runs of the starter pool, with memory, in a home folder of their own."""
    helps = [timed(["--help"])[0] for _ in range(runs + 2)][2:]
    with tempfile.TemporaryDirectory() as home:
        made = []
        for number in range(runs + 1):
            run = run_once(TASKS[number % len(TASKS)], number, Path(home))
            warm = "" if number else " (not counted: it warms the file cache)"
            tell(f"run {number}: winner after {run.winner:.1f} s, end after {run.end:.1f} s{warm}")
            made.append(run)
    counted = made[1:]

    def mid(name: str) -> float:
        return float(median(getattr(run, name) for run in counted))

    return [
        Figure("edge-sale --help", median(helps) * 1000, "ms", 150),
        Figure("command to first bid", mid("first_bid"), "s"),
        Figure("command to winner", mid("winner"), "s"),
        Figure("command to end of answer", mid("end"), "s"),
        Figure("the auction itself", mid("auction"), "s", 10),
        Figure("the auction itself, slowest run", max(run.auction for run in counted), "s"),
        Figure("auction share of tokens", mid("token_share") * 100, "%"),
        Figure("auction share of seconds", mid("second_share") * 100, "%"),
        Figure("runs with a refined bid", 100 * sum(run.refined for run in counted) / len(counted), "%"),
        Figure("peak memory", mid("peak_mb"), "MB"),
    ]


def run_once(task: str, seed: int, home: Path) -> Run:
    """One `edge-sale run`, read from its trace. Raises EdgeSaleError if it failed."""
    trace = home / f"{seed}.jsonl"
    environment = {"EDGE_SALE_HOME": str(home), "EDGE_SALE_MODELS": str(load().models_dir)}
    began = time.time()
    seconds, peak, code = timed(["run", task, "--seed", str(seed), "--trace", str(trace), "--quiet"], **environment)
    if code not in (0, 1) or not trace.exists():  # 1: the answer failed its check, which is a result too
        raise EdgeSaleError(f"edge-sale run ended with exit code {code}; try it by hand: edge-sale run '{task}'")
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    start = events[0]["at"] - began

    def at(kind: str) -> float:
        return float(next(event["t"] for event in events if event["event"] == kind))

    entries: list[dict[str, Any]] = [event["entry"] for event in events if event["event"] == "spent"]
    tokens = dict.fromkeys(("auction", "work"), 0)
    for entry in entries:
        side = "auction" if entry["purpose"] in AUCTION else "work"
        tokens[side] += entry["tokens_in"] + entry["tokens_out"]
    auction = at("won") - at("opened")
    return Run(
        first_bid=start + at("placed"),
        winner=start + at("won"),
        end=seconds,
        auction=auction,
        token_share=tokens["auction"] / sum(tokens.values()),
        second_share=auction / (at("finished") - at("opened")),
        peak_mb=peak,
        refined=any(event["event"] == "placed" and event["bid"]["phase"] == "refined" for event in events),
    )


# The peak of a process includes what its parent held when it was started, so a small process starts it.
LAUNCH = """
import os, subprocess, sys, time
began = time.monotonic()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.monotonic() - began, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


def timed(arguments: Sequence[str], **environment: str) -> tuple[float, float, int]:
    """Wall seconds, peak resident megabytes and exit code of one edge-sale process."""
    command = [sys.executable, "-I", "-S", "-c", LAUNCH, sys.executable, "-m", "edge_sale", *arguments]
    done = subprocess.run(  # our own program with fixed arguments
        command, env=child_environment(**environment), stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, peak, code = done.stdout.split()
    scale = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kilobytes elsewhere
    return float(seconds), float(peak) / scale, int(code)
