"""Fit the bundled pool's weights and reserve price to outcomes: `python -m training.fit_bundled --data DIR`.

Weights. Every agent does every training task. The tasks have a seed of their own; there are few different ones of
single steps, so some occur in benches too. The value of a bid is a ridge logistic regression of success
(`scoring/success_chance.py`) on the paper's signals: certainty (entropy with its sign turned) and each juror's score.
Signals that would get a negative weight are left out. The weight of cost is then chosen on the same tasks: the largest
with which pass@1 stays within SLACK of the best. All weights are scaled to sum to 1, as in the paper; the regression's
constant is left out, because it changes no order.

Reserve price. A ridge logistic regression of "this task is of the trade" on familiarity and certainty, over the bids of
all agents. It is fitted on half of the tasks, and on prompts written by hand, which count NEAR times: of the trade
(LATER in `written.py`), and such that only sound like it (FITTED in `out_of_domain.py`). `least` is the threshold at
which the sum of both error rates is least there. A task is refused when no agent's bid reaches it. The error rates in
the file are those of the other half, of WRITTEN and of WANTED, to which nothing was fitted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import tomlkit
from numpy.typing import NDArray

from edge_sale import assemble
from edge_sale.auction.market import Market
from edge_sale.catalog.cards import BUNDLED_POOL, DEFAULT_POOL, shipped_dir
from edge_sale.catalog.cards import load as load_cards
from edge_sale.evaluation import run_records, task_sets
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.bundled_eval import live_auctions, tasks, trials
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.jsonl_store import KeyedStore
from edge_sale.scoring import success_chance
from edge_sale.scoring.reserve_price import ReservePrice
from edge_sale.scoring.weights import Weights, read
from edge_sale.settings import load
from edge_sale.types import Strategy
from training import out_of_domain, written

Floats = NDArray[np.float64]

SEED = 7000  # of training tasks: benches count from 0
COUNT = 240
OUTSIDE = {
    "mbpp": "mbpp_sanitized",
    "gsm8k": "gsm8k",
    "strategyqa": "strategyqa",
    "popqa": "popqa_1k",
    "cruxeval": "cruxeval",
    "javascript": "javascript_questions",
    "quixbugs": "quixbugs",
}
EACH = 60  # tasks of each of these
NEAR = 4  # times that a hand-written prompt counts, because those are what people try
SLACK = 0.005  # of pass@1
SHARE = 0.95  # of the bundled pool's weights where both pools bid
RESERVE_PRICE = ("familiarity", "certainty")


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Folder of published task sets, as tasks outside the trade.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The weights file; default: the shipped one.")
@click.option("--count", default=COUNT, show_default=True, help="Tasks that weights are fitted on.")
@click.option("--sandbox", default="auto", show_default=True, help="Where answers are tested.")
def main(data: Path, out: Path | None, count: int, sandbox: str) -> None:
    """Fit the bundled pool's weights and its reserve price, and write them with where they come from."""
    settings = replace(load(), pool=BUNDLED_POOL, seed=SEED, threads=1, remember=False, sandbox=sandbox)
    folder = Path("bundled-fitting.cache")
    folder.mkdir(exist_ok=True)
    market = live_auctions.market(settings, KeyedStore(folder / f"{live_auctions.REPLIES}.jsonl"))
    weights, found = fitted(market, count, sandbox)
    reserve_price, errors = fitted_reserve_price(market, data)
    now = f"{datetime.now(UTC):%Y-%m-%d}"
    models = {card.name: assemble.identity(card, settings)[:12] for card in assemble.plan(settings).chat}
    text = written_out(weights, reserve_price, {**found, **errors}, now, models)
    target = out or shipped_dir() / "weights" / "bundled-1.toml"
    target.write_text(text, encoding="utf-8")
    beside = target.with_name("mixed-1.toml")
    beside.write_text(
        joined(weights, reserve_price, read(shipped_dir() / "weights" / "starter-1.toml")), encoding="utf-8"
    )
    click.echo(json.dumps({**found, **errors}, indent=2))
    click.echo(f"{target}, {beside}: written", err=True)


# --- weights -----------------------------------------------------------------


