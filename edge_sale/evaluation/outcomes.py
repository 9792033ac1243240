"""Recorded runs as a table of bids and outcomes, for `edge-sale fit RUNS` and `edge-sale signals RUNS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_sale import assemble
from edge_sale.catalog import installed
from edge_sale.evaluation import judges, mint, run_records
from edge_sale.evaluation.jsonl_store import BadRecord
from edge_sale.evaluation.judges import Opinion
from edge_sale.evaluation.records import Recording
from edge_sale.learning.table import Floats, Table
from edge_sale.settings import Settings
from edge_sale.types import Bid, Strategy

Progress = Callable[[str, int, int], None]  # what, done, of how many


def read(
    path: Path, settings: Settings, judging: str = "", cache: Path | None = None, progress: Progress | None = None
) -> Table:
    """The runs at `path`: a file of `bench run`, or a folder of MINT's traces. Raises BadRecord.

    Where the pool's embedder is installed, the table has its vectors, from which experience is computed. With
    `judging` (a judging method) the pool's models score plans that have no scores. Both are kept in `cache`.
    """
    if not path.exists():
        raise BadRecord(f"{path}: no such file or folder; bench run writes one with --out")
    of = mint.read(path) if path.is_dir() else run_records.read(path)
    parts = assemble.plan(settings)
    vectors: Floats | None = None
    count = len(of.items)

    def step(what: str) -> Callable[[int], None]:
        done = [0]

        def more(some: int) -> None:
            done[0] += some
            if progress:
                progress(what, done[0], count)

        return more

    if parts.embedder and not installed.missing([parts.embedder], settings.models_dir):
        texts = [item.task.text for item in of.items]
        vectors = judges.vectors(texts, parts, cache, step(f"vectors of {count} tasks"))
    opinions = run_records.opinions(of) if path.is_file() else {}
    if judging and not opinions:
        jurors, engines = judges.panel(parts, cache)
        opinions = judges.opinions(of, jurors, engines, [judging], step(f"jury of {count} tasks"))
    return table(of, opinions, vectors)


def table(of: Recording, opinions: dict[str, Opinion], vectors: Floats | None = None) -> Table:
    """The recording's trials as bids and outcomes."""
    bids: list[dict[str, Bid]] = []
    for item in of.items:
        found: dict[str, Bid] = {}
        for agent in of.agents:
            trial = of.trial(item, agent)
            scores = {juror: given[agent] for juror, given in opinions[item.task.id].scores.items()} if opinions else {}
            plan = Strategy(trial.plan, trial.plan_tokens, trial.entropy or 0.0, dict(trial.signals))
            found[agent] = Bid(agent, of.prices[agent], plan, scores)
        bids.append(found)
    each = [[of.trial(item, agent) for agent in of.agents] for item in of.items]
    right = np.array([[float(trial.success) for trial in row] for row in each])
    prices = np.array([of.prices[agent] for agent in of.agents])
    dollars = np.array([[trial.tokens for trial in row] for row in each]) * prices / 1e6
    ids = tuple(item.task.id for item in of.items)
    return Table(of.name, of.agents, tuple(bids), right, dollars, ids, vectors=vectors)
