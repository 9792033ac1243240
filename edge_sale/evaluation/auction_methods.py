"""SALE's rows of the table and their ablations, and all methods that a recording allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from edge_sale.errors import ExtraMissing
from edge_sale.evaluation.appraisals import SIGNALS, fitted, published
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.baselines import BASELINES, DIALS, Method, single
from edge_sale.evaluation.replay import Appraise
from edge_sale.scoring import program

SOURCE = "SALE (arXiv 2602.02751)"
VERIFIED_SALE = "SALE with verified escalation"
WITH_BUDGET: dict[str, Any] = {"dials": DIALS, "budget": True}
CHECKED: dict[str, Any] = {**WITH_BUDGET, "verified": True}


def auction(name: str, appraise: Callable[[View], Appraise], departs: str = "", **options: Any) -> Method:
    """An auction of ours as a row of the table."""
    return Method(name, SOURCE, departs=departs, appraise=appraise, **options)


def _as_published(name: str, departs: str = "", group: str = "ablation", **options: Any) -> Method:
    solver = options.get("how") != "average"
    return auction(name, partial(published, **options), departs, live=True, group=group, needs_solver=solver)


SALES = (
    _as_published("SALE as published", "entropy only where the records hold it; no refinement", group="sale"),
    auction(
        "SALE without memory",
        partial(fitted, without=("topic", "hashed features")),
        "value: a chance fitted from outcomes",
        **WITH_BUDGET,
        group="sale",
    ),
    auction("SALE", fitted, "memory is experience: plans on record cannot be refined", **WITH_BUDGET, group="sale"),
    auction(
        VERIFIED_SALE, fitted, "where the environment checks work, local agents try first", **CHECKED, group="sale"
    ),
)

ABLATIONS = (
    _as_published("published, without price", without="price"),
    _as_published("published, without length", without="length"),
    _as_published("published, without entropy", without="entropy"),
    _as_published("published, without jury", without="jury"),
    _as_published("published, average fitting", how="average"),
    _as_published("published, self-only jury", jurors="self"),
    _as_published("published, peer-only jury", jurors="peer"),
    *(
        auction(f"verified, without {what}", partial(fitted, without=(what,)), **CHECKED, group="ablation")
        for what in SIGNALS
    ),
    auction("verified, without price", fitted, verified=True, group="ablation"),
)


def methods(view: View) -> list[Method]:
    """All methods that this recording allows. A jury that does not bid has no self-only and peer-only ablation."""
    bidding_jury = any(juror in view.agents for juror in view.scores)
    ablations = [m for m in ABLATIONS if bidding_jury or "-only" not in m.name]
    if not view.scores:
        ablations = [m for m in ablations if "jury" not in m.name]
    if view.entropy is None:
        ablations = [m for m in ablations if "entropy" not in m.name]
    return [*(single(name) for name in view.agents), *BASELINES, *SALES, *ablations]


def runnable(wanted: Sequence[Method]) -> tuple[list[Method], str]:
    """The methods that can run here, and a line about those left out for want of the solver (empty if none)."""
    if program.installed():
        return list(wanted), ""
    left_out = [m.name for m in wanted if m.needs_solver]
    note = f"left out: {', '.join(left_out)}; {ExtraMissing('highspy', 'fit')}" if left_out else ""
    return [m for m in wanted if not m.needs_solver], note
