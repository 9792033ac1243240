"""`edge-sale bench replay`: from a recording to a runs file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from edge_sale import __version__, assemble
from edge_sale.evaluation import evaluate, judges, mint, routellm, run_records, runs_file
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.auction_methods import methods, runnable
from edge_sale.evaluation.baselines import Method
from edge_sale.evaluation.jsonl_store import BadRecord, write_whole
from edge_sale.evaluation.judges import Opinion
from edge_sale.evaluation.records import Recording
from edge_sale.prompts import fingerprint
from edge_sale.settings import Settings

Progress = Callable[[str, int, int], None]  # what, done, of how many

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
    judging: str,
    cache: Path,
    settings: Settings,
    progress: Progress,
) -> int:
    """Replay every method and write its runs to `out`; returns the number of lines. Raises EdgeSaleError."""
    train_on = READERS[kind](data, agents)
    test_on = READERS[kind](test, agents) if test else None
    if test_on and (both := {i.task.id for i in train_on.items} & {i.task.id for i in test_on.items}):
        raise BadRecord(f"{test}: {len(both)} of its tasks are in {data} too, such as {min(both)!r}: not held out")
    if test_on and dict(test_on.prices) != dict(train_on.prices):
        raise BadRecord(f"{test}: its agents and prices are not those of {data}")
    parts = assemble.plan(settings)
    train = _view(train_on, parts, judging, cache, progress)
    view = _view(test_on, parts, judging, cache, progress) if test_on else train
    here, left_out = runnable(methods(view))
    if left_out:
        progress(left_out, 1, 1)
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
        "models": {card.name: assemble.identity(card, settings) for card in parts.chat} if judging else {},
        "edge_sale": __version__,
        "checked": int(view.checked.sum()),
    }
    head = [about, *(runs_file.method_line(m.name, m.group, m.source, m.departs) for m in here)]
    return write_whole(out, chain(head, _lines(train, view, here, orders, budget, progress)))


def _lines(
    train: View, view: View, here: Sequence[Method], orders: int, budget: float, progress: Progress
) -> Iterator[dict[str, Any]]:
    total, done = orders * len(here), 0
    for method in here:
        for order in range(orders):
            if view is train:
                yield from evaluate.cross_validated(view, method, order, budget)
            else:
                yield from evaluate.held_out(train, view, method, order, budget)
            done += 1
            progress("methods x orders", done, total)


def _view(of: Recording, parts: assemble.MarketPlan, judging: str, cache: Path, progress: Progress) -> View:
    count = len(of.items)
    done = dict.fromkeys(("vectors", "jury"), 0)

    def step(what: str) -> Callable[[int], None]:
        def more(some: int) -> None:
            done[what] += some
            progress(f"{what} of {count} tasks", done[what], count)

        return more

    vectors = judges.vectors([item.task.text for item in of.items], parts, cache, step("vectors"))
    opinions: dict[str, Opinion] = {}
    live = any(of.trial(item, agent).scores for item in of.items[:1] for agent in of.agents)
    if live:
        opinions = run_records.opinions(of)
    elif judging and all(of.trial(item, agent).plan for item in of.items for agent in of.agents):
        jurors, engines = judges.panel(parts, cache)
        opinions = judges.opinions(of, jurors, engines, [judging], step("jury"))
    return View(of, vectors, opinions)
