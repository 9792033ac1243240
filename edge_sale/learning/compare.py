"""Which weights would have sold best: each way of fitting, on tasks that it had not seen.

Of a bid whose work nobody ordered the outcome is not known. It counts as that agent's share on the record
(`outcome.expected`), so what is said of auctions that other weights would have sold otherwise is an estimate,
and `known` says how much of a figure is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_sale.learning import outcome_model, paper_program
from edge_sale.learning.outcome_model import SLACK
from edge_sale.learning.table import Floats, Places, Table, experienced
from edge_sale.scoring.auc import LEVEL
from edge_sale.scoring.weights import Weights

Fit = Callable[[Table], Weights]
SHIPPED, PAPER, OUTCOME = "shipped", "paper's program", "outcome model"


@dataclass(frozen=True, slots=True)
class WeightsRow:
    """What a way of choosing comes to, a task. Regret: of the tasks that somebody did right, those it missed."""

    name: str
    passed: float
    error: float  # standard error of `passed`
    dollars: float
    regret: float  # nan where not everybody's outcome is known
    known: float  # share of the chosen bids whose outcome is on record
    gain: float = 0.0  # in `passed` against the weights as shipped, task by task
    gain_error: float = 0.0
    shares: Mapping[str, float] | None = None  # agent -> share of the tasks

    @property
    def told_apart(self) -> bool:
        """Whether the gain is more than chance would have it, at 95 %."""
        return abs(self.gain) > LEVEL * self.gain_error > 0


@dataclass(frozen=True, slots=True)
class WeightsComparison:
    """All rows; `best` is the way of fitting that is proposed, None where nothing is better than what is shipped."""

    rows: tuple[WeightsRow, ...]
    best: str | None

    def row(self, name: str) -> WeightsRow:
        return next(row for row in self.rows if row.name == name)


def compare(
    table: Table,
    shipped: Weights,
    now: Weights | None = None,
    seconds: float = 60.0,
    seed: int = 0,
    slack: float = SLACK,
) -> WeightsComparison:
    """Every way of fitting by cross-validation beside the shipped weights, those in force, and each agent alone.

    Weights in force that were fitted have seen these very outcomes, if they are newer than the fit: they are
    shown for what they do, and not chosen by.
    """
    work_strategies: dict[str, Fit] = {
        SHIPPED: lambda train: shipped,
        PAPER: lambda train: paper_program.fit(train, shipped, seconds / outcome_model.FOLDS).weights,
        OUTCOME: lambda train: outcome_model.fit(train, shipped, seed, slack).weights,
    }
    passed, paid = outcome_model.expected(table)
    chosen = {name: np.zeros(len(table.bids), dtype=int) for name in work_strategies}
    for train, test in outcome_model.folds(len(table.bids), seed):
        past = table.part(train)
        seen = experienced(table.part(test), past)
        for name, fit in work_strategies.items():
            chosen[name][test] = choice(seen, fit(past))
    if now is not None and now.name != shipped.name:
        chosen[f"in force: {now.name}"] = choice(experienced(table, table), now)
    base = passed[np.arange(len(table.bids)), chosen[SHIPPED]]
    rows = [_row(name, table, places, passed, paid, base) for name, places in chosen.items()]
    rows += _alone(table, passed, paid, base)
    return WeightsComparison(tuple(rows), _better(rows, slack))


def choice(table: Table, weights: Weights) -> Places:
    """The place of the agent that asks least for each task."""
    cost, value = table.sides(weights)
    return np.asarray(np.argmin(cost - value, axis=1), dtype=np.int64)


def _row(name: str, table: Table, places: Places, passed: Floats, paid: Floats, base: Floats) -> WeightsRow:
    rows = np.arange(len(places))
    mine = passed[rows, places]
    gain = mine - base
    bidders = np.bincount(places, minlength=len(table.agents)) / len(places)
    missed = float((np.nanmax(table.right, axis=1) - mine).mean()) if table.complete else math.nan
    return WeightsRow(
        name,
        float(mine.mean()),
        _error(mine),
        float(paid[rows, places].mean()),
        missed,
        float((~np.isnan(table.right[rows, places])).mean()),
        float(gain.mean()),
        _error(gain),
        dict(zip(table.agents, bidders.tolist(), strict=True)),
    )


def _alone(table: Table, passed: Floats, paid: Floats, base: Floats) -> list[WeightsRow]:
    """Each agent doing everything, the cheapest first; only where all have bid for everything."""
    prices = table.signal("price")
    if not table.present.all():
        return []
    order = np.argsort(prices.mean(axis=0), kind="stable")
    return [
        _row(f"{table.agents[a]} alone", table, np.full(len(passed), a), passed, paid, base) for a in order.tolist()
    ]


def _better(rows: list[WeightsRow], slack: float) -> str | None:
    """Of the fitted ways the better by pass@1, within `slack` the cheaper; None unless it beats the shipped."""
    known = {row.name: row for row in rows}
    shipped = known[SHIPPED]
    best = max(known[name].passed for name in (PAPER, OUTCOME))
    near = [known[name] for name in (OUTCOME, PAPER) if known[name].passed >= best - slack]
    found = min(near, key=lambda row: row.dollars)
    if found.passed > shipped.passed + slack:
        return found.name
    cheaper = found.dollars < 0.99 * shipped.dollars
    return found.name if found.passed >= shipped.passed - slack and cheaper else None


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
