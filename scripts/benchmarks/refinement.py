"""Does refinement help? The same tasks with lessons from memory and without them, in several orders.

The bundled pool does 300 tasks of its own trade that come back in other words, with real auctions, work and grading
(`evaluation/bundled_eval/live_auctions.py`). The effect of memory shows over time, in who wins and how often the answer
is right. Every finished order is kept in the data folder, and a run that was stopped goes on with the next one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_sale import assemble
from edge_sale.evaluation import runs_file
from edge_sale.evaluation.bundled_eval import live_auctions, tasks
from edge_sale.evaluation.bundled_eval.live_auctions import Line
from edge_sale.evaluation.jsonl_store import key, write_whole
from edge_sale.evaluation.report import Figure
from edge_sale.evaluation.result_lines import NO_AGENT
from edge_sale.prompts import fingerprint
from edge_sale.settings import Settings, load

TASKS = 300
PARTS = 3  # parts of an order that are compared
POOL = "bundled"


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Iterator[Figure]:
    """`data` is the folder that keeps finished orders; `runs` is the number of orders."""
    settings = replace(load(), pool=POOL, seed=0)
    folder = data or settings.prefix_dir.parent / "bench-refinement"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = tasks.stream(TASKS, seed=0)
    prices = {agent.name: agent.price for agent in assemble.plan(settings).pool.agents}
    dearest = max(prices, key=lambda name: prices[name])
    with_, without = (
        [order_lines(jobs, replace(settings, refine=refine), folder, order, tell) for order in range(runs)]
        for refine in (True, False)
    )
    yield from compared(with_, without, dearest)


def order_lines(
    jobs: Sequence[tasks.Job], settings: Settings, folder: Path, order: int, tell: Callable[[str], None]
) -> list[Line]:
    """The lines of one order; from the folder if the same order was run before."""
    parts = assemble.plan(settings)
    models = [assemble.identity(card, settings) for card in parts.chat]
    setup = key(*(job.id for job in jobs), *models, fingerprint(), repr(parts.weights), str(settings.refine))
    name = "with lessons" if settings.refine else "without lessons"
    file = folder / f"{name.replace(' ', '-')}-{order}-{setup[:12]}.jsonl"
    if file.exists():
        tell(f"{name}, order {order}: from the last run")
        return [line for _, line in runs_file.read(file)]
    tell(f"{name}, order {order}: {len(jobs)} auctions")
    lines = live_auctions.run_order(jobs, settings, folder, name, order)
    write_whole(file, lines)
    return lines


def compared(with_: Sequence[Sequence[Line]], without: Sequence[Sequence[Line]], dearest: str) -> Iterator[Figure]:
    """The effect of lessons: differences in each order, with their standard error over the orders."""
    for name, found in (("with lessons", with_), ("without lessons", without)):
        yield Figure(f"pass@1, {name}", 100 * _mean(found, lambda line: line["success"]), "%")
        yield Figure(f"won by cheaper agents, {name}", 100 * _mean(found, _cheaper(dearest)), "%")
        for part in range(PARTS):
            stretch = [np.array_split(np.array(order, dtype=object), PARTS)[part].tolist() for order in found]
            yield Figure(
                f"won by cheaper agents, {name}, third {part + 1}", 100 * _mean(stretch, _cheaper(dearest)), "%"
            )
        yield Figure(f"work and auction, {name}", 1000 * _mean(found, _dollars), "$/1k tasks")
    for what, of in (("pass@1", lambda line: line["success"]), ("won by cheaper agents", _cheaper(dearest))):
        gains = [100 * (_mean([a], of) - _mean([b], of)) for a, b in zip(with_, without, strict=True)]
        yield Figure(f"{what}, gained by lessons", float(np.mean(gains)), "points", 0.0, "least")
        if len(gains) > 1:
            error = float(np.std(gains, ddof=1)) / math.sqrt(len(gains))
            yield Figure(f"{what}, standard error of that over orders", error, "points")
    later = [100 * (_last(a, dearest) - _last(b, dearest)) for a, b in zip(with_, without, strict=True)]
    yield Figure("won by cheaper agents, last third, gained by lessons", float(np.mean(later)), "points", 0.0, "least")
    better = [x for order in with_ for line in order for x in _better(line)]
    if better:
        yield Figure("refined bids that ask less than the agent's own first", 100 * float(np.mean(better)), "%")
    yield Figure("auctions won by a refined bid", 100 * _mean(with_, lambda line: line.get("phase") == "refined"), "%")


def _mean(orders: Sequence[Sequence[Line]], of: Callable[[Line], Any]) -> float:
    return float(np.mean([float(of(line)) for order in orders for line in order]))


def _cheaper(dearest: str) -> Callable[[Line], bool]:
    return lambda line: line["tried"][-1] not in (dearest, NO_AGENT)


def _dollars(line: Line) -> float:
    return float(line["dollars"]) + float(line["auction"][1])


def _last(order: Sequence[Line], dearest: str) -> float:
    return _mean([order[-(len(order) // PARTS) :]], _cheaper(dearest))


def _better(line: Line) -> list[bool]:
    """For each agent that refined: whether its refined bid asks less than its opening bid."""
    asked = {(bid["agent"], bid["phase"]): bid["cost"] - bid["value"] for bid in line["bids"]}
    refined = [agent for agent, phase in asked if phase == "refined" and (agent, "opening") in asked]
    return [asked[agent, "refined"] < asked[agent, "opening"] for agent in refined]
