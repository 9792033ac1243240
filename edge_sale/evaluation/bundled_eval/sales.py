"""Live auctions: the product's own market sells every task in turn, with an auction memory that grows from nothing.

What does not depend on the order of tasks (opening plans, their judgements, work along them) was asked once for the
grid and is remembered; refined plans depend on what memory holds, so they are written and judged live, each time.
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
from edge_sale.auction.ledger import total
from edge_sale.auction.market import Market, Sale
from edge_sale.errors import NoBids
from edge_sale.evaluation.bundled_eval.tasks import Job
from edge_sale.evaluation.bundled_tasks.grading import grade_all
from edge_sale.evaluation.cache import Cache
from edge_sale.evaluation.judges import Remembered
from edge_sale.events import silent
from edge_sale.hardware.processors import cores
from edge_sale.settings import Settings
from edge_sale.types import Engine, Entry, Scored

KEPT = 2000  # characters of a plan
ASKS = "asks"  # the cache that the grid fills
Line = dict[str, Any]


def market(settings: Settings, cache: Cache, agents: Sequence[str] = ()) -> Market:
    """The settings' market with engines that remember what they were asked, and without a reserve price."""
    parts = assemble.plan(settings, agents)
    parts = replace(parts, weights=replace(parts.weights, reserve_price=None))

    def remembering(engines: Mapping[str, Engine]) -> Mapping[str, Engine]:
        return {
            card.name: Remembered(
                card.name, assemble.identity(card, settings), cache, partial(engines.__getitem__, card.name)
            )
            for card in parts.chat
        }

    return assemble.market(parts, around=remembering)


def at_once(calls: Sequence[Callable[[], list[Line]]], told: Callable[[int], None]) -> list[list[Line]]:
    """What each call gives, in their order: as many at once as there are cores, each in a process of its own.

    `told` hears how many lines came of a call that is done.
    """
    with ProcessPoolExecutor(min(cores(), len(calls)), mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(call) for call in calls]
        for one in as_completed(waiting):
            told(len(one.result()))
        return [one.result() for one in waiting]


def sell(jobs: Sequence[Job], settings: Settings, folder: Path, contender: str, order: int) -> list[Line]:
    """One order of the tasks, sold and graded; begun anew where an earlier run broke off."""
    here = market(replace(settings, remember=True, memory_file=fresh(folder, f"memory-{order}")), own(folder, order))
    queue = in_order(jobs, order)
    sales = [solve(here, job) for job in queue]
    answers = [sale.outcome.answer if sale and sale.outcome else "" for sale in sales]
    right = grade_all([job.question for job in queue], answers, settings.sandbox)
    return [line(job, sale, ok, contender, order) for job, sale, ok in zip(queue, sales, right, strict=True)]


def fresh(folder: Path, name: str) -> Path:
    """The file of a memory that has nothing in it yet."""
    memory = folder / f"{name}.sqlite"
    for stale in folder.glob(f"{memory.name}*"):
        stale.unlink()
    return memory


def own(folder: Path, name: str | int) -> Cache:
    """A cache of one's own, which begins with what the grid was asked: processes must not share one."""
    mine = folder / f"{ASKS}-{name}.jsonl"
    if not mine.exists() and (folder / f"{ASKS}.jsonl").exists():
        shutil.copy(folder / f"{ASKS}.jsonl", mine)
    return Cache(folder, mine.stem)


def in_order(jobs: Sequence[Job], order: int) -> list[Job]:
    """The tasks in the order of that number: the same as where `evaluate` replays it."""
    return [jobs[i] for i in np.random.default_rng(order).permutation(len(jobs))]


def solve(here: Market, job: Job) -> Sale | None:
    """The sale of one task; None where nobody bid."""
    try:
        return here.solve(job.question.item.task, silent)
    except NoBids:
        return None


def line(job: Job, sale: Sale | None, right: bool, contender: str, order: int) -> Line:
    """A sale as a line of a runs file. The winner's own plan counts as its work, as it does where it works alone."""
    about = {
        "kind": "sold",
        "contender": contender,
        "order": order,
        "task": job.id,
        "bin": job.question.item.bin,
        "text": job.question.item.task.text,
    }
    if sale is None or sale.outcome is None:
        none = {"tried": ["nobody"], "success": False, "tokens": 0, "dollars": 0.0, "seconds": 0.0}
        return {**about, **none, "auction": [0, 0.0, 0.0], "bids": []}
    won = sale.award.winner.bid
    planned = "refine" if won.phase == "refined" else "bid"

    def works(entry: Entry) -> bool:
        return entry.purpose in ("work", "escalate") or (entry.who == won.agent and entry.purpose == planned)

    work = total(entry for entry in sale.ledger.entries if works(entry))
    rest = total(entry for entry in sale.ledger.entries if not works(entry))
    tried = list(dict.fromkeys(entry.who for entry in sale.ledger.entries if entry.purpose in ("work", "escalate")))
    tried = [*(who for who in tried if who != sale.outcome.agent), sale.outcome.agent]
    return {
        **about,
        "tried": tried,
        "success": right,
        "phase": won.phase,
        "tokens": work.tokens,
        "dollars": work.dollars,
        "seconds": round(work.seconds, 4),
        "auction": [rest.tokens, rest.dollars, round(rest.seconds, 4)],
        "bids": [_bid(scored) for scored in sale.award.ranked],
    }


def _bid(scored: Scored) -> dict[str, Any]:
    bid = scored.bid
    return {
        "agent": bid.agent,
        "phase": bid.phase,
        "price": bid.price,
        "tokens": bid.strategy.tokens,
        "cost": round(scored.cost, 5),
        "value": round(scored.value, 5),
        "right": None,
        "signals": {"entropy": round(bid.strategy.entropy, 4)},
        "plan": bid.strategy.text[:KEPT],
        "scores": {name: round(x, 3) for name, x in bid.scores.items()},
    }
