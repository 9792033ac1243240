"""Rows of the table as text: cells for a terminal, Markdown, JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from edge_sale.evaluation.markdown import markdown_table
from edge_sale.evaluation.runs import Runs
from edge_sale.evaluation.table import TableRow, escalations, pool_value

HEAD = (
    "method",
    "pass@1 %",
    "95 %",
    "± orders",
    "largest %",
    "$/Mt",
    "$/1k tasks",
    "auction tok. %",
    "APGR",
    "CPT50",
    "CPT80",
    "AIQ",
    "CostSave %",
    "PerfGain %",
    "Gap@O",
    "arena",
)
PARTS = (range(8), (0, *range(8, 16)))  # the columns of two tables, each narrow enough for a terminal


def cells(rows: Sequence[TableRow]) -> tuple[list[str], list[list[str]]]:
    """Head and body, all text."""
    return list(HEAD), [_cells(row) for row in rows]


def markdown(rows: Sequence[TableRow]) -> str:
    """The first columns, those of the README's table, as Markdown."""
    head, body = cells(rows)
    shown = PARTS[0]
    return markdown_table([head[i] for i in shown], [[row[i] for i in shown] for row in body], right=shown[1:])


def bins(rows: Sequence[TableRow]) -> tuple[list[str], list[list[str]]]:
    """pass@1 (and the largest agent's share) of each method in each bin."""
    return _by_bin(rows, lambda bin: f"{100 * bin[0]:.0f} ({100 * bin[1]:.0f})")


def costs(rows: Sequence[TableRow]) -> tuple[list[str], list[list[str]]]:
    """Millionths of a dollar a task, including the choosing, of each method in each bin."""
    return _by_bin(rows, lambda bin: f"{1e6 * bin[3]:.3g}")


def _by_bin(
    rows: Sequence[TableRow], shown: Callable[[tuple[float, float, int, float]], str]
) -> tuple[list[str], list[list[str]]]:
    names = sorted({name for row in rows for name in row.bins})
    sizes = {name: max(row.bins[name][2] for row in rows if name in row.bins) for name in names}
    body = [[row.name, *(shown(row.bins[n]) if n in row.bins else "–" for n in names)] for row in rows]
    return ["method", *(f"{name} n={sizes[name]}" for name in names)], body


def notes(runs: Runs, rows: Sequence[TableRow]) -> list[str]:
    """Notes that explain the table."""
    about = runs.about
    found = [
        f"{about.get('set')}: {rows[0].tasks} tasks, {about.get('orders', 1)} order(s); {about.get('learned', '')}; "
        f"dials with a budget plan for at most {100 * about.get('budget', 1):.0f} % of {runs.largest}",
        "95 %: bootstrap over tasks; ± orders: standard deviation over task orders; dollars and tokens include the "
        "auction; AIQ is divided by the range of cost, CPT is a share of the largest agent, – is not defined",
    ]
    if worth := pool_value(runs):
        found.append("Shapley value for the oracle: " + ", ".join(f"{a} {v:.3f}" for a, v in worth.items()))
    for row in rows:
        over, under, _ = escalations(runs, row.name) if row.group == "sale" else (math.nan, math.nan, {})
        if not math.isnan(over):
            found.append(f"{row.name}: over-escalated {100 * over:.0f} % of tasks, under-escalated {100 * under:.0f} %")
    for name, method in runs.methods.items():
        if method.get("group") in ("baseline", "sale") and name in runs.columns:
            departs = method.get("departs")
            found.append(f"{name}: {method.get('source', '')}" + (f"; here: {departs}" if departs else ""))
    return found


def document(runs: Runs, rows: Sequence[TableRow]) -> dict[str, Any]:
    """Everything as plain JSON values. Undefined figures are null."""
    return {
        "about": {name: value for name, value in runs.about.items() if name != "clusters"},
        "bids": runs.bids,
        "shapley": pool_value(runs),
        "rows": [plain(dataclasses.asdict(row)) for row in rows],
        "confusion": {row.name: escalations(runs, row.name)[2] for row in rows if row.group == "sale"},
        "methods": list(runs.methods.values()),
    }


def plain(value: Any) -> Any:
    """The value for JSON: nan becomes null, and floats are rounded to eight digits."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 8)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _cells(row: TableRow) -> list[str]:
    return [
        row.name,
        f"{100 * row.passed:.1f}",
        f"{100 * row.low:.1f}–{100 * row.high:.1f}",
        f"{100 * row.spread:.1f}",
        f"{100 * row.share:.1f}",
        _number(row.per_million, "{:.2f}"),
        _number(1000 * row.per_task, "{:.2f}"),
        f"{100 * row.overhead:.1f}",
        _number(row.apgr, "{:.2f}"),
        _number(row.cpt50, "{:.2f}"),
        _number(row.cpt80, "{:.2f}"),
        _number(row.aiq, "{:.3f}"),
        _number(100 * row.cost_save, "{:.0f}"),
        _number(100 * row.perf_gain, "{:.1f}"),
        _number(100 * row.gap, "{:.1f}"),
        _number(row.arena, "{:.3f}"),
    ]


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else form.format(value)
