"""How well an embedder puts tasks of the same structure together, which is what memory's recall rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_sale import assemble
from edge_sale.catalog import cards, installed
from edge_sale.evaluation import judges
from edge_sale.evaluation.bundled_eval.tasks import Job
from edge_sale.settings import Settings

K = 8  # the most lessons of a recall
RIVAL = "all-minilm-l6-v2"


def measured(jobs: Sequence[Job], settings: Settings, folder: Path) -> dict[str, dict[str, float]]:
    """`recall` of each embedder: the pool's, and the starter's where it is pulled."""
    catalogue = cards.load(settings.cards_dir)
    parts = assemble.plan(settings)
    assert parts.embedder
    found = {}
    for card in (parts.embedder, catalogue.model(RIVAL)):
        if installed.missing([card], settings.models_dir):
            continue
        one = replace(parts, embedder=card)
        vectors = judges.vectors([job.question.item.task.text for job in jobs], one, folder)
        found[card.name] = recall(vectors, [job.chain for job in jobs])
    return found


def recall(vectors: NDArray[np.float64], chains: Sequence[Any], k: int = K) -> dict[str, float]:
    """Retrieval figures over the tasks whose structure occurs again among the other tasks.

    `first`: how often the nearest task has the same structure. `any`: how often one of the `k` nearest has it.
    `part`: which share of the tasks with the same structure is among the `k` nearest.
    """
    near = vectors @ vectors.T
    np.fill_diagonal(near, -np.inf)
    same = np.array([[a == b for b in chains] for a in chains])
    np.fill_diagonal(same, False)
    asked = np.flatnonzero(same.any(axis=1))
    top = np.argsort(-near[asked], axis=1)[:, :k]
    hits = np.take_along_axis(same[asked], top, axis=1)
    there = np.minimum(same[asked].sum(axis=1), k)
    return {
        "tasks": float(len(asked)),
        "first": float(hits[:, 0].mean()),
        "any": float(hits.any(axis=1).mean()),
        "part": float((hits.sum(axis=1) / there).mean()),
    }
