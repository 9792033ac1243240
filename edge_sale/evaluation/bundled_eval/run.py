"""`bench bundled` as a whole: measure all methods and write the runs file.

A run that was interrupted can go on: all replies of the models are kept in a store beside the runs file, and what was
asked once is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from edge_sale import __version__, assemble
from edge_sale.catalog.cards import BUNDLED_POOL
from edge_sale.evaluation import evaluate, judges, run_records
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.auction_methods import SOURCE, runnable
from edge_sale.evaluation.baselines import Method
from edge_sale.evaluation.bundled_eval import live_auctions, methods, remote_senior, retrieval_eval, tasks, trials
from edge_sale.evaluation.bundled_eval.tasks import Job
from edge_sale.evaluation.jsonl_store import KeyedStore, write_whole
from edge_sale.evaluation.records import Recording
from edge_sale.evaluation.runs_file import method_line
from edge_sale.prompts import fingerprint
from edge_sale.settings import Settings

Progress = Callable[[str, int, int], None]  # what, done, of how many
SHARE = 0.48  # of the tasks may go to the largest agent, for methods with a budget
RECUR = 5  # times that a chain of operations occurs among the tasks
SEVERAL_ORDERS = ("random", methods.WITHOUT_MEMORY)  # rows that differ with the task order, or are shown over time


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much to measure. The `train` tasks teach the routers, and nothing else."""

    count: int = 800
    train: int = 240
    orders: int = 5
    seed: int = 0
    remote: bool = True  # with a row in which the senior is behind a server


def run(out: Path, settings: Settings, wanted: Wanted, progress: Progress) -> int:
    """Measure the bundled pool and write `out`; returns the number of lines. Raises EdgeSaleError."""
    settings = replace(settings, pool=BUNDLED_POOL, seed=wanted.seed, threads=1, offline=not wanted.remote)
    folder = out.with_name(f"{out.stem}.cache")
    folder.mkdir(parents=True, exist_ok=True)
    test_jobs = tasks.stream(wanted.count, wanted.seed, families=max(8, wanted.count // RECUR))
    train_jobs = tasks.stream(wanted.train, wanted.seed + 1, families=max(8, wanted.train // RECUR))
    known = {job.id for job in test_jobs}
    train_jobs = [job for job in train_jobs if job.id not in known]

    test, train = _views(test_jobs, train_jobs, settings, folder, progress)
    parts = assemble.plan(settings)
    here, left_out = runnable(methods.methods(test, parts.weights))
    if left_out:
        progress(left_out, 1, 1)
    live = [
        method_line(methods.SALE, "sale", SOURCE, "live auctions; the auction memory grows from nothing in each order")
    ]
    if wanted.remote:
        live.append(
            method_line(
                remote_senior.NAME, "sale", SOURCE, f"{remote_senior.LARGEST} is a fallback behind a server on loopback"
            )
        )
    replayed = [method_line(m.name, m.group, m.source, m.departs) for m in here]
    head = [_about(test.of, settings, parts, wanted, train), *replayed, *live]
    head[0]["clusters"] = {job.id: " > ".join(job.chain) for job in test_jobs}  # tasks of one chain are not independent
    head[0]["recall"] = retrieval_eval.measured(test_jobs, settings, folder)
    lines = [run_records.to_line(item, test.of.trial(item, agent)) for item in test.of.items for agent in test.agents]
    lines += list(_replayed(train, test, here, wanted.orders, progress))
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        progress("live auctions, tasks", done, (wanted.orders + wanted.remote) * len(test_jobs))

    calls = [
        partial(live_auctions.run_order, test_jobs, settings, folder, methods.SALE, order)
        for order in range(wanted.orders)
    ]
    if wanted.remote:
        calls.insert(0, partial(remote_senior.run_order, test_jobs, settings, folder))  # the slowest starts first
    for found in live_auctions.at_once(calls, step):
        lines += found
    return write_whole(out, [*head, *lines])


def _views(
    test: Sequence[Job], train: Sequence[Job], settings: Settings, folder: Path, progress: Progress
) -> tuple[View, View]:
    cache = KeyedStore(folder / f"{live_auctions.REPLIES}.jsonl")
    market = live_auctions.market(replace(settings, remember=False), cache)
    questions = [job.question for job in (*test, *train)]
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        progress("tasks that every agent planned, judged and did", done, len(questions))

    of = trials.all_trials(questions, market, settings.sandbox, "the bundled trade", step)
    parts = assemble.plan(replace(settings, remember=True))
    vectors = judges.vectors([q.item.task.text for q in questions], parts, folder)
    whole = View(of, vectors, run_records.opinions(of))
    return whole.subset(range(len(test))), whole.subset(range(len(test), len(questions)))


def _replayed(
    train: View, test: View, here: Sequence[Method], orders: int, progress: Progress
) -> Iterator[dict[str, Any]]:
    for number, method in enumerate(here, start=1):
        for order in range(orders if method.name in SEVERAL_ORDERS else 1):
            yield from evaluate.held_out(train, test, method, order, SHARE)
        progress("methods that learn from the trials", number, len(here))


def _about(
    of: Recording, settings: Settings, parts: assemble.MarketPlan, wanted: Wanted, train: View
) -> dict[str, Any]:
    return {
        "kind": "set",
        "set": of.name,
        "prices": dict(of.prices),
        "tasks": len(of.items),
        "orders": wanted.orders,
        "learned": f"routers learned on {len(train.of.items)} other tasks",
        "budget": SHARE,
        "seed": wanted.seed,
        "prompts": fingerprint(),
        "weights": f"{parts.weights.name} v{parts.weights.version}",
        "models": {card.name: assemble.identity(card, settings) for card in parts.chat},
        "edge_sale": __version__,
    }