def fitted(market: Market, count: int, sandbox: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Weights by name (price_length, certainty, a juror's name), summing to 1, and figures of the fit."""
    jobs = tasks.stream(count, SEED, families=count // 2)
    of = trials.all_trials([job.question for job in jobs], market, sandbox, "training")
    view = View(of, np.zeros((len(jobs), 1)), run_records.opinions(of))
    assert view.entropy is not None
    names = ["certainty", *view.scores]
    signs = np.stack([-view.entropy, *view.scores.values()], axis=2)  # (N, A, signals)
    value = useful(signs.reshape(-1, len(names)), view.success.ravel())
    worth = signs @ value
    cost = view.prices * view.plan_tokens
    rate, curve = cost_rate(cost, worth, view.success)
    total = rate + value.sum()
    weights = {"price_length": rate / total, **dict(zip(names, (value / total).tolist(), strict=True))}
    chosen = np.argmin(rate * cost - worth, axis=1)
    every = np.arange(len(chosen))
    figures = {
        "training tasks": len(jobs),
        "pass@1": float(view.success[every, chosen].mean()),
        "share of the senior": float((chosen == view.largest).mean()),
        "pass@1 of each alone": dict(zip(view.agents, view.success.mean(axis=0).tolist(), strict=True)),
        "oracle": float(view.success.max(axis=1).mean()),
        "w_c, pass@1, share": curve,
    }
    return weights, figures


def useful(rows: Floats, right: Floats) -> Floats:
    """The regression's weights on the signals' own scales. Signals with a negative weight are left out, one by one."""
    kept = list(range(rows.shape[1]))
    while True:
        model = success_chance.fit(rows[:, kept], right)
        slopes = model.weights[1:] / model.scale
        if (slopes >= 0).all() or len(kept) == 1:
            break
        kept.pop(int(np.argmin(slopes)))
    found = np.zeros(rows.shape[1])
    found[kept] = np.maximum(slopes, 0.0)
    return found


def cost_rate(cost: Floats, worth: Floats, success: Floats) -> tuple[float, list[list[float]]]:
    """The largest weight of cost with pass@1 within SLACK of the best, and a sample of (w_c, pass@1, share)."""
    spread = float(np.std(worth) / (np.std(cost) or 1.0))
    every = np.arange(len(cost))
    large = int(np.argmax(cost.mean(axis=0)))
    curve = []
    for rate in [0.0, *(spread * np.geomspace(0.003, 10, 60)).tolist()]:
        chosen = np.argmin(rate * cost - worth, axis=1)
        curve.append([rate, float(success[every, chosen].mean()), float((chosen == large).mean())])
    best = max(passed for _, passed, _ in curve)
    rate = max(rate for rate, passed, _ in curve if passed >= best - SLACK)
    return rate, [[round(x, 4) for x in point] for point in curve[::6]]


# --- reserve price -------------------------------------------------------------------


def fitted_reserve_price(market: Market, data: Path) -> tuple[ReservePrice, dict[str, Any]]:
    """The reserve price, and its error rates on what it was not fitted to, by source."""
    names = [agent.name for agent in market.agents]
    inside = {"trade": mixed([job.question for job in tasks.exam(EACH, SEED + 1)])}
    outside = {name: mixed(task_sets.load(name, data / place)[:EACH]) for name, place in OUTSIDE.items()}
    hand = {"hand-written": written.questions(), "near": out_of_domain.questions()}
    typed = {"typed": written.questions(written.LATER), "next door": out_of_domain.questions(out_of_domain.FITTED)}
    reads = {source: signals(qs, market) for source, qs in {**inside, **outside, **hand, **typed}.items()}
    fit_on = [(row, 1.0) for source in inside for row in reads[source][::2]]
    fit_on += [(row, 0.0) for source in outside for row in reads[source][::2]]
    fit_on += [(row, label) for source, label in (("typed", 1.0), ("next door", 0.0)) for row in reads[source] * NEAR]
    rows = np.array([bid for row, _ in fit_on for bid in row])
    right = np.array([label for row, label in fit_on for _ in row])
    share = right.mean()
    keep = np.random.default_rng(0).random(len(right)) < np.where(right == 1, min(1, (1 - share) / share), 1.0)
    model = success_chance.fit(rows[keep], right[keep])
    slopes = model.weights[1:] / model.scale
    constant = float(model.weights[0] - (slopes * model.centre).sum())
    reached = {source: [best(row, constant, slopes) for row in found] for source, found in reads.items()}
    of_trade = [r for s in inside for r in reached[s][::2]] + reached["typed"] * NEAR
    least = threshold(of_trade, [r for s in outside for r in reached[s][::2]] + reached["next door"] * NEAR)

    def refused(sources: Sequence[str]) -> float:
        return float(np.mean([r < least for s in sources for r in reached[s][1::2]]))

    errors = {
        "refused_of_trade": refused(list(inside)),
        "refused_of_hand_written": float(np.mean([r < least for r in reached["hand-written"]])),
        "let_in_of_others": 1 - refused(list(outside)),
        "let_in_of_neighbours": float(np.mean([r >= least for r in reached["near"]])),
    }
    by_source = {**errors, **{f"let in of {source}": 1 - refused([source]) for source in outside}}
    sources = ", ".join([*inside, *outside])
    about = f"fitted on half of each of {sources}, errors on the other half; and on prompts written by hand"
    signs = dict(zip(RESERVE_PRICE, slopes.tolist(), strict=True))
    reserve_price = ReservePrice(
        least, constant, signs, tuple(names), about, {k: round(v, 4) for k, v in errors.items()}
    )
    return reserve_price, by_source


def mixed(questions: Sequence[Question]) -> list[Question]:
    """The questions in random order, so that every second one is a fair half."""
    return [questions[i] for i in np.random.default_rng(SEED).permutation(len(questions))]


def signals(questions: Sequence[Question], market: Market) -> list[list[list[float]]]:
    """The reserve price's signals of each agent's bid for each task. An agent that does not bid has none."""
    found: list[list[list[float]]] = []
    for start in range(0, len(questions), trials.BATCH):
        for plans in plans_of(questions[start : start + trials.BATCH], market):
            found.append([[plan.signals["familiarity"], -plan.entropy] for plan in plans])
    return found


def plans_of(questions: Sequence[Question], market: Market) -> list[list[Strategy]]:
    """The plans that agents bid for each task, with familiarity as an extra signal."""
    everyone: Sequence[Any] = market.agents
    agents = [replace(agent, extra_signals=("familiarity",)) for agent in everyone]
    pairs = [(question, agent) for question in questions for agent in agents]
    jobs = {trials.label(q, agent): (agent, agent.bid(q.item.task)) for q, agent in pairs}
    plans, _ = trials.drive(market, "bid", jobs)
    found = [[plans[trials.label(question, agent)] for agent in agents] for question in questions]
    return [[plan for plan in row if isinstance(plan, Strategy)] for row in found]


def best(row: Sequence[Sequence[float]], constant: float, slopes: Floats) -> float:
    """The highest chance that any of a task's bids reaches, 0..1; 0 where there is no bid."""
    return max((float(1 / (1 + np.exp(-(constant + slopes @ np.array(bid))))) for bid in row), default=0.0)


def threshold(inside: Sequence[float], outside: Sequence[float]) -> float:
    """The threshold with the least sum of two shares: of the trade that is refused, and of the rest that is let in."""
    points = np.unique([0.0, *inside, *outside, 1.0])
    middle = (points[1:] + points[:-1]) / 2
    wrong = [(np.mean(np.array(inside) < x), np.mean(np.array(outside) >= x)) for x in middle]
    return float(min((a + b, abs(a - b), x) for (a, b), x in zip(wrong, middle, strict=True))[2])


# --- the file ----------------------------------------------------------------


def joined(weights: Mapping[str, float], reserve_price: ReservePrice, starter: Weights) -> str:
    """The weights of both pools in one market: SHARE of the bundled pool's, the rest from the starter's."""
    general = [agent.name for agent in load_cards().pool(DEFAULT_POOL).agents]
    signals = {name: weights[name] * SHARE for name in ("price_length", "certainty")}
    for name, weight in starter.signals.items():
        if weight:
            signals[name] = signals.get(name, 0.0) + weight * (1 - SHARE)
    jury = {name: x * SHARE for name, x in weights.items() if name not in ("price_length", "certainty")}
    jury |= {name: starter.of_juror(name) * (1 - SHARE) for name in general}
    why = [
        "Both pools in one market: 95 % of the bundled pool's fitted weights and 5 % of the starter's; each juror",
        "keeps its own weight. A specialist's bid below the reserve price does not stand, so the general agents",
        "compete for a task outside its trade. On tasks of its trade its plan is more certain than theirs. With more",
        "than 5 % the starter's jurors, who prefer plans in their own words, gave such tasks to a general agent.",
    ]
    return _toml("mixed-1", why, signals, jury, reserve_price)


def written_out(
    weights: Mapping[str, float],
    reserve_price: ReservePrice,
    figures: Mapping[str, Any],
    now: str,
    models: Mapping[str, str],
) -> str:
    """The weights file as text."""
    alone = ", ".join(f"{agent} {100 * x:.1f}" for agent, x in figures["pass@1 of each alone"].items())
    held = ", ".join(f"{name} {sha}" for name, sha in models.items())
    jury = {name: x for name, x in weights.items() if name not in ("price_length", "certainty")}
    why = [
        f"Fitted {now} by scripts/training/fit_bundled.py, which says how, for these weights (sha256):",
        f"{held}.",
        f"{figures['training tasks']} generated tasks of 1 to 8 steps, every agent at every one. On these, in %:",
        f"pass@1 {alone}; this auction without memory {100 * figures['pass@1']:.1f}",
        f"with {100 * figures['share of the senior']:.1f} of the tasks to the senior;",
        f"oracle {100 * figures['oracle']:.1f}.",
    ]
    return _toml("bundled-1", why, {name: weights[name] for name in ("price_length", "certainty")}, jury, reserve_price)


def _toml(
    name: str, why: Sequence[str], signals: Mapping[str, float], jury: Mapping[str, float], reserve_price: ReservePrice
) -> str:
    document = tomlkit.document()
    document["name"] = name
    document["version"] = 1
    document["provenance"] = tomlkit.string("\n".join(why), multiline=True)
    document["signals"] = _rounded(signals, 6)
    document["jury"] = _rounded(jury, 6)
    document["reserve_price"] = {
        "least": round(reserve_price.least, 4),
        "constant": round(reserve_price.constant, 4),
        "agents": list(reserve_price.agents),
        "about": reserve_price.about,
        "signals": _rounded(reserve_price.signals, 4),
        "errors": _rounded(reserve_price.errors, 4),
    }
    return tomlkit.dumps(document)


def _rounded(numbers: Mapping[str, float], digits: int) -> dict[str, float]:
    return {name: round(float(x), digits) for name, x in numbers.items()}


if __name__ == "__main__":
    main()
