"""How well each signal tells right work from wrong: its AUC overall, for each agent, and within tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_sale.learning.table import Floats, Table, experienced
from edge_sale.scoring import auc
from edge_sale.scoring.auc import Area
from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Weights


@dataclass(frozen=True, slots=True)
class SignalAuc:
    """One signal. Above 0.5 high values are good, below 0.5 low values are; at 0.5 it tells nothing."""

    signal: str
    overall: Area
    within: Area  # among the bids on one task
    agents: Mapping[str, Area]
    about: str


def report(table: Table, now: Weights | None = None) -> list[SignalAuc]:
    """Every signal of the bids, every juror, and V of the weights in force; the most informative first."""
    known = experienced(table, table)
    done = ~np.isnan(known.right)
    columns: dict[str, tuple[Floats, str]] = {
        name: (known.signal(name), signal.about) for name, signal in SIGNALS.items() if not signal.alike
    }
    gave = "what this juror gave the plan, 0..5"
    columns |= {f"score by {juror}": (known.score(juror), gave) for juror in known.jurors}
    if now is not None:
        columns[f"value by {now.name}"] = (known.sides(now)[1], "V under the weights in force")
    task = np.broadcast_to(np.arange(len(known.bids))[:, None], known.right.shape)
    found = []
    for name, (x, about) in columns.items():
        here = done & ~np.isnan(x)
        if not here.any() or np.ptp(x[here]) == 0:
            continue
        agents = {
            agent: auc.clustered(x[here[:, a], a], known.right[here[:, a], a], task[here[:, a], a])
            for a, agent in enumerate(known.agents)
        }
        overall = auc.clustered(x[here], known.right[here], task[here])
        found.append(SignalAuc(name, overall, auc.within(x[here], known.right[here], task[here]), agents, about))
    return sorted(found, key=lambda one: -abs(np.nan_to_num(one.overall.auc, nan=0.5) - 0.5))
