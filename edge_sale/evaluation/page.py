"""Runs as one self-contained page: no script, font or picture from elsewhere, readable in light and dark."""

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
from edge_sale.evaluation.table import Runs, TableRow
from edge_sale.scoring.auc import auc

BROWSED = 300  # auctions of a contender that can be looked at one by one
STRETCHES = 10  # of a task order, for the win rate over time


@dataclass(slots=True)
class Told:
    """What the bids of one contender say: flat arrays, and a few auctions whole."""

    value: array[float] = field(default_factory=lambda: array("f"))
    right: array[int] = field(default_factory=lambda: array("b"))  # -1: not known
    who: list[str] = field(default_factory=list)
    agent: array[int] = field(default_factory=lambda: array("H"))  # place in `who`
    signals: dict[str, array[float]] = field(default_factory=dict)
    auctions: list[dict[str, Any]] = field(default_factory=list)


class Kept:
    """Hears every sold line and keeps of the first order's what the page shows: one task, one auction."""

    def __init__(self) -> None:
        self.of: dict[str, Told] = {}

    def __call__(self, sold: dict[str, Any]) -> None:
        bids = sold.get("bids")
        if not bids or sold.get("order", 0) != 0:  # or every error of an AUC would be too small
            return
        told = self.of.setdefault(sold["contender"], Told())
        for bid in bids:
            if bid["agent"] not in told.who:
                told.who.append(bid["agent"])
            told.agent.append(told.who.index(bid["agent"]))
            told.value.append(bid["value"])
            told.right.append({None: -1, False: 0, True: 1}[bid.get("right")])
            read = {
                "price": bid["price"],
                **bid.get("signals", {}),
                **{f"score by {juror}": score for juror, score in bid.get("scores", {}).items()},
            }
            if bid["tokens"]:  # a fallback has no plan
                read["plan length"] = bid["tokens"]
            for name, x in read.items():
                told.signals.setdefault(name, array("f", [np.nan]) * (len(told.value) - 1)).append(x)
            for column in told.signals.values():
                if len(column) < len(told.value):
                    column.append(np.nan)
        if len(told.auctions) < BROWSED:
            told.auctions.append(sold)


def write(file: Path, runs: Runs, rows: Sequence[TableRow], kept: Kept) -> None:
    """Writes the page, whole or not at all. Raises EdgeSaleError where it cannot."""
    template = (resources.files(__package__) / "page.html").read_text(encoding="utf-8")
    data = json.dumps(document(runs, rows, kept), ensure_ascii=False, allow_nan=False)
    # inside a script element only "</" and "<!--" could end or open anything
    text = template.replace("{{DATA}}", data.replace("<", "\\u003c"))
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        raise EdgeSaleError(f"{file}: cannot be written: {error.strerror}") from error


def document(runs: Runs, rows: Sequence[TableRow], kept: Kept) -> dict[str, Any]:
    """All that the page draws, as plain JSON values."""
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
        "time": {name: _over_time(runs, name) for name in kept.of},
        "calibration": {name: _calibration(told) for name, told in kept.of.items() if "chance" in told.signals},
        "signals": {name: _signals(told) for name, told in kept.of.items()},
        "auctions": {n: told.auctions for n, told in kept.of.items() if _group(runs, n) != "ablation"},
    }


def _group(runs: Runs, name: str) -> str:
    return str(runs.contenders.get(name, {}).get("group", ""))


def _over_time(runs: Runs, name: str) -> list[float]:
    """How often another than the largest agent did the work, in stretches of the order, over all orders."""
    column = runs.columns[name]
    small = np.asarray(column.agent) != runs.agents.get(runs.largest, -1)
    order = np.asarray(column.order)
    rates = [metrics.over_time(small[order == one], STRETCHES) for one in np.unique(order)]
    return [round(float(x), 4) for x in np.mean(rates, axis=0)]


def _calibration(told: Told) -> dict[str, Any]:
    value, right = np.asarray(told.value), np.asarray(told.right)
    known = right >= 0
    bins, error = metrics.calibration(value[known], right[known])
    return {"bins": bins, "error": None if np.isnan(error) else error}


def _signals(told: Told) -> list[dict[str, Any]]:
    """AUC of each signal, and of the value of each agent's bids, for telling right work from wrong."""
    right, value, agent = np.asarray(told.right), np.asarray(told.value), np.asarray(told.agent)
    columns = {"value": value, **{name: np.asarray(column) for name, column in told.signals.items()}}
    columns |= {f"value, {name} alone": np.where(agent == place, value, np.nan) for place, name in enumerate(told.who)}
    found = []
    for name, x in columns.items():
        known = (right >= 0) & ~np.isnan(x)
        area = auc(x[known], right[known])
        if not np.isnan(area):
            good = int((right[known] == 1).sum())
            error = metrics.auc_error(area, good, int(known.sum()) - good)
            found.append({"name": name, "auc": round(area, 4), "error": round(error, 4), "bids": int(known.sum())})
    return found
