"""Recalibration: move fitted weights by the outcomes since their fit. Off unless `[learn] recalibrate = true`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from edge_sale.learning import drift, versions
from edge_sale.learning.drift import Drift
from edge_sale.learning.table import from_history
from edge_sale.learning.versions import Version
from edge_sale.memory.history import History
from edge_sale.scoring.weights import Weights
from edge_sale.settings import Settings

NEWEST = 500  # the most auctions since the fit that are used


def recalibrated(weights: Weights, settings: Settings, pool: str) -> tuple[Weights, list[str]]:
    """The weights moved by the outcomes since their fit, and notes for the user. Raises MemoryFault."""
    if not settings.recalibrate or not settings.remember:
        return weights, []
    version = versions.in_force(settings.weights_dir, pool)
    if version is None or not weights.odds or version.weights.name != weights.name:
        return weights, [
            f"recalibrate is on, but weights {weights.name!r} predict no chance of success; edge-sale fit --apply "
            "makes weights that do, once there are outcomes"
        ]
    drifts = since(settings, version)
    notes = [f"since the fit {one.words}; fit again with: edge-sale fit" for one in drifts if one.drifted]
    moved = drift.recalibrated(weights, drifts)
    return (replace(moved, name=f"{weights.name} recalibrated") if drifts else weights), notes


def since(settings: Settings, version: Version) -> list[Drift]:
    """Each agent's drift since the fit; empty for weights that predict no chance of success."""
    if not version.weights.odds:
        return []
    history = History.open(settings.memory_file)
    table = from_history(history.auctions(datetime.fromisoformat(version.at), NEWEST), version.pool)
    return drift.drift_of(table, version.weights) if table.outcomes else []
