"""Live auctions: the product's own market handles every task in turn, with an auction memory that starts empty.

Opening plans, their scores and the work along them do not depend on the order of the tasks. They were made once for
the trials (`trials.py`) and are read from a store. Refined plans depend on what memory holds, so every order writes
and judges its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from edge_sale import assemble
from edge_sale.auction.ledger import Sum, total
from edge_sale.auction.market import Market, Sale
from edge_sale.errors import NoBids
from edge_sale.evaluation.bundled_eval.tasks import Job
from edge_sale.evaluation.bundled_tasks.grading import grade_all
from edge_sale.evaluation.jsonl_store import KeyedStore
from edge_sale.evaluation.judges import CachedEngine
from edge_sale.evaluation.result_lines import NO_AGENT, bid_of, result_line, who_tried
from edge_sale.events import silent
from edge_sale.hardware.processors import cores
from edge_sale.protocols import Engine
from edge_sale.settings import Settings
from edge_sale.types import Entry

REPLIES = "asks"  # name of the store that the trials fill
Line = dict[str, Any]


def market(settings: Settings, cache: KeyedStore, agents: Sequence[str] = ()) -> Market:
    """The settings' market, with engines that keep their answers in `cache`, and without a reserve price."""
    parts = assemble.plan(settings, agents)
    parts = replace(parts, weights=replace(parts.weights, reserve_price=None))

    def with_store(engines: Mapping[str, Engine]) -> Mapping[str, Engine]:
        return {
            card.name: CachedEngine(
                card.name, assemble.identity(card, settings), cache, partial(engines.__getitem__, card.name)
            )
            for card in parts.chat
        }

    return assemble.market(parts, around=with_store)


def at_once(calls: Sequence[Callable[[], list[Line]]], progress: Callable[[int], None]) -> list[list[Line]]:
    """The results of all calls, in their order: as many at once as there are cores, each in its own process.

    `progress` is called with the number of lines of each finished call.
    """
    with ProcessPoolExecutor(min(cores(), len(calls)), mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(call) for call in calls]
        for one in as_completed(waiting):
            progress(len(one.result()))
        return [one.result() for one in waiting]


def run_order(jobs: Sequence[Job], settings: Settings, folder: Path, method: str, order: int) -> list[Line]:
    """One order of the tasks, auctioned and graded. An order that was interrupted starts from the beginning."""
    here = market(
        replace(settings, remember=True, memory_file=new_memory(folder, f"memory-{order}")), own_store(folder, order)
    )
    queue = in_order(jobs, order)
    sales = [solve(here, job) for job in queue]
    answers = [sale.outcome.answer if sale and sale.outcome else "" for sale in sales]
    right = grade_all([job.question for job in queue], answers, settings.sandbox)
    return [line(job, sale, ok, method, order) for job, sale, ok in zip(queue, sales, right, strict=True)]


def new_memory(folder: Path, name: str) -> Path:
    """The file of a new, empty memory."""
    memory = folder / f"{name}.sqlite"
    for stale in folder.glob(f"{memory.name}*"):
        stale.unlink()
    return memory


def own_store(folder: Path, name: str | int) -> KeyedStore:
    """A store for one process, which starts with the trials' answers: processes must not share a store."""
    mine = folder / f"{REPLIES}-{name}.jsonl"
    if not mine.exists() and (folder / f"{REPLIES}.jsonl").exists():
        shutil.copy(folder / f"{REPLIES}.jsonl", mine)
    return KeyedStore(mine)


def in_order(jobs: Sequence[Job], order: int) -> list[Job]:
    """The tasks in the order with this number: the order that `evaluate` uses."""
    return [jobs[i] for i in np.random.default_rng(order).permutation(len(jobs))]


def solve(here: Market, job: Job) -> Sale | None:
    """The auction and work of one task; None where no agent bid."""
    try:
        return here.solve(job.question.item.task, silent)
    except NoBids:
        return None


def line(job: Job, sale: Sale | None, right: bool, method: str, order: int) -> Line:
    """The result line of one task. The winner's own plan counts as work, as it does for an agent alone."""
    if sale is None or sale.outcome is None:
        found = result_line(job.question, method, order, [NO_AGENT], False, Sum(), Sum())
        return {**found, "text": job.question.item.task.text}
    won = sale.award.winner.bid
    planned = "refine" if won.phase == "refined" else "bid"

    def is_work(entry: Entry) -> bool:
        return entry.purpose in ("work", "escalate") or (entry.who == won.agent and entry.purpose == planned)

    work = total(entry for entry in sale.ledger.entries if is_work(entry))
    rest = total(entry for entry in sale.ledger.entries if not is_work(entry))
    tried = who_tried(sale, sale.outcome)
    return {
        **result_line(job.question, method, order, tried, right, work, rest, score=float(right)),
        "text": job.question.item.task.text,
        "phase": won.phase,
        "bids": [bid_of(scored, all_signals=False) for scored in sale.award.ranked],
    }
