"""Two ways to say what recorded bids cost and are worth: fitted chances of success, and the paper's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from edge_sale.evaluation.arrays import Floats, View
from edge_sale.evaluation.replay import Appraisal, Appraise
from edge_sale.scoring import program, success_chance
from edge_sale.scoring.experience import experience
from edge_sale.scoring.weights import Weights

SIGNALS = ("topic", "hashed features", "length", "jury")
SECONDS = 120.0  # for the solver, at most; recordings of a few hundred tasks take one to ten


def fitted(train: View, without: Sequence[str] = ()) -> Appraise:
    """Value is the fitted chance of success, cost is the price. `without` leaves signals out (see SIGNALS).

    Signals of a local bid: experience on tasks of similar topic and of similar wording, plan length, the jury's mean
    score, and which agent it is. Of the fallback: experience alone. Training tasks are not their own neighbours.
    """

    def design(view: View, itself: bool) -> tuple[Floats, Floats]:
        topic = experience(view.similarity_to(train), train.success, leave_one_out=itself)
        wording = experience(view.hashed_features @ train.hashed_features.T, train.success, leave_one_out=itself)
        columns = []
        for a in range(len(view.agents)):
            signals = {
                "topic": success_chance.log_odds(topic[:, a]),
                "hashed features": success_chance.log_odds(wording[:, a]),
                "length": np.log(np.maximum(view.plan_tokens[:, a], 1.0)),
                "jury": np.mean([scores[:, a] for scores in view.scores.values()], axis=0) if view.scores else 0.0,
            }
            kept = [np.broadcast_to(signals[s], len(topic)) for s in SIGNALS if s not in without]
            who = [np.full(len(topic), float(a == other)) for other in view.local[1:]]
            columns.append(np.column_stack([*kept, *who]))
        known_of_fallback = [s for s in SIGNALS[:2] if s not in without]
        return np.stack(columns, axis=1), columns[train.largest][:, : len(known_of_fallback)]

    local = train.local
    bids, fallback = design(train, True)
    model = success_chance.fit(
        np.concatenate([bids[:, a] for a in local]), np.concatenate([train.success[:, a] for a in local])
    )
    last = success_chance.fit(fallback, train.success[:, train.largest])

    def appraise(view: View, itself: bool = False) -> Appraisal:
        bids, fallback = design(view, itself)
        chances = np.stack([model.of(bids[:, a]) for a in range(len(view.agents))], axis=1)
        chances[:, view.largest] = last.of(fallback)
        top = float(view.prices.max())
        cost = np.broadcast_to(view.prices / top, chances.shape)

        def weights(dial: float) -> Weights:
            return Weights("fitted", 1, "", {"price": dial / top, "chance": 1.0}, 0.0)

        return Appraisal(cost, chances, weights, _without_fallback(view), chances)

    return appraise


COSTS = {"": "price_length", "price": "length", "length": "price"}


def published(
    train: View, how: Literal["minmax", "average"] = "minmax", without: str = "", jurors: str = "all"
) -> Appraise:
    """The paper's form: C = w_c x price x length, V = w_h x entropy + sum of w_j x score. All agents bid live.

    The weights solve the paper's program (`scoring/program.py`), or its variant "average". Entropy counts where every
    recorded plan has one. `without` "price" or "length" leaves that factor out of C; "entropy" or "jury" leaves that
    part out of V. `jurors` "self" counts each juror's score of its own plan alone, "peer" the scores of all other
    plans; both need jurors that bid. Raises ExtraMissing without the solver.
    """
    has_entropy = train.entropy is not None and without != "entropy"
    cost_signal = COSTS.get(without, "price_length")
    names = [] if without == "jury" else list(train.scores)

    def parts(view: View) -> Floats:
        costs = {"price_length": view.prices * view.plan_tokens, "length": view.plan_tokens / 100}
        costs["price"] = np.broadcast_to(view.prices, view.plan_tokens.shape)
        values = [view.entropy if view.entropy is not None else np.zeros_like(view.tokens)] if has_entropy else []
        votes = counted_scores(view, jurors, names)
        return np.stack([costs[cost_signal], *(-v for v in [*values, *votes.values()])], axis=2)

    signs = parts(train)
    scale = np.maximum(np.abs(signs).max(axis=(0, 1)), 1e-12)
    allowed = program.allowed_agents(train.success > 0)
    if how == "average":
        found = program.least_mean(signs / scale, allowed)
    else:
        found = program.solve(signs / scale, allowed, SECONDS).weights
    w = found / scale
    named = dict(zip([cost_signal, *(["entropy"] * has_entropy), *names], w.tolist(), strict=True))
    signals = {name: x for name, x in named.items() if name not in names}
    weights = Weights(f"published, {how}", 1, "", signals, 0.0, {juror: named[juror] for juror in names})

    def appraise(view: View, itself: bool = False) -> Appraisal:
        signs = parts(view)
        value = -(signs[:, :, 1:] @ w[1:])
        votes = counted_scores(view, jurors, names)
        return Appraisal(signs[:, :, 0] * w[0], value, lambda dial: weights, votes, fallback=False)

    return appraise


def counted_scores(view: View, jurors: str, names: Sequence[str] | None = None) -> Mapping[str, Floats]:
    """juror -> scores, (N, A): of all plans, of its own plan ("self") or of the others' ("peer"); 0 elsewhere."""
    chosen = list(view.scores) if names is None else names
    if jurors == "all":
        return {juror: view.scores[juror] for juror in chosen}
    own = {juror: np.array([agent == juror for agent in view.agents]) for juror in chosen}
    return {j: np.where(own[j] if jurors == "self" else ~own[j], view.scores[j], 0.0) for j in chosen}


def _without_fallback(view: View) -> dict[str, Floats]:
    """The jury's scores with 0 for the fallback, whose plan no juror has seen."""
    seen = np.arange(len(view.agents)) != view.largest
    return {juror: np.where(seen, scores, 0.0) for juror, scores in view.scores.items()}
