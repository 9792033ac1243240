"""Runs as one self-contained HTML page, without scripts, fonts or pictures from elsewhere."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation import metrics, printed
from edge_sale.evaluation.runs import Runs
from edge_sale.evaluation.table import TableRow
from edge_sale.scoring.auc import auc

BROWSED = 300  # auctions of a method that the page shows one by one
STRETCHES = 10  # parts of a task order, for the win rate over time


@dataclass(slots=True)
class MethodBids:
    """The bids of one method as flat arrays, and a few whole auctions."""

    value: array[float] = field(default_factory=lambda: array("f"))
    right: array[int] = field(default_factory=lambda: array("b"))  # -1: unknown
    agents: list[str] = field(default_factory=list)
    agent: array[int] = field(default_factory=lambda: array("H"))  # place in `agents`
    signals: dict[str, array[float]] = field(default_factory=dict)
    auctions: list[dict[str, Any]] = field(default_factory=list)


class BidCollector:
    """Called with every result line; keeps the bids of the first order for the page."""

    def __init__(self) -> None:
        self.of: dict[str, MethodBids] = {}

    def __call__(self, result: dict[str, Any]) -> None:
        bids = result.get("bids")
        if not bids or result.get("order", 0) != 0:  # a task's bids counted twice would narrow an AUC's error
            return
        kept = self.of.setdefault(result["method"], MethodBids())
        for bid in bids:
            if bid["agent"] not in kept.agents:
                kept.agents.append(bid["agent"])
            kept.agent.append(kept.agents.index(bid["agent"]))
            kept.value.append(bid["value"])
            kept.right.append({None: -1, False: 0, True: 1}[bid.get("right")])
            read = {
                "price": bid["price"],
                **bid.get("signals", {}),
                **{f"score by {juror}": score for juror, score in bid.get("scores", {}).items()},
            }
            if bid["tokens"]:  # a fallback has no plan
                read["plan length"] = bid["tokens"]
            for name, x in read.items():
                kept.signals.setdefault(name, array("f", [np.nan]) * (len(kept.value) - 1)).append(x)
            for column in kept.signals.values():
                if len(column) < len(kept.value):
                    column.append(np.nan)
        if len(kept.auctions) < BROWSED:
            kept.auctions.append(result)


def write(file: Path, runs: Runs, rows: Sequence[TableRow], collected: BidCollector) -> None:
    """Write the page, whole or not at all. Raises EdgeSaleError where it cannot be written."""
    template = (resources.files(__package__) / "page.html").read_text(encoding="utf-8")
    data = json.dumps(document(runs, rows, collected), ensure_ascii=False, allow_nan=False)
    # inside a script element only "</" and "<!--" have a meaning
    text = template.replace("{{DATA}}", data.replace("<", "\\u003c"))
    staged = file.with_name(f".{file.name}.new")
    try:
        staged.write_text(text, encoding="utf-8")
        staged.replace(file)
    except OSError as error:
        raise EdgeSaleError(f"{file}: cannot be written: {error.strerror}") from error


def document(runs: Runs, rows: Sequence[TableRow], collected: BidCollector) -> dict[str, Any]:
    """Everything that the page draws, as plain JSON values."""
    head, body = printed.cells(rows)
    plain = printed.document(runs, rows)
    return {
        "about": plain["about"],
        "largest": runs.largest,
        "head": head,
        "body": body,
        "rows": plain["rows"],
        "notes": printed.notes(runs, rows),
        "shapley": plain["shapley"],
        "curves": {name: np.mean(drawn, axis=0).round(6).tolist() for name, drawn in runs.curves.items()},
        "time": {name: _over_time(runs, name) for name in collected.of},
        "calibration": {name: _calibration(kept) for name, kept in collected.of.items() if "chance" in kept.signals},
        "signals": {name: _signals(kept) for name, kept in collected.of.items()},
        "auctions": {n: kept.auctions for n, kept in collected.of.items() if runs.group(n) != "ablation"},
    }


def _over_time(runs: Runs, name: str) -> list[float]:
    """How often another agent than the largest worked, in each part of the order; a mean over the orders."""
    column = runs.columns[name]
    small = np.asarray(column.agent) != runs.agents.get(runs.largest, -1)
    order = np.asarray(column.order)
    rates = [metrics.over_time(small[order == one], STRETCHES) for one in np.unique(order)]
    return [round(float(x), 4) for x in np.mean(rates, axis=0)]


def _calibration(bids: MethodBids) -> dict[str, Any]:
    value, right = np.asarray(bids.value), np.asarray(bids.right)
    known = right >= 0
    bins, error = metrics.calibration(value[known], right[known])
    return {"bins": bins, "error": None if np.isnan(error) else error}


def _signals(bids: MethodBids) -> list[dict[str, Any]]:
    """AUC of each signal, and of the value of each agent's bids, for telling right work from wrong."""
    right, value, agent = np.asarray(bids.right), np.asarray(bids.value), np.asarray(bids.agent)
    columns = {"value": value, **{name: np.asarray(column) for name, column in bids.signals.items()}}
    columns |= {
        f"value, {name} alone": np.where(agent == place, value, np.nan) for place, name in enumerate(bids.agents)
    }
    found = []
    for name, x in columns.items():
        known = (right >= 0) & ~np.isnan(x)
        area = auc(x[known], right[known])
        if not np.isnan(area):
            good = int((right[known] == 1).sum())
            error = metrics.auc_error(area, good, int(known.sum()) - good)
            found.append({"name": name, "auc": round(area, 4), "error": round(error, 4), "bids": int(known.sum())})
    return found
