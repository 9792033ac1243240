"""The jury: every agent scores every plan, its own included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_sale.engines.desk import Desk
from edge_sale.events import Began, SatOut
from edge_sale.types import Agent, Bid, Task


def judge(task: Task, bids: Sequence[Bid], jurors: Sequence[Agent], desk: Desk) -> list[Bid]:
    """The bids with each juror's scores. A juror that fails gives none, and the trace says why."""
    if not bids:
        return []
    desk.emit(Began("judge", tuple(juror.name for juror in jurors)))
    plans = [bid.strategy.text for bid in bids]
    verdicts = desk.drive({juror.name: juror.judge(task, plans) for juror in jurors}, "judge")
    for name, verdict in verdicts.items():
        if isinstance(verdict, Exception):
            desk.emit(SatOut(name, str(verdict), "judge"))
    return [
        replace(bid, scores={n: v[i] for n, v in verdicts.items() if not isinstance(v, Exception)})
        for i, bid in enumerate(bids)
    ]
