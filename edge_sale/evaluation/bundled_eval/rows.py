"""Who is in the table: the baselines of `evaluation.baselines`, and auctions under the pool's own weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from edge_sale.evaluation import baselines as known
from edge_sale.evaluation import replay
from edge_sale.evaluation.arrays import Floats, View
from edge_sale.evaluation.baselines import Contender
from edge_sale.evaluation.replay import Seal, Sealed
from edge_sale.scoring.weights import Weights

SALE, FORGETFUL, PUBLISHED = "SALE", "SALE without memory", "SALE, the paper's fitting"
BASELINES = (
    "random",
    "k-NN",
    "WTP",
    "CARROT",
    "TO-Router",
    "FrugalGPT",
    "WTP, same budget",
    "CARROT, same budget",
    "FrugalGPT, same budget",
    "oracle",
)
DIALS = tuple(np.geomspace(0.5, 200, 60).round(3).tolist())  # of the cost's weight, for the row with a budget
ROUTERS = ("k-NN", "WTP", "CARROT", "TO-Router", "WTP, same budget", "CARROT, same budget")  # read the task alone


def contenders(view: View, weights: Weights) -> list[Contender]:
    """All that can be replayed from the grid; what remembers is sold live (`sales.py`)."""
    parts = ("price", "length", "entropy", "jury")
    ablations = [
        *((f"without {part}", partial(under, weights, without=part)) for part in parts),
        *((f"{who}-only jury", partial(under, weights, jurors=who)) for who in ("self", "peer")),
    ]
    return [
        *(known.single(agent) for agent in view.agents),
        *(_here(one) for name in BASELINES for one in known.BASELINES if one.name == name),
        _auction(PUBLISHED, replay.published, "sale", "weights by the paper's min-max program on the training tasks"),
        _auction(FORGETFUL, partial(under, weights), "sale", f"weights {weights.name} v{weights.version}"),
        replace(
            _auction(f"{FORGETFUL}, same budget", partial(under, weights), "sale", "cost weighs as the budget asks"),
            dials=DIALS,
            budget=True,
        ),
        *(_auction(f"{FORGETFUL}, {what}", seal, "ablation", "") for what, seal in ablations),
    ]


def _here(one: Contender) -> Contender:
    return replace(one, departs=one.departs.replace("MiniLM vectors", "the pool's own vectors"))


def _auction(name: str, seal: object, group: str, departs: str) -> Contender:
    return known._auction(name, seal, departs, live=True, group=group)  # type: ignore[arg-type]


def under(weights: Weights, train: View, without: str = "", jurors: str = "all") -> Seal:
    """Auctions under these weights, whatever the training tasks say; all bid live, the largest too.

    `without` price or length leaves that factor out of C, `without` entropy or jury that part of V. `jurors`:
    "self" counts each juror on its own plan alone, "peer" on all others.
    """
    signals = dict(weights.signals)
    if without in ("price", "length") and (w := signals.pop("price_length", 0.0)):
        rest = "length" if without == "price" else "price"  # on the scale of what is left out: its mean over the bids
        mean = train.prices.mean() * 100 if without == "price" else float(train.plan_tokens.mean())
        signals[rest] = w * mean
    if without == "entropy":
        signals = {name: w for name, w in signals.items() if name not in ("entropy", "certainty")}
    here = replace(weights, signals=signals)
    if without == "jury":
        here = replace(here, juror=0.0, jurors={})

    def seal(view: View, itself: bool = False) -> Sealed:
        return _sealed(view, here, "" if without == "jury" else jurors)

    return seal


def _sealed(view: View, weights: Weights, jurors: str) -> Sealed:
    scores = _votes(view, jurors) if jurors else {}
    entropy = view.entropy if view.entropy is not None else np.zeros_like(view.tokens)
    parts: dict[str, Floats] = {
        "price_length": view.prices * view.plan_tokens,
        "price": np.broadcast_to(view.prices, view.plan_tokens.shape),
        "length": view.plan_tokens / 100,
        "entropy": entropy,
        "certainty": -entropy,
    }
    costs = {"price_length", "price", "length"}
    nothing = np.zeros_like(view.tokens)
    cost = sum((w * parts[name] for name, w in weights.signals.items() if name in costs), nothing)
    value = sum((w * parts[name] for name, w in weights.signals.items() if name not in costs), nothing)
    value = value + sum((weights.of_juror(juror) * score for juror, score in scores.items()), nothing)

    def dialled(dial: float) -> Weights:
        times = dial or 1.0  # a row without a dial has 0 for one
        signals = {name: w * (times if name in costs else 1.0) for name, w in weights.signals.items()}
        return replace(weights, signals=signals)

    return Sealed(cost, value, dialled, scores, fallback=False, relative=True)


def _votes(view: View, jurors: str) -> Mapping[str, Floats]:
    if jurors == "all":
        return view.scores
    own = {juror: np.array([agent == juror for agent in view.agents]) for juror in view.scores}
    return {j: np.where(own[j] if jurors == "self" else ~own[j], view.scores[j], 0.0) for j in view.scores}
