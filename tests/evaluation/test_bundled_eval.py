"""`bench bundled`'s parts: grading many at a time, whose auctions are in the table, what is fitted, what is counted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from edge_sale.evaluation import run_records, runs
from edge_sale.evaluation.arrays import View
from edge_sale.evaluation.bundled_eval import goals, live_auctions, methods, tasks
from edge_sale.evaluation.records import Item, Trial, recording
from edge_sale.scoring.weights import Weights
from edge_sale.types import Task
from tests.evaluation.kit import write
from training import fit_bundled


def test_tasks_come_back_and_none_is_there_twice() -> None:
    """A stream repeats its chains in other words; the training stream has other ones."""
    test, train = tasks.stream(60, 0, families=12), tasks.stream(60, 1, families=12)
    assert len({job.id for job in test}) == len(test)
    assert 8 <= len({job.chain for job in test}) <= 12
    assert not {job.id for job in test} & {job.id for job in train}
    assert {job.question.item.bin for job in tasks.exam(1, 0)} == {str(n) for n in range(1, 9)}


def test_orders_are_permutations() -> None:
    """Every order has the same tasks, and is always the same: the one in which `evaluate` replays them."""
    jobs = tasks.stream(20, 0, families=4)
    assert live_auctions.in_order(jobs, 1) == live_auctions.in_order(jobs, 1) != jobs
    assert sorted(job.id for job in live_auctions.in_order(jobs, 2)) == sorted(job.id for job in jobs)


# --- auctions over a small recording -------------------------------------------


def view() -> View:
    """Two tasks, two agents; the large one is right on both, the small one, which is sure of itself, on the first."""
    items = [Item(Task(f"t{n}", f"task {n}", "python"), str(n + 1)) for n in range(2)]
    prices = {"small": 1.0, "large": 4.0}
    given = {  # (task, agent) -> right, plan tokens, entropy, scores by small and large
        ("t0", "small"): (True, 10, 0.0, 4.0, 5.0),
        ("t0", "large"): (True, 10, 0.5, 3.0, 5.0),
        ("t1", "small"): (False, 10, 1.0, 5.0, 0.0),
        ("t1", "large"): (True, 20, 0.5, 1.0, 5.0),
    }
    trials = [
        Trial(task, agent, right, 1, 1, "1. x", tokens, entropy, scores={"small": small, "large": large})
        for (task, agent), (right, tokens, entropy, small, large) in given.items()
    ]
    of = recording("small", items, prices, trials)
    return View(of, np.ones((2, 1)), run_records.opinions(of))


WEIGHTS = Weights("w", 1, "made up", {"price_length": 0.005, "certainty": 0.5}, juror=0.3)


def winners(**how: str) -> list[str]:
    here = view()
    appraisal = methods.under(WEIGHTS, here, **how)(here, False)
    return [here.agents[i] for i in np.argmin(appraisal.asking(1.0), axis=1)]


def test_auctions_of_the_grid_are_the_products_own() -> None:
    """Cost and value as arrays, and hold() with the same weights, agree on every winner and every C - V."""
    from edge_sale.evaluation import replay

    here = view()
    appraisal = methods.under(WEIGHTS, here)(here, False)
    for place in range(2):
        award = replay.award(here, appraisal, place, 1.0)
        asking = dict(zip(here.agents, appraisal.asking(1.0)[place].tolist(), strict=True))
        assert {s.bid.agent: pytest.approx(s.asking) for s in award.ranked} == asking
    assert winners() == ["small", "large"]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"without": "jury"}, ["small", "small"]),  # on the second C 0.05, V -0.5 against C 0.4, V -0.25
        ({"jurors": "self"}, ["small", "small"]),  # V 1.0 against V 1.25
        ({"jurors": "peer"}, ["small", "large"]),  # V -0.5 against V 0.05
        ({"without": "entropy"}, ["small", "small"]),
        ({"without": "price"}, ["small", "large"]),
    ],
)
def test_ablations_leave_out_what_they_say(how: dict[str, str], expected: list[str]) -> None:
    """Each one's winners, worked out by hand."""
    assert winners(**how) == expected


