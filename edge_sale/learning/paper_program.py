"""The paper's own fitting of the weights on recorded bids: min over w, x of the largest z_t (see scoring/exact.py).

Kept for fidelity. Nothing in it asks the weights to tell right work from wrong: it makes the worst of the chosen
bids promise as much as possible, among agents that were right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_sale.errors import EdgeSaleError
from edge_sale.learning.table import Table
from edge_sale.scoring import exact, program
from edge_sale.scoring.weights import Weights


@dataclass(frozen=True, slots=True)
class Solved:
    """The weights; how they were found, in words."""

    weights: Weights
    how: str


def fit(table: Table, shipped: Weights, seconds: float = 60.0) -> Solved:
    """C = w_c price x length, V = w_h entropy + sum of w_j score. Raises EdgeSaleError where nobody scored anything."""
    signals = {"price_length": table.signal("price_length"), "entropy": -table.signal("entropy")}
    jurors = {juror: -table.score(juror) for juror in table.jurors}
    parts = {name: x for name, x in {**signals, **jurors}.items() if np.nanmax(np.abs(x)) > 0}
    if not parts:
        raise EdgeSaleError("the recorded bids hold no price, entropy or score to weigh")
    stacked = np.stack(list(parts.values()), axis=2)
    present = ~np.isnan(table.signal("price_length"))
    scale = np.nanmax(np.abs(stacked), axis=(0, 1))
    usual = np.nanmean(stacked, axis=(0, 1))  # of what was not asked, because it could not change the winner
    signs = np.where(np.isnan(stacked), usual, stacked) / scale
    allowed = (table.right == 1) & present
    allowed = np.where(allowed.any(axis=1, keepdims=True), allowed, present)
    kept = allowed.any(axis=1)
    start = program.fit(signs[kept], allowed[kept])
    if exact.there():
        found = exact.solve(signs[kept], allowed[kept], seconds, start)
        w, how = found.weights, found.how
    else:
        w, how = start, "by search on a grid; pip install 'edge-sale[fit]' solves the program itself"
    named = dict(zip(parts, (w / scale).tolist(), strict=True))
    return Solved(
        Weights(
            "fit",
            0,
            f"the paper's min-max program, {how}",
            {name: named.get(name, 0.0) for name in signals},
            0.0,
            {juror: named.get(juror, 0.0) for juror in jurors},
            shipped.reserve_price,
        ),
        how,
    )
