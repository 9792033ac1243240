"""The fallback's arithmetic: what it would bid, and what the dial means."""

from __future__ import annotations

import random

import pytest

from edge_sale.auction.escalation import PRIOR_SCORE, PRIOR_TASKS, estimate, margin, scale, weigh
from edge_sale.scoring.scorer import rank
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Past, Phase, Strategy

WEIGHTS = Weights("test", 1, "made up", {"price_length": 0.1, "entropy": 0.05}, juror=0.3)


def local(score: float, price: float = 0.05):
    bid = Bid("home", price, Strategy("p", 40, 1.0), {"a": score, "b": score})
    return rank([bid], WEIGHTS)


def test_without_a_past_it_is_the_price_and_the_prior() -> None:
    """C from the declared price and the local plans' length, V from the prior score and the shipped weights."""
    fallback = estimate(local(1.0), "far", 6.0, (), WEIGHTS, ["a", "b"])
    assert fallback.cost == pytest.approx(0.1 * 6.0 * 40)
    assert fallback.value == pytest.approx(0.05 * 1.0 + 2 * 0.3 * PRIOR_SCORE)


def test_past_moves_it_by_similarity() -> None:
    """Verified work counts as 5 or 0, a plan by its score, each as much as its task is alike."""
    past = [Past(1.0, passed=False), Past(0.5, passed=True), Past(0.5, score=2.0, plan_tokens=80, price=4.0)]
    fallback = estimate(local(1.0), "far", 6.0, past, WEIGHTS, ["a", "b"])
    score = (PRIOR_TASKS * PRIOR_SCORE + 1.0 * 0 + 0.5 * 5 + 0.5 * 2) / (PRIOR_TASKS + 2.0)
    assert fallback.bid.scores == pytest.approx({"a": score, "b": score})
    assert fallback.bid.strategy.tokens == round((PRIOR_TASKS * 40 + 0.5 * 80) / (PRIOR_TASKS + 0.5))
    assert fallback.bid.price == pytest.approx((PRIOR_TASKS * 6.0 + 0.5 * 4.0) / (PRIOR_TASKS + 0.5))


def test_many_failures_bring_the_task_home() -> None:
    """A remote that failed on tasks like this one is not asked again, and one that passed is."""
    for passed, lost in ((False, False), (True, True)):
        past = [Past(0.9, passed=passed)] * 20
        assert weigh(local(1.5), "far", 6.0, past, WEIGHTS, 0.4).lost is lost


@pytest.mark.parametrize(("score", "lost"), [(0.0, True), (3.4, True), (3.6, False), (5.0, False)])
def test_thrift_0_is_any_gain(score: float, lost: bool) -> None:
    """Cost is no object: the fallback wins whenever it promises more."""
    assert weigh(local(score), "far", 6.0, (), WEIGHTS, 0.0).lost is lost


@pytest.mark.parametrize("score", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("price", [0.1, 6.0, 60.0])
def test_thrift_1_is_never_by_bids(score: float, price: float) -> None:
    """No gain is enough, not even against a plan that the jury finds worthless and a certain remote."""
    past = [Past(1.0, passed=True)] * 500
    assert not weigh(local(score, 0.0), "far", price, past, WEIGHTS, 1.0).lost


def test_dial_is_monotonous() -> None:
    """What escalates at a thrift escalates at every lower one."""
    for score in range(6):
        lost = [weigh(local(score), "far", 6.0, (), WEIGHTS, step / 20).lost for step in range(21)]
        assert lost == sorted(lost, reverse=True)


def test_margin_is_the_formula() -> None:
    """Worse by more than the margin is the same as a gain above t times S times what staying at home saves."""
    for cost_local, cost_fallback, thrift in ((0.2, 24.0, 0.5), (0.0, 3.0, 0.1), (1.0, 2.0, 0.9)):
        gained, s = 1.7, scale(["a", "b"], WEIGHTS)
        behind = (cost_local - 1.0) - (cost_fallback - (1.0 + gained))
        assert (behind > margin(cost_local, cost_fallback, thrift, s)) is (
            gained > thrift * s * (1 - cost_local / cost_fallback)
        )


def test_free_or_cheap_reserve() -> None:
    """A fallback that costs no more than home wins with any gain; one without any cost at all as if all were saved."""
    assert margin(2.0, 1.0, 0.5, 3.0) == pytest.approx(1.0)  # only its own saving stands in the way of nothing
    assert margin(0.0, 0.0, 0.5, 3.0) == pytest.approx(1.5)


def test_reason_is_a_sentence_with_the_numbers() -> None:
    """What the trace says can be checked against the formula by hand."""
    weighing = weigh(local(1.0), "far", 6.0, [Past(0.8, passed=True)], WEIGHTS, 0.5)
    told = weighing.reason
    for number in (weighing.local.asking, weighing.fallback.asking, weighing.margin):
        assert f"{number:.3f}" in told
    assert "by 1 similar task" in told and "thrift 0.5" in told and "\n" not in told


def test_refined_bids_can_hold_a_task_at_home_and_not_send_it_away() -> None:
    """1,000 markets: whatever is bid after lessons, what lost without it alone may lose, at every thrift."""
    draw = random.Random(5)

    def bid(phase: Phase) -> Bid:
        plan = Strategy("p", draw.randrange(0, 200), draw.uniform(0, 3))
        scores = {juror: draw.uniform(0, 5) for juror in "ab"}
        return Bid("home", draw.choice([0.0, 0.05, 0.5]), plan, scores, phase)

    held = lost = 0
    for _ in range(1000):
        opening = [bid("opening") for _ in range(draw.randrange(1, 4))]
        refined = [bid("refined") for _ in range(draw.randrange(1, 4))]
        thrift = draw.choice([0.0, 0.1, 0.3, 1.0])
        before = weigh(rank(opening, WEIGHTS), "far", 6.0, (), WEIGHTS, thrift)
        after = weigh(rank([*opening, *refined], WEIGHTS), "far", 6.0, (), WEIGHTS, thrift)
        assert after.fallback.asking == before.fallback.asking
        assert before.lost or not after.lost
        held += before.lost and not after.lost
        lost += after.lost
    assert held > 20 and lost > 20, "control: both happen"
