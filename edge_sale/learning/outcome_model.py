"""Weights fitted to outcomes: the log odds that an agent's work succeeds, linear in the signals of its bid.

In the paper's form C - V, where V is the log odds:

    V = constant + constant_a + sum_k (w_k + d_ak) s_k + sum_j w_j score_j       for a bid of agent a

The weights are the most likely ones under a Gaussian prior around the shipped weights. Without outcomes V is the
shipped V; more outcomes move the weights further from it. C is the shipped cost, or the price alone, times a dial.
Outcomes cannot say how much a dollar counts against a right answer, so the dial is the cheapest one whose pass@1, on
held-out tasks, is within `slack` of the best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edge_sale.learning.table import Floats, Places, Table, experienced
from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.success_chance import most_likely, sigmoid
from edge_sale.scoring.weights import Own, Weights

RIDGE = 3.0  # on standardised signals: a weight takes a few hundred outcomes to grow
OWN_RIDGE = 12.0  # on an agent's own deviation from a signal's shared weight
AGENT_RIDGE = 1.0  # on an agent's constant
FREE = 1e-3  # on the constant that all agents share
FOLDS = 5
SLACK = 0.01  # of pass@1, given up for what is cheaper
ENOUGH = 100  # outcomes below which the cost side is left as shipped
STEPS = np.concatenate([[0.0], 2.0 ** np.arange(-10, 3.01, 0.5)])  # dials, in standard deviations of V for one of C

# prices are left out, because an agent's constant says the same; plan length counts as brevity
FEATURES = ("brevity", *(n for n, signal in SIGNALS.items() if signal.side == "value" and not signal.alike))


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights, and how far outcomes moved them: 0 as shipped, 1 as without a prior."""

    weights: Weights
    moved: float
    features: tuple[str, ...]


def fit(table: Table, shipped: Weights, seed: int = 0, slack: float = SLACK) -> Fitted:
    """Fit the weights to the outcomes in `table`, and the cost side to held-out pass@1. Deterministic for a seed."""
    found = value_of(table, shipped)
    signals, factor = dial(table, shipped, seed, slack)
    value = {name: weight for name, weight in found.weights.signals.items() if not _costs(name)}
    cost = {name: weight * factor for name, weight in signals.items()}
    return replace(found, weights=replace(found.weights, signals={**cost, **value}))


def value_of(table: Table, shipped: Weights) -> Fitted:
    """Weights whose V is the log odds of success, with the shipped C."""
    known = experienced(table, table)
    rows, places = np.nonzero(~np.isnan(known.right) & known.present)
    frame = _frame(known, rows, places)
    offset = known.sides(shipped)[1][rows, places]
    found = most_likely(frame.design, known.right[rows, places], frame.penalty, offset)
    chance = sigmoid(offset + frame.design @ found)
    bend = (frame.design.T * (chance * (1 - chance))) @ frame.design
    moved = np.trace(np.linalg.solve(bend + np.diag(frame.penalty), bend)) - 1.0
    return Fitted(_weights(frame, found, known, shipped), float(moved) / (len(found) - 1), frame.names)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Known outcomes as rows of a regression: a constant, the signals, the agent, and the signals for each agent."""

    names: tuple[str, ...]  # signals, then "juror NAME"
    signals: int  # how many of them are signals
    centre: dict[str, float]
    scale: dict[str, float]
    design: Floats
    penalty: Floats


def _frame(known: Table, rows: Places, places: Places) -> _Frame:
    columns = {name: known.signal(name)[rows, places] for name in FEATURES}
    jurors = {f"juror {juror}": known.score(juror)[rows, places] for juror in known.jurors}
    columns = {name: x for name, x in columns.items() if _is_usable(x)}
    signals = len(columns)
    columns |= {name: x for name, x in jurors.items() if _is_usable(x)}
    centre = {name: float(np.nanmean(x)) for name, x in columns.items()}
    scale = {name: float(np.nanstd(x)) for name, x in columns.items()}
    standardised = [np.nan_to_num((x - centre[name]) / scale[name], nan=0.0) for name, x in columns.items()]
    who = np.eye(len(known.agents))[places]
    own = [who * x[:, None] for x in standardised[:signals]]
    parts = [(np.ones((len(rows), 1)), FREE), *((x[:, None], RIDGE) for x in standardised), (who, AGENT_RIDGE)]
    parts += [(x, OWN_RIDGE) for x in own]
    design = np.concatenate([part for part, _ in parts], axis=1)
    penalty = np.concatenate([np.full(part.shape[1], ridge) for part, ridge in parts])
    return _Frame(tuple(columns), signals, centre, scale, design, penalty)


def _weights(frame: _Frame, found: Floats, known: Table, shipped: Weights) -> Weights:
    """The regression's result as weights of C - V: from standardised to plain signals, with constants adjusted."""
    count, agents = len(frame.names), len(known.agents)
    constant, shared, who, own = np.split(found, np.cumsum([1, count, agents]))
    slopes = {name: float(w / frame.scale[name]) for name, w in zip(frame.names, shared, strict=True)}
    deviations = own.reshape(frame.signals, agents)
    tables: dict[str, Own] = {}
    for a, agent in enumerate(known.agents):
        mine = {
            name: float(w / frame.scale[name])
            for name, w in zip(frame.names[: frame.signals], deviations[:, a], strict=True)
        }
        level = float(who[a]) - sum(w * frame.centre[name] for name, w in mine.items())
        tables[agent] = Own(level, mine)
    moved = {name: slopes[name] for name in frame.names[: frame.signals]}
    return Weights(
        name="fit",
        version=0,
        provenance="the likeliest log odds of success, from outcomes",
        signals={**shipped.signals, **{n: shipped.signals.get(n, 0.0) + w for n, w in moved.items()}},
        juror=shipped.juror,
        jurors={**shipped.jurors, **{j: shipped.of_juror(j) + slopes.get(f"juror {j}", 0.0) for j in known.jurors}},
        reserve_price=shipped.reserve_price,
        agents=tables,
        usual={name: frame.centre[name] for name in moved},
        odds=True,
        constant=float(constant[0]) - sum(w * frame.centre[name] for name, w in slopes.items()),
    )