def test_what_is_fitted_tells_right_from_wrong() -> None:
    """A signal that goes with success has weight, noise little, and one that goes against it none."""
    random = np.random.default_rng(0)
    right = random.random(600) < 0.5
    signals = np.column_stack([right + random.normal(0, 0.5, 600), random.normal(0, 1, 600), -1.0 * right])
    good, noise, against = fit_bundled.useful(signals, right.astype(float))
    assert good > 1.0 and 0 <= noise < good / 4 and against == 0.0


def test_cost_weighs_as_much_as_quality_allows() -> None:
    """Where the small one is as good it gets everything; where it never is, nothing."""
    cost = np.tile([1.0, 4.0], (50, 1))
    worth = np.tile([0.9, 1.0], (50, 1))
    rate, _ = fit_bundled.cost_rate(cost, worth, np.ones((50, 2)))
    assert (np.argmin(rate * cost - worth, axis=1) == 0).all()
    rate, _ = fit_bundled.cost_rate(cost, worth, np.tile([0.0, 1.0], (50, 1)))
    assert (np.argmin(rate * cost - worth, axis=1) == 1).all()


def test_the_reserve_price_separates_what_can_be_separated() -> None:
    """Between the two where they are apart; with the fewest errors where they overlap."""
    assert fit_bundled.threshold([0.9, 0.8, 0.7], [0.1, 0.2, 0.3]) == pytest.approx(0.5)
    assert fit_bundled.threshold([0.9, 0.8, 0.4], [0.1, 0.2, 0.6]) == pytest.approx(0.3)  # one error, not two
    assert fit_bundled.threshold([0.9, 0.8, 0.4], [0.5, 0.6, 0.7]) == pytest.approx(0.75)


def test_signals_are_counted_over_all_each_and_within_tasks() -> None:
    """Entropy is low where right here; the large juror has the one pair of right and wrong in order."""
    trials = [
        {
            "task": t.task,
            "agent": t.agent,
            "success": t.success,
            "entropy": t.entropy,
            "plan_tokens": t.plan_tokens,
            "scores": t.scores,
        }
        for t in view().of.trials.values()
    ]
    found = dict(goals.signals(trials))
    assert found["plan entropy"]["all"] == 0.0
    assert found["juror large"] | {"large": 0} == {"all": 1.0, "within a task": 1.0, "small": 1.0, "large": 0}
    assert math.isnan(found["juror large"]["large"])  # it is always right: there is nothing to tell apart


def test_what_memory_adds_is_the_difference_in_the_same_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small agents win more at the end of one order, with memory and without; of the other, fewer without it."""
    monkeypatch.setattr(goals, "PART", 1)
    wins = {  # method -> who wins the first and the last task of each order
        methods.SALE: (("senior", "junior"), ("junior", "junior")),
        methods.WITHOUT_MEMORY: (("senior", "junior"), ("junior", "senior")),
    }
    clusters = {"t0": "a", "t1": "a"}
    lines = [
        {
            "kind": "set",
            "set": "x",
            "prices": {"junior": 1.0, "senior": 2.0},
            "prompts": "p",
            "models": {},
            "clusters": clusters,
        },
        *(
            {
                "kind": "result",
                "method": name,
                "order": order,
                "task": f"t{place}",
                "bin": "1",
                "tried": [who],
                "success": who == "senior" or name == methods.SALE,
                "tokens": 1,
                "dollars": 0.1,
                "seconds": 1.0,
                "auction": [0, 0.0, 0.0],
            }
            for name, orders in wins.items()
            for order, sold in enumerate(orders)
            for place, who in enumerate(sold)
        ),
    ]
    measured = runs.read([write(tmp_path / "runs.jsonl", lines)])
    first, last = goals.growth(measured.columns[methods.SALE], measured)
    assert (first.tolist(), last.tolist()) == ([0.0, 1.0], [1.0, 1.0])
    found = {figure.what: figure.value for figure in goals._growth(measured)}
    assert found["growth that is memory's"] == 50.0  # +100 and 0 with memory, +100 and -100 without
    assert found["growth that is memory's, standard error over orders"] == pytest.approx(50.0)
    assert goals.beyond(measured, methods.SALE, methods.WITHOUT_MEMORY) == (
        0.5,
        0.5,
        0.5,
    )  # one cluster: drawn, it is always the same
