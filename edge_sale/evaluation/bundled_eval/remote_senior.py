"""The senior as somebody else's model: behind llama-cpp-python's own server on loopback, a fallback for the others.

The three small agents hold the auctions at home; the senior bids through the same door, log and client as any remote
with `bids = "live"`, and works on the tasks that the local bids lose. A fallback that is only estimated gets few
here: these weights go by how sure a plan is, and of a plan that nobody asked for that is not known.
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
from edge_sale.evaluation.bundled_eval import sales
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
    """The first package that this needs and is not here; empty where all are."""
    return next((name for name in MODULES if importlib.util.find_spec(name) is None), "")


@contextmanager
def server(file: Path) -> Iterator[str]:
    """`python -m llama_cpp.server` over the GGUF, on a port of the system's choice; gives its URL as far as /v1."""
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
        said: list[str] = []
        for line in process.stderr:
            said.append(line.strip())
            if found := STARTED.search(line):
                break
        else:
            raise EdgeSaleError(f"llama_cpp.server did not start: {' '.join(said[-3:])[:300]}")
        # what it goes on to log is read, so that it never waits for a reader; the thread ends with it
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield f"{found[1]}/v1"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def sell(jobs: Sequence[Job], settings: Settings, folder: Path) -> list[sales.Line]:
    """The sold lines of every task, in order 0; the remote counts as the senior that it is."""
    parts = assemble.plan(settings)
    card = next(card for card in parts.chat if card.name == f"bundled-{LARGEST}")
    price = next(agent.price for agent in parts.pool.agents if agent.name == LARGEST)
    local = [agent.name for agent in parts.pool.agents if agent.name != LARGEST]
    with server(installed.ready(card, settings.models_dir)) as url:
        far = {
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
            remotes={REMOTE: far},
            policy="auto",
            egress_log=folder / "egress.jsonl",
            remember=True,
            memory_file=sales.fresh(folder, f"memory-{REMOTE}"),
        )
        market = sales.market(here, sales.own(folder, REMOTE), [*local, REMOTE])
        jobs = sales.in_order(jobs, 0)
        found = [sales.solve(market, job) for job in jobs]
    answers = [sale.outcome.answer if sale and sale.outcome else "" for sale in found]
    right = grade_all([job.question for job in jobs], answers, settings.sandbox)
    lines = [sales.line(job, sale, ok, NAME, 0) for job, sale, ok in zip(jobs, found, right, strict=True)]
    return [{**line, "tried": [LARGEST if who == REMOTE else who for who in line["tried"]]} for line in lines]
