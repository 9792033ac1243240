"""Auctions over recordings: the product's own code holds them, with weights learned on other tasks."""

import dataclasses

import numpy as np
import pytest

from edge_sale.auction.ledger import Sum
from edge_sale.evaluation import appraisals, evaluate, replay
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.auction_methods import VERIFIED_SALE, methods, runnable
from edge_sale.evaluation.bundled_eval.methods import under
from edge_sale.evaluation.judges import Opinion
from edge_sale.scoring.reserve_price import ReservePrice
from edge_sale.scoring.weights import Weights
from tests.evaluation.kit import full_recording

TEXTS = [f"{'add' if i % 2 else 'sort'} the numbers {i} and {i + 1}" for i in range(20)]
WINS = {
    "small": "10" * 10,  # does the sorting, never the adding
    "middle": "01" * 10,  # the other way round
    "large": "11" * 10,
}
PRICES = {"small": 0.1, "middle": 0.2, "large": 30.0}


def view(wins=WINS, checked="", judged=True) -> View:
    of = full_recording(wins, PRICES, checked, TEXTS)
    sorting = np.array([i % 2 for i in range(len(of.items))])
    vectors = np.column_stack([1.0 - sorting, sorting])
    spent = Sum(100, 0, 0.5, 1e-6)
    opinions = {
        item.task.id: Opinion({"juror": {a: 5.0 * of.trial(item, a).success for a in of.agents}}, 0.0, spent)
        for item in of.items
    }
    return View(of, vectors, opinions if judged else {})


def named(name: str, of: View):
    return next(c for c in methods(of) if c.name == name)


def results(name: str, of: View, budget: float = 0.5):
    return [v for v in evaluate.cross_validated(of, named(name, of), 0, budget) if v["kind"] == "result"]


def test_every_method_handles_every_task_once():
    """Over the folds each method has one result for each task, and the curve has points."""
    of = view()
    for method in methods(of):
        values = list(evaluate.cross_validated(of, method, 0, 0.5))
        assert sorted(v["task"] for v in values if v["kind"] == "result") == sorted(i.task.id for i in of.of.items)
        assert [v["kind"] for v in values].count("curve") == (len(method.dials) > 1)


def test_sale_learns_who_does_what():
    """From experience alone each small agent gets what it can do, and the large one nothing."""
    values = results("SALE", view(), budget=0.0)
    assert [v["success"] for v in values] == [True] * 20
    assert {v["tried"][-1] for v in values} == {"small", "middle"}


def test_the_auction_is_the_product_s_own():
    """The least C - V of `hold` is the least dial x cost - value of the arrays, for every item and dial."""
    of = view()
    for appraise in (appraisals.fitted(of), appraisals.published(of)):
        appraisal = appraise(of, True)
        for dial in (0.0, 0.3, 1.0):
            asking = appraisal.asking(dial if appraisal.chances is not None else 1.0)
            for place in range(len(of.of.items)):
                award = replay.award(of, appraisal, place, dial)
                assert award.winner.asking == pytest.approx(asking[place].min())


@pytest.mark.parametrize(("refused", "left"), [("small", {"middle", "large"}), ("small middle large", set(PRICES))])
def test_who_is_below_the_reserve_price_does_not_bid(refused, left):
    """The others keep their own scores; where no bid reaches the reserve price, all take part."""
    of = view()
    trials = {
        key: dataclasses.replace(trial, signals={"familiarity": -9.0 if trial.agent in refused else -1.0})
        for key, trial in of.of.trials.items()
    }
    of = View(dataclasses.replace(of.of, trials=trials), of.vectors, of.opinions)
    reserve_price = ReservePrice(0.5, 5.0, {"familiarity": 1.0}, tuple(PRICES))
    weights = Weights("w", 1, "", {"price_length": 0.1}, 1.0, reserve_price=reserve_price)
    whole = under(weights, of)(of, False)
    free = under(dataclasses.replace(weights, reserve_price=None), of)(of, False)
    for place in range(len(of.of.items)):
        ranked = {one.bid.agent: one for one in replay.award(of, whole, place, 1.0).ranked}
        asking = {one.bid.agent: one.asking for one in replay.award(of, free, place, 1.0).ranked}
        assert {name: one.asking for name, one in ranked.items()} == {name: asking[name] for name in left}


