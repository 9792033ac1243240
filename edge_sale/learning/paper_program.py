"""The paper's own way of fitting the weights, on recorded bids (see `scoring/program.py`).

It is kept for fidelity. Nothing in the program asks the weights to tell right work from wrong: among agents that were
right, it makes the worst of the chosen bids promise as much as possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_sale.errors import EdgeSaleError
from edge_sale.learning.table import Table
from edge_sale.scoring import program
from edge_sale.scoring.weights import Weights


@dataclass(frozen=True, slots=True)
class Solved:
    """The weights, and in words how far the program was solved."""

    weights: Weights
    how: str


def fit(table: Table, shipped: Weights, seconds: float = 60.0) -> Solved:
    """Weights of C = w_c price x length and V = w_h entropy + sum of w_j score.

    Raises EdgeSaleError where the bids hold nothing to weigh, and ExtraMissing without the solver.
    """
    signals = {"price_length": table.signal("price_length"), "entropy": -table.signal("entropy")}
    jurors = {juror: -table.score(juror) for juror in table.jurors}
    parts = {name: x for name, x in {**signals, **jurors}.items() if np.nanmax(np.abs(x)) > 0}
    if not parts:
        raise EdgeSaleError("the recorded bids hold no price, entropy or score to weigh")
    stacked = np.stack(list(parts.values()), axis=2)
    present = ~np.isnan(table.signal("price_length"))
    scale = np.nanmax(np.abs(stacked), axis=(0, 1))
    usual = np.nanmean(stacked, axis=(0, 1))  # for scores that were not asked, because they could not change the winner
    signs = np.where(np.isnan(stacked), usual, stacked) / scale
    allowed = (table.right == 1) & present
    allowed = np.where(allowed.any(axis=1, keepdims=True), allowed, present)
    kept = allowed.any(axis=1)
    found = program.solve(signs[kept], allowed[kept], seconds)
    named = dict(zip(parts, (found.weights / scale).tolist(), strict=True))
    weights = Weights(
        "fit",
        0,
        f"the paper's min-max program, {found.how}",
        {name: named.get(name, 0.0) for name in signals},
        0.0,
        {juror: named.get(juror, 0.0) for juror in jurors},
        shipped.reserve_price,
    )
    return Solved(weights, found.how)
