"""The rows of the table: the baselines of `evaluation.baselines`, and auctions under the pool's own weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from edge_sale.evaluation import baselines as known
from edge_sale.evaluation.appraisals import counted_scores, published
from edge_sale.evaluation.arrays import Floats, View
from edge_sale.evaluation.auction_methods import auction
from edge_sale.evaluation.baselines import Method
from edge_sale.evaluation.replay import Appraisal, Appraise
from edge_sale.scoring.weights import Weights

SALE, WITHOUT_MEMORY, PUBLISHED = "SALE", "SALE without memory", "SALE, the paper's fitting"
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
DIALS = tuple(np.geomspace(0.5, 200, 60).round(3).tolist())  # factors of the cost's weight, for the row with a budget
ROUTERS = (
    "k-NN",
    "WTP",
    "CARROT",
    "TO-Router",
    "WTP, same budget",
    "CARROT, same budget",
)  # they read nothing but the task


def methods(view: View, weights: Weights) -> list[Method]:
    """All methods that the trials allow. The auctions with memory are held live instead (`live_auctions.py`)."""
    parts = ("price", "length", "entropy", "jury")
    ablations = [
        *((f"without {part}", partial(under, weights, without=part)) for part in parts),
        *((f"{who}-only jury", partial(under, weights, jurors=who)) for who in ("self", "peer")),
    ]
    here = partial(under, weights)
    fitting = "weights by the paper's min-max program on the training tasks"
    return [
        *(known.single(agent) for agent in view.agents),
        *(_with_own_vectors(one) for name in BASELINES for one in known.BASELINES if one.name == name),
        auction(PUBLISHED, published, fitting, live=True, group="sale", needs_solver=True),
        auction(WITHOUT_MEMORY, here, f"weights {weights.name} v{weights.version}", live=True, group="sale"),
        auction(
            f"{WITHOUT_MEMORY}, same budget",
            here,
            "cost weighs as the budget asks",
            live=True,
            group="sale",
            dials=DIALS,
            budget=True,
        ),
        *(auction(f"{WITHOUT_MEMORY}, {what}", ablated, live=True, group="ablation") for what, ablated in ablations),
    ]


def _with_own_vectors(one: Method) -> Method:
    return replace(one, departs=one.departs.replace("MiniLM vectors", "the pool's own vectors"))


def under(weights: Weights, train: View, without: str = "", jurors: str = "all") -> Appraise:
    """Auctions under these weights, which learn nothing from the training tasks. All agents bid live.

    `without` "price" or "length" leaves that factor out of C; "entropy" or "jury" leaves that part out of V. `jurors`
    "self" counts each juror's score of its own plan alone, "peer" the scores of all other plans.
    """
    signals = dict(weights.signals)
    if without in ("price", "length") and (w := signals.pop("price_length", 0.0)):
        rest = "length" if without == "price" else "price"  # scaled by the mean of the factor that is left out
        mean = train.prices.mean() * 100 if without == "price" else float(train.plan_tokens.mean())
        signals[rest] = w * mean
    if without == "entropy":
        signals = {name: w for name, w in signals.items() if name not in ("entropy", "certainty")}
    here = replace(weights, signals=signals)
    if without == "jury":
        here = replace(here, juror=0.0, jurors={})

    def appraise(view: View, itself: bool = False) -> Appraisal:
        return _appraisal(view, here, "" if without == "jury" else jurors)

    return appraise


def _appraisal(view: View, weights: Weights, jurors: str) -> Appraisal:
    scores = counted_scores(view, jurors) if jurors else {}
    entropy = view.entropy if view.entropy is not None else np.zeros_like(view.tokens)
    parts: dict[str, Floats] = {
        "price_length": view.prices * view.plan_tokens,
        "price": np.broadcast_to(view.prices, view.plan_tokens.shape),
        "length": view.plan_tokens / 100,
        "entropy": entropy,
        "certainty": -entropy,
    }
    costs = {"price_length", "price", "length"}
    zero = np.zeros_like(view.tokens)
    cost = sum((w * parts[name] for name, w in weights.signals.items() if name in costs), zero)
    value = sum((w * parts[name] for name, w in weights.signals.items() if name not in costs), zero)
    value = value + sum((weights.of_juror(juror) * score for juror, score in scores.items()), zero)

    def dialled(dial: float) -> Weights:
        times = dial or 1.0  # the dial of a row without one is 0
        signals = {name: w * (times if name in costs else 1.0) for name, w in weights.signals.items()}
        return replace(weights, signals=signals)

    return Appraisal(cost, value, dialled, scores, fallback=False, relative=True)
