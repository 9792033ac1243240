"""The senior as somebody else's model: behind llama-cpp-python's own server on loopback, a fallback for the others.

The three small agents hold the auctions here. The senior bids through the egress gate, log and client like any remote
with `bids = "live"`, and works on the tasks for which no local bid wins. A fallback whose bid is only estimated would
get few tasks: these weights count how sure a plan is, which is unknown for a plan that was never written.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge_sale import assemble
from edge_sale.catalog import installed
from edge_sale.environment import bare_environment
from edge_sale.errors import EdgeSaleError, ExtraMissing
from edge_sale.evaluation.bundled_eval import live_auctions
from edge_sale.evaluation.bundled_eval.tasks import Job
from edge_sale.evaluation.bundled_tasks.grading import grade_all
from edge_sale.settings import Settings

NAME = "SALE, the senior away"
LARGEST = "senior"
REMOTE = "away"
CONTEXT = 1024
MODULES = ("openai", "detect_secrets", "uvicorn", "fastapi", "sse_starlette", "starlette_context", "pydantic_settings")
STARTED = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


def lacking() -> str:
    """The first package that this row needs and that is not installed; empty where all are."""
    return next((name for name in MODULES if importlib.util.find_spec(name) is None), "")


@contextmanager
def server(file: Path) -> Iterator[str]:
    """Run `python -m llama_cpp.server` with the GGUF on a free port; yields its URL up to /v1."""
    if package := lacking():
        raise ExtraMissing(package, "evaluation")
    command = [
        sys.executable,
        "-m",
        "llama_cpp.server",
        "--model",
        str(file),
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--n_ctx",
        str(CONTEXT),
        "--n_threads",
        "1",
        "--logits_all",
        "true",
        "--verbose",
        "false",
    ]
    process = subprocess.Popen(  # our own interpreter; the file is one argument
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=bare_environment(),
    )
    assert process.stderr
    try:
        output: list[str] = []
        for line in process.stderr:
            output.append(line.strip())
            if found := STARTED.search(line):
                break
        else:
            raise EdgeSaleError(f"llama_cpp.server did not start: {' '.join(output[-3:])[:300]}")
        # later output is read too, so that the server never blocks on a full pipe; the thread ends with the server
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield f"{found[1]}/v1"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_order(jobs: Sequence[Job], settings: Settings, folder: Path) -> list[live_auctions.Line]:
    """The result line of every task in order 0. The remote is named as the senior that it is."""
    parts = assemble.plan(settings)
    card = next(card for card in parts.chat if card.name == f"bundled-{LARGEST}")
    price = next(agent.price for agent in parts.pool.agents if agent.name == LARGEST)
    local = [agent.name for agent in parts.pool.agents if agent.name != LARGEST]
    with server(installed.ready(card, settings.models_dir)) as url:
        remote = {
            "url": url,
            "model": card.name,
            "key": "none",
            "price_in": price,
            "price_out": price,
            "context": CONTEXT,
            "max_tokens": 256,
            "prompts": "trade",
            "bids": "live",
            "logprobs": True,
        }
        here = replace(
            settings,
            remotes={REMOTE: remote},
            policy="auto",
            egress_log=folder / "egress.jsonl",
            remember=True,
            memory_file=live_auctions.new_memory(folder, f"memory-{REMOTE}"),
        )
        market = live_auctions.market(here, live_auctions.own_store(folder, REMOTE), [*local, REMOTE])
        jobs = live_auctions.in_order(jobs, 0)
        found = [live_auctions.solve(market, job) for job in jobs]
    answers = [sale.outcome.answer if sale and sale.outcome else "" for sale in found]
    right = grade_all([job.question for job in jobs], answers, settings.sandbox)
    lines = [live_auctions.line(job, sale, ok, NAME, 0) for job, sale, ok in zip(jobs, found, right, strict=True)]
    return [{**line, "tried": [LARGEST if who == REMOTE else who for who in line["tried"]]} for line in lines]
