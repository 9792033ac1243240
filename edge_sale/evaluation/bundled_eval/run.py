"""All of `bench bundled`: what is asked, in which order, and what stands in the runs file.

A run that broke off goes on: every reply of a model is kept beside the runs file, by content, and what was asked
once is not asked again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from edge_sale import __version__, assemble
from edge_sale.catalog.cards import BUNDLED_POOL
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation import evaluate, judges, run_records
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.baselines import Contender
from edge_sale.evaluation.bundled_eval import grid, remote_senior, retrieval_eval, rows, sales, tasks
from edge_sale.evaluation.bundled_eval.tasks import Job
from edge_sale.evaluation.cache import Cache
from edge_sale.evaluation.records import Recording
from edge_sale.prompts import fingerprint
from edge_sale.settings import Settings

Told = Callable[[str, int, int], None]  # what, done, of how many
SHARE = 0.48  # of the tasks may go to the largest agent: what dials with a budget plan for
RECUR = 5  # times that a chain of operations comes back among the tasks
SOURCE = "SALE (arXiv 2602.02751)"
DRAWN = ("random", rows.FORGETFUL)  # rows that differ with the order of the tasks, or are shown over time


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is measured. `train` tasks teach the routers, and nothing else."""

    count: int = 800
    train: int = 240
    orders: int = 5
    seed: int = 0
    remote: bool = True  # a row with the senior behind a server


def run(out: Path, settings: Settings, wanted: Wanted, told: Told) -> int:
    """Measures the bundled pool and writes `out`; how many lines. Raises EdgeSaleError."""
    settings = replace(settings, pool=BUNDLED_POOL, seed=wanted.seed, threads=1, offline=not wanted.remote)
    folder = out.with_name(f"{out.stem}.cache")
    folder.mkdir(parents=True, exist_ok=True)
    sold = tasks.stream(wanted.count, wanted.seed, families=max(8, wanted.count // RECUR))
    learn = tasks.stream(wanted.train, wanted.seed + 1, families=max(8, wanted.train // RECUR))
    known = {job.id for job in sold}
    learn = [job for job in learn if job.id not in known]

    test, train = _views(sold, learn, settings, folder, told)
    parts = assemble.plan(settings)
    here = rows.contenders(test, parts.weights)
    live = [_contender(rows.SALE, "sale", SOURCE, "live auctions; the auction memory grows from nothing in each order")]
    if wanted.remote:
        live.append(
            _contender(
                remote_senior.NAME, "sale", SOURCE, f"{remote_senior.LARGEST} is a fallback behind a server on loopback"
            )
        )
    replayed = [_contender(c.name, c.group, c.source, c.departs) for c in here]
    head = [_about(test.of, settings, parts, wanted, train), *replayed, *live]
    head[0]["clusters"] = {job.id: " > ".join(job.chain) for job in sold}  # rewordings of a chain are no new evidence
    head[0]["recall"] = retrieval_eval.measured(sold, settings, folder)
    lines = [run_records.to_line(item, test.of.trial(item, agent)) for item in test.of.items for agent in test.agents]
    lines += list(_replayed(train, test, here, wanted.orders, told))
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        told("live auctions, tasks sold", done, (wanted.orders + wanted.remote) * len(sold))

    calls = [partial(sales.sell, sold, settings, folder, rows.SALE, order) for order in range(wanted.orders)]
    if wanted.remote:
        calls.insert(0, partial(remote_senior.sell, sold, settings, folder))  # the slowest, so the first to begin
    for found in sales.at_once(calls, step):
        lines += found
    _write(out, [*head, *lines])
    return len(head) + len(lines)


def _views(
    sold: Sequence[Job], learn: Sequence[Job], settings: Settings, folder: Path, told: Told
) -> tuple[View, View]:
    cache = Cache(folder, sales.ASKS)
    market = sales.market(replace(settings, remember=False), cache)
    questions = [job.question for job in (*sold, *learn)]
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        told("tasks that everyone planned, judged and did", done, len(questions))

    of = grid.everyone(questions, market, settings.sandbox, "the bundled trade", step)
    parts = assemble.plan(replace(settings, remember=True))
    vectors = judges.vectors([q.item.task.text for q in questions], parts, folder)
    whole = View(of, vectors, run_records.opinions(of))
    return whole.part(range(len(sold))), whole.part(range(len(sold), len(questions)))


def _replayed(train: View, test: View, here: Sequence[Contender], orders: int, told: Told) -> Iterator[dict[str, Any]]:
    for number, contender in enumerate(here, start=1):
        for order in range(orders if contender.name in DRAWN else 1):
            yield from evaluate.held_out(train, test, contender, order, SHARE)
        told("contenders that learn from the others' work", number, len(here))


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


def _contender(name: str, group: str, source: str, departs: str) -> dict[str, Any]:
    return {"kind": "contender", "name": name, "group": group, "source": source, "departs": departs}


def _write(out: Path, values: Sequence[dict[str, Any]]) -> None:
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        beside.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")
        beside.replace(out)
    except OSError as error:
        raise EdgeSaleError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
