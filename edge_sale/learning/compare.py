"""Compare ways of fitting the weights, each on tasks that it was not fitted to.

The outcome of a bid that did no work is unknown. The agent's share of successes on record stands for it
(`outcome_model.expected`). So the figures of weights that would have picked another winner are estimates, and
`known` says which share of a figure is on record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_sale.learning import outcome_model, paper_program
from edge_sale.learning.outcome_model import SLACK
from edge_sale.learning.table import Floats, Places, Table, experienced
from edge_sale.scoring import program
from edge_sale.scoring.auc import LEVEL
from edge_sale.scoring.weights import Weights

Fit = Callable[[Table], Weights]
SHIPPED, PAPER, OUTCOME = "shipped", "paper's program", "outcome model"


@dataclass(frozen=True, slots=True)
class WeightsRow:
    """Mean figures a task of one way of choosing. Regret: share of tasks that some agent, but not it, did right."""

    name: str
    passed: float
    error: float  # standard error of `passed`
    dollars: float
    regret: float  # nan where not everybody's outcome is known
    known: float  # share of the chosen bids whose outcome is on record
    gain: float = 0.0  # of `passed` over the shipped weights, task by task
    gain_error: float = 0.0
    shares: Mapping[str, float] | None = None  # agent -> share of the tasks

    @property
    def told_apart(self) -> bool:
        """Whether the gain differs from 0 at the 95 % level."""
        return abs(self.gain) > LEVEL * self.gain_error > 0


@dataclass(frozen=True, slots=True)
class WeightsComparison:
    """All rows. `best` names the proposed way of fitting; None where nothing beats the shipped weights."""

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
    """Cross-validate every way of fitting, beside the shipped weights, those in force and each agent alone.

    Fitted weights in force may have been fitted to these very outcomes. Their row is shown, and never proposed.
    The paper's program has no row where its solver is not installed.
    """
    fits: dict[str, Fit] = {SHIPPED: lambda train: shipped}
    if program.installed():
        fits[PAPER] = lambda train: paper_program.fit(train, shipped, seconds / outcome_model.FOLDS).weights
    fits[OUTCOME] = lambda train: outcome_model.fit(train, shipped, seed, slack).weights
    passed, paid = outcome_model.expected(table)
    chosen = {name: np.zeros(len(table.bids), dtype=int) for name in fits}
    for train, test in outcome_model.folds(len(table.bids), seed):
        past = table.part(train)
        seen = experienced(table.part(test), past)
        for name, fit in fits.items():
            chosen[name][test] = choice(seen, fit(past))
    if now is not None and now.name != shipped.name:
        chosen[f"in force: {now.name}"] = choice(experienced(table, table), now)
    base = passed[np.arange(len(table.bids)), chosen[SHIPPED]]
    rows = [_row(name, table, places, passed, paid, base) for name, places in chosen.items()]
    rows += _alone(table, passed, paid, base)
    return WeightsComparison(tuple(rows), _better(rows, slack))


def choice(table: Table, weights: Weights) -> Places:
    """For each task, the index of the agent whose bid asks least, shape (N,)."""
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
    """A row for each agent doing every task, the cheapest first. Empty unless all agents bid for every task."""
    prices = table.signal("price")
    if not table.present.all():
        return []
    order = np.argsort(prices.mean(axis=0), kind="stable")
    return [
        _row(f"{table.agents[a]} alone", table, np.full(len(passed), a), passed, paid, base) for a in order.tolist()
    ]


def _better(rows: list[WeightsRow], slack: float) -> str | None:
    """The cheapest fit within `slack` of the best pass@1; None unless it beats the shipped weights."""
    known = {row.name: row for row in rows}
    shipped = known[SHIPPED]
    fitted = [known[name] for name in (OUTCOME, PAPER) if name in known]
    best = max(row.passed for row in fitted)
    found = min((row for row in fitted if row.passed >= best - slack), key=lambda row: row.dollars)
    if found.passed > shipped.passed + slack:
        return found.name
    cheaper = found.dollars < 0.99 * shipped.dollars
    return found.name if found.passed >= shipped.passed - slack and cheaper else None


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