def test_the_reserve_makes_no_live_bid():
    """The large agent's plan and the jury's word on it are not looked at; under the paper's form they are."""
    of = view()
    award = replay.award(of, appraisals.fitted(of)(of, True), 0, 0.0)
    large = next(s.bid for s in award.ranked if s.bid.agent == "large")
    assert (large.strategy.text, large.strategy.tokens, large.scores) == ("", 0, {"juror": 0.0})
    live = replay.award(of, appraisals.published(of)(of, True), 0, 0.0)
    assert next(s.bid for s in live.ranked if s.bid.agent == "large").strategy.tokens == 10


def test_a_failed_check_asks_the_next_and_all_tries_are_paid():
    """Where the environment checks, local agents try in turn; their tokens and dollars count."""
    of = view({"small": "0" * 20, "middle": "0" * 20, "large": "1" * 20}, checked="1" * 20)
    for value in results(VERIFIED_SALE, of):
        assert sorted(value["tried"][:2]) == ["middle", "small"]
        assert (value["tried"][-1], value["success"], value["tokens"]) == ("large", True, 300)
        assert value["dollars"] == pytest.approx(100 * (0.1 + 0.2 + 30.0) / 1e6)


def test_without_a_check_the_first_bid_stands():
    """No agent learns of a failure that only the answer key shows."""
    of = view({"small": "0" * 20, "middle": "0" * 20, "large": "1" * 20})
    assert {len(v["tried"]) for v in results(VERIFIED_SALE, of)} == {1}


def test_a_budget_is_kept():
    """However good the large agent, a long stream ends within its budget: the dial is paced as tasks come."""
    rng = np.random.default_rng(0)
    halves = []
    for _ in range(2):
        hard = rng.random(300)
        rows = {"small": hard < 0.3, "middle": hard < 0.4, "large": hard < 0.9}
        wins = {name: "".join("01"[int(x)] for x in row) for name, row in rows.items()}
        angle = hard + rng.normal(0, 0.2, 300)
        halves.append(View(full_recording(wins, PRICES), np.column_stack([np.cos(angle), np.sin(angle)]), {}))
    train, test = halves
    for budget in (0.0, 0.3, 0.6):
        values = evaluate.held_out(train, test, named("SALE", train), 0, budget)
        share = np.mean(["large" in v["tried"] for v in values if v["kind"] == "result"])
        assert max(0.0, budget - 0.1) <= share <= budget + 0.005


def test_held_out_tasks_are_not_learned_from():
    """Outcomes of the test half turned round change what is right, and nothing of what is chosen."""
    train, test = view(), view({name: row[::-1] for name, row in WINS.items()}, judged=True)
    turned = View(
        full_recording({n: r.translate({48: 49, 49: 48}) for n, r in WINS.items()}, PRICES, "", TEXTS),
        test.vectors,
        test.opinions,
    )
    for method in methods(train):
        if method.name == "oracle":
            continue
        one, other = (
            [v["tried"] for v in evaluate.held_out(train, x, method, 0, 0.5) if v["kind"] == "result"]
            for x in (test, turned)
        )
        assert one == other, method.name


def test_bounds_are_where_they_should_be():
    """The oracle is never below a single agent, and the cheapest is the cheapest agent."""
    of = view()
    assert all(v["success"] for v in results("oracle", of))
    assert {v["tried"][-1] for v in results("cheapest", of)} == {"small"}
    assert {v["tried"][-1] for v in results("large", of)} == {"large"}


def test_what_choosing_took_is_counted():
    """An auction pays for bids and jury; an agent alone pays nothing."""
    of = view()
    tokens, dollars, seconds = results("SALE", of)[0]["auction"]
    assert tokens > 100 and dollars > 1e-6 and seconds == 0.5
    assert results("small", of)[0]["auction"] == [0, 0.0, 0.0]


def test_without_a_jury_no_row_speaks_of_one():
    """Recordings without plans have no jury, and no ablation of it."""
    assert [c.name for c in methods(view(judged=False)) if "jury" in c.name] == []


def test_without_the_solver_the_rows_of_the_paper_s_program_are_left_out(monkeypatch):
    """The others run, and a line names those left out and the extra to install."""
    monkeypatch.setattr(appraisals.program, "installed", lambda: False)
    kept, note = runnable(methods(view()))
    assert {"SALE", "published, average fitting"} <= {m.name for m in kept}
    assert "SALE as published" not in {m.name for m in kept}
    assert note.startswith("left out: SALE as published, ") and "pip install 'edge-sale[fit]'" in note
    monkeypatch.undo()
    every = methods(view())
    assert runnable(every) == (every, "")
