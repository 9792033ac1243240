"""`edge-sale bench replay`: from a recording to a runs file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_sale import __version__, assemble
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation import evaluate, judges, mint, routellm, run_records
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.baselines import Contender, contenders
from edge_sale.evaluation.judges import Opinion
from edge_sale.evaluation.records import BadRecord, Recording
from edge_sale.prompts import fingerprint
from edge_sale.settings import Settings

Told = Callable[[str, int, int], None]  # what, done, of how many

READERS: dict[str, Callable[[Path, Sequence[str]], Recording]] = {
    "mint": lambda folder, agents: mint.read(folder, agents or mint.POOL),
    "routellm": routellm.read,
    "runs": run_records.read,
}


def write(
    kind: str,
    data: Path,
    test: Path | None,
    out: Path,
    *,
    agents: Sequence[str],
    orders: int,
    budget: float,
    method: str,
    cache: Path,
    settings: Settings,
    told: Told,
) -> int:
    """Replays every contender and writes its runs to `out`; how many lines. Raises EdgeSaleError."""
    train_on = READERS[kind](data, agents)
    test_on = READERS[kind](test, agents) if test else None
    if test_on and (both := {i.task.id for i in train_on.items} & {i.task.id for i in test_on.items}):
        raise BadRecord(f"{test}: {len(both)} of its tasks are in {data} too, such as {min(both)!r}: not held out")
    if test_on and dict(test_on.prices) != dict(train_on.prices):
        raise BadRecord(f"{test}: its agents and prices are not those of {data}")
    parts = assemble.plan(settings)
    train = _view(train_on, parts, method, cache, told)
    view = _view(test_on, parts, method, cache, told) if test_on else train
    here = contenders(view)
    about = {
        "kind": "set",
        "set": train_on.name,
        "prices": dict(train_on.prices),
        "tasks": len(view.of.items),
        "learned": f"learned on {len(train.of.items)} other tasks" if test else "five-fold cross-validation",
        "budget": budget,
        "orders": orders,
        "jury": sorted(view.scores),
        "prompts": fingerprint(),
        "models": {card.name: assemble.identity(card, settings) for card in parts.chat} if method else {},
        "edge_sale": __version__,
        "checked": int(view.checked.sum()),
    }
    count = 0
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            for value in [about, *map(_about, here), *_lines(train, view, here, orders, budget, told)]:
                file.write(json.dumps(value, ensure_ascii=False) + "\n")
                count += 1
        beside.replace(out)
    except OSError as error:
        raise EdgeSaleError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
    return count


def _lines(
    train: View, view: View, here: Sequence[Contender], orders: int, budget: float, told: Told
) -> Iterator[dict[str, Any]]:
    total, done = orders * len(here), 0
    for contender in here:
        for order in range(orders):
            if view is train:
                yield from evaluate.cross_validated(view, contender, order, budget)
            else:
                yield from evaluate.held_out(train, view, contender, order, budget)
            done += 1
            told("contenders x orders", done, total)


def _view(of: Recording, parts: assemble.MarketPlan, method: str, cache: Path, told: Told) -> View:
    count = len(of.items)
    done = dict.fromkeys(("vectors", "jury"), 0)

    def heard(what: str) -> Callable[[int], None]:
        def more(some: int) -> None:
            done[what] += some
            told(f"{what} of {count} tasks", done[what], count)

        return more

    vectors = judges.vectors([item.task.text for item in of.items], parts, cache, heard("vectors"))
    opinions: dict[str, Opinion] = {}
    live = any(of.trial(item, agent).scores for item in of.items[:1] for agent in of.agents)
    if live:
        opinions = run_records.opinions(of)
    elif method and all(of.trial(item, agent).plan for item in of.items for agent in of.agents):
        jurors, engines = judges.panel(parts, cache)
        opinions = judges.opinions(of, jurors, engines, [method], heard("jury"))
    return View(of, vectors, opinions)


def _about(contender: Contender) -> dict[str, Any]:
    return {
        "kind": "contender",
        "name": contender.name,
        "group": contender.group,
        "source": contender.source,
        "departs": contender.departs,
    }
