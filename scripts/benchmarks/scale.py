"""`bench table` on ten million recorded bids: whole processes, from the files to the printed table."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.first import timed
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.report import Figure

BIDS = 10_000_000
AGENTS = {"a": 0.08, "b": 0.09, "c": 0.1, "d": 0.2, "e": 0.4, "remote": 30.0}
METHODS = ("SALE", "SALE without memory", "SALE with verified escalation")
ORDERS = 5


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Seconds and peak memory of one run. `runs` and `data` are not used."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "runs.jsonl")
        bids = make(file, BIDS)
        tell(f"{bids} bids made, {file.stat().st_size / 1e9:.1f} GB")
        seconds, peak, code = timed(["bench", "table", str(file), "--json"])
    if code:
        raise EdgeSaleError(f"edge-sale bench table ended with exit code {code}")
    return [
        Figure("bench table, ten million bids", seconds, "s", 60),
        Figure("bench table, peak memory", peak, "MB", 2000),
    ]


def make(file: Path, bids: int) -> int:
    """A runs file of at least so many bids in auctions of six, with scores as replays write them."""
    draw = random.Random(0)  # noqa: S311 - made-up runs, not secrets
    shapes = []
    for _ in range(200):
        offers = [
            {
                "agent": a,
                "price": p,
                "tokens": draw.randrange(9, 99),
                "cost": round(draw.random(), 5),
                "value": round(draw.random(), 5),
                "right": draw.random() < 0.5,
                "signals": {"chance": 0.5},
                "scores": {"juror": round(5 * draw.random(), 3)},
            }
            for a, p in AGENTS.items()
        ]
        shapes.append(json.dumps(offers))
    tasks = -(-bids // (len(AGENTS) * len(METHODS) * ORDERS))
    with file.open("w", encoding="utf-8") as out:
        out.write(json.dumps({"kind": "set", "set": "made up", "prices": AGENTS, "orders": ORDERS}) + "\n")
        for name in METHODS:
            for order in range(ORDERS):
                for task in range(tasks):
                    head = {
                        "kind": "result",
                        "method": name,
                        "order": order,
                        "task": f"task/{task}",
                        "bin": f"bin {task % 8}",
                        "tried": ["a", "remote"] if task % 3 else ["b"],
                        "success": draw.random() < 0.7,
                        "tokens": 6000,
                        "dollars": 0.05,
                        "seconds": None,
                        "auction": [900, 1e-5, 0.0],
                        "dial": 0.1,
                    }
                    out.write(f'{json.dumps(head)[:-1]}, "bids": {shapes[task % 200]}}}\n')
    return tasks * len(METHODS) * ORDERS * len(AGENTS)
