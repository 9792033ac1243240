"""From recorded outcomes to a proposal: fit, compare, and say which weights to put in force."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edge_sale.errors import EdgeSaleError, ExtraMissing
from edge_sale.learning import compare, outcome_model, paper_program
from edge_sale.learning.compare import PAPER, WeightsComparison
from edge_sale.learning.table import Table
from edge_sale.scoring import program
from edge_sale.scoring.weights import Weights

LEAST = 10  # outcomes below which nothing is fitted
FEW = 100  # below which a comparison says so
SAY = "rate answers with edge-sale good or edge-sale bad, or run tasks with --check"


@dataclass(frozen=True, slots=True)
class Proposal:
    """The result of a fit. `weights` is None where nothing beats the shipped weights."""

    comparison: WeightsComparison
    method: str | None
    weights: Weights | None
    moved: float  # how far outcomes moved the outcome model from the shipped weights, 0..1
    how: str  # how far the paper's program was solved, or why it was left out
    notes: tuple[str, ...]
    data: dict[str, Any]

    @property
    def scores(self) -> list[dict[str, Any]]:
        """The comparison as plain values."""
        rows = [asdict(row) | {"told_apart": row.told_apart} for row in self.comparison.rows]
        return [{k: None if isinstance(x, float) and math.isnan(x) else x for k, x in row.items()} for row in rows]


def usable(table: Table, agents: Sequence[str]) -> tuple[Table, list[str]]:
    """The part of the table that is about these agents, and notes on what was left out.

    Raises EdgeSaleError, with what is missing, where there is too little to fit.
    """
    notes: list[str] = []
    if not table.bids:
        raise EdgeSaleError(f"nothing recorded yet to learn from; run some tasks and {SAY}")
    if table.outcomes == 0:
        raise EdgeSaleError(f"none of the {len(table.bids)} recorded tasks has a known outcome; {SAY}")
    gone = [name for name in table.agents if name not in agents]
    here = [name for name in table.agents if name in agents]
    left = {name: int((~np.isnan(table.right[:, table.agents.index(name)])).sum()) for name in gone}
    if not here:
        raise EdgeSaleError(
            f"all {table.outcomes} outcomes are of agents that are not in the pool: {', '.join(gone)}; the pool has "
            f"{', '.join(agents)}: name their pool with --pool, or {SAY}"
        )
    if gone:
        lost = ", ".join(f"{name} ({count} outcomes)" for name, count in left.items())
        notes.append(f"left out, no longer in the pool: {lost}")
    known = table.of(here)
    known = known.part(np.nonzero(~np.isnan(known.right).all(axis=1))[0])
    right = int(np.nansum(known.right))
    if known.outcomes and right in (0, known.outcomes):
        which, other = ("right", "bad") if right else ("wrong", "good")
        raise EdgeSaleError(
            f"all {known.outcomes} known outcomes are {which}: weights learn to tell right from wrong, so both kinds "
            f"are needed; mark an answer as {other} with: edge-sale {other} ID"
        )
    if known.outcomes < LEAST:
        raise EdgeSaleError(f"{known.outcomes} outcomes are known, at least {LEAST} are needed; {SAY}")
    silent = [name for name in agents if name not in here or np.isnan(known.right[:, known.agents.index(name)]).all()]
    if silent:
        notes.append(f"no outcome is known of {', '.join(silent)}: they get the weights that all agents share")
    return known, notes


def propose(
    table: Table,
    shipped: Weights,
    now: Weights,
    agents: Sequence[str],
    seconds: float,
    seed: int = 0,
    slack: float = outcome_model.SLACK,
) -> Proposal:
    """Fit in both ways, compare them on held-out tasks and propose the better. Raises EdgeSaleError."""
    known, notes = usable(table, agents)
    compared = compare.compare(known, shipped, now, seconds, seed, slack)
    fitted = outcome_model.fit(known, shipped, seed, slack)
    solved = paper_program.fit(known, shipped, seconds) if program.installed() else None
    how = solved.how if solved else f"left out: {ExtraMissing('highspy', 'fit')}"
    notes.append(f"the paper's program: {how}")
    if known.outcomes < FEW:
        notes.append(
            f"{known.outcomes} outcomes are few: they moved the outcome model {fitted.moved:.0%} of the way from the "
            "shipped weights; the weight of a dollar stays as shipped"
        )
    else:
        notes.append(f"outcomes moved the outcome model {fitted.moved:.0%} of the way from the shipped weights")
    if not known.complete:
        part = min(row.known for row in compared.rows)
        notes.append(
            "only the outcomes of work that was done are known: where other weights would have picked another winner "
            f"(down to {part:.0%} are on record), the agent's usual share stands for its outcome"
        )
    weights = None
    if compared.best:
        weights = solved.weights if solved and compared.best == PAPER else fitted.weights
        weights = replace(weights, provenance=_provenance(compared.best, known, weights))
        if not compared.row(compared.best).told_apart:
            notes.append("its gain in pass@1 may be chance; more outcomes will tell")
    return Proposal(compared, compared.best, weights, fitted.moved, how, tuple(notes), _about(known))


def _about(table: Table) -> dict[str, Any]:
    tried = (~np.isnan(table.right)).sum(axis=0)
    right = np.nansum(table.right, axis=0)
    return {
        "from": table.name,
        "tasks": len(table.bids),
        "outcomes": table.outcomes,
        "right": int(right.sum()),
        "agents": {a: [int(r), int(t)] for a, r, t in zip(table.agents, right, tried, strict=True)},
        "newest": table.newest,
        "digest": table.digest(),
    }


def _provenance(method: str, table: Table, weights: Weights) -> str:
    return f"{method}: {weights.provenance}; {table.outcomes} outcomes on {len(table.bids)} tasks of {table.name}"