def dial(table: Table, shipped: Weights, seed: int = 0, slack: float = SLACK) -> tuple[dict[str, float], float]:
    """The weights of the cost signals and their common factor, chosen on held-out tasks."""
    as_shipped = {name: weight for name, weight in shipped.signals.items() if _costs(name)}
    if table.outcomes < ENOUGH or len(table.bids) < FOLDS:
        return as_shipped, 1.0
    value = np.full(table.right.shape, -np.inf)
    for train, test in folds(len(table.bids), seed):
        past = table.part(train)
        seen, weights = experienced(table.part(test), past), value_of(past, shipped).weights
        value[test] = seen.sides(weights)[1]
    passed, paid = expected(table)
    present = table.present
    points: list[tuple[float, float, dict[str, float], float]] = []
    for signals in (as_shipped, {"price": 1.0}):
        bare = Weights("cost", 0, "", signals, 0.0)
        cost = table.sides(bare)[0]
        if not (wide := float(np.std(cost[present]))):
            continue
        factors = STEPS * float(np.std(value[present])) / wide
        for factor in [*factors.tolist(), 1.0][: None if signals is as_shipped else -1]:
            asking = np.where(present, factor * np.where(present, cost, 0.0) - value, np.inf)
            won = np.argmin(asking, axis=1)
            rows = np.arange(len(won))
            points.append((float(passed[rows, won].mean()), float(paid[rows, won].mean()), signals, factor))
    if not points:
        return as_shipped, 1.0
    best = max(point[0] for point in points)
    _, _, signals, factor = min((p for p in points if p[0] >= best - slack), key=lambda p: (p[1], -p[0]))
    return signals, factor


def folds(tasks: int, seed: int, parts: int = FOLDS) -> Iterator[tuple[Places, Places]]:
    """(train, test) indices of cross-validation over shuffled tasks."""
    places = np.random.default_rng(seed).permutation(tasks)
    for test in np.array_split(places, min(parts, tasks)):
        yield np.setdiff1d(places, test).astype(np.int64), test.astype(np.int64)


def expected(table: Table) -> tuple[Floats, Floats]:
    """Success and dollars of every bid's work, (N, A): the known ones, and else the agent's average.

    An agent's average success is shrunk towards that of all agents, with the weight of two tasks, and depends on no
    model that is compared by it. An agent that never worked is taken to use as many tokens as the others, at its price.
    """
    everybody = float(np.nanmean(table.right))
    tried = ~np.isnan(table.right)
    rate = (np.nansum(table.right, axis=0) + 2 * everybody) / (tried.sum(axis=0) + 2)
    passed = np.where(tried, table.right, rate)
    price = np.nanmean(table.signal("price"), axis=0)
    known = ~np.isnan(table.dollars)
    tokens = np.where(known, table.dollars, 0.0).sum() / max(float((known * np.maximum(price, 1e-12)).sum()), 1e-12)
    mean = np.where(known, table.dollars, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    mean = np.where(known.any(axis=0), mean, price * tokens)
    return passed, np.where(known, table.dollars, mean)


def _is_usable(x: Floats) -> bool:
    """Whether at least half of the bids carry the signal, and it varies."""
    known = x[~np.isnan(x)]
    return len(known) * 2 >= len(x) > 0 and float(np.std(known)) > 1e-9


def _costs(name: str) -> bool:
    return SIGNALS[name].side == "cost"
