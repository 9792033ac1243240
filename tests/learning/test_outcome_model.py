"""The outcome model: finds what tells, shrinks to what is shipped, and says in C - V what it found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_sale.learning import outcome_model
from edge_sale.learning.compare import choice
from edge_sale.scoring.scorer import rank
from edge_sale.scoring.success_chance import sigmoid
from tests.learning.kit import LEVELS, SHIPPED, world


def test_with_many_outcomes_the_true_slopes_are_found():
    """From 4,500 outcomes: the draft's slope, the agents' levels, and that the shipped trust in the jury was wrong."""
    table = world(1500, draft=-2.0, jury=0.8)
    weights = outcome_model.value_of(table, SHIPPED).weights
    assert weights.odds
    assert weights.of("small").signals["draft_entropy"] == pytest.approx(-2.0, abs=0.25)
    assert weights.of_juror("j") == pytest.approx(0.8, abs=0.1)
    assert weights.of_juror("k") == pytest.approx(0.0, abs=0.1)
    constants = {agent: weights.of(agent).constant for agent in LEVELS}
    assert constants["large"] - constants["small"] == pytest.approx(2.0, abs=0.6)


def test_promised_chances_are_kept_on_tasks_that_were_not_seen():
    """V is log odds: of bids promised about p, about p are right."""
    weights = outcome_model.value_of(world(1500, jury=0.5), SHIPPED).weights
    new = world(1500, seed=1, jury=0.5)
    promised = sigmoid(new.sides(weights)[1])
    for low, high in ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0)):
        mine = (promised >= low) & (promised < high)
        assert mine.sum() > 200
        assert new.right[mine].mean() == pytest.approx(promised[mine].mean(), abs=0.05)


def test_little_data_stays_near_the_shipped_weights_and_much_does_not():
    """The fit's way from the shipped weights grows with outcomes; with a dozen the auction decides as shipped."""
    moved = [outcome_model.fit(world(n, jury=-0.5), SHIPPED).moved for n in (4, 30, 300, 1000)]
    assert moved == sorted(moved)
    assert moved[0] < 0.3 < 0.6 < moved[-1]
    few, many = outcome_model.fit(world(4), SHIPPED).weights, outcome_model.fit(world(1000), SHIPPED).weights
    new = world(300, seed=2)
    shipped = choice(new, SHIPPED)
    assert (choice(new, few) == shipped).mean() > 0.45 > (choice(new, many) == shipped).mean()


def test_no_outcome_at_all_is_the_shipped_value():
    """The prior alone: every difference between bids is the shipped one."""
    table = world(1)
    known = replace(table, right=np.array([[1.0, np.nan, np.nan]]))
    weights = outcome_model.value_of(known, replace(SHIPPED)).weights
    new = world(20, seed=3).bids
    for bids in new:
        ours = {s.bid.agent: s.value for s in rank(list(bids.values()), weights)}
        theirs = {s.bid.agent: s.value for s in rank(list(bids.values()), SHIPPED)}
        assert ours["middle"] - ours["large"] == pytest.approx(theirs["middle"] - theirs["large"], abs=0.3)


def test_a_signal_missing_from_a_bid_counts_as_usual():
    """Weights fitted with drafts rate a bid without one as one with the mean draft."""
    table = world(500)
    weights = outcome_model.value_of(table, SHIPPED).weights
    bid = table.bids[0]["small"]
    mean = float(np.nanmean(table.signal("draft_entropy")))
    usual = replace(bid, strategy=replace(bid.strategy, signals={"draft_entropy": mean}))
    bare = replace(bid, strategy=replace(bid.strategy, signals={}))
    assert rank([bare], weights)[0].value == pytest.approx(rank([usual], weights)[0].value)


def test_a_plans_length_may_tell_and_cost():
    """Where long plans fail, brevity is worth what it should be, beside what price x length costs."""
    table = world(1500)
    rng = np.random.default_rng(0)
    tokens = 100 * table.signal("length")
    table = replace(table, right=(rng.random(tokens.shape) < 1 / (1 + np.exp((tokens - 50) / 8))).astype(float))
    weights = outcome_model.fit(table, SHIPPED).weights
    assert weights.of("small").signals["brevity"] == pytest.approx(100 / 8, rel=0.25)
    passed = table.right[np.arange(1500), choice(table, weights)].mean()
    assert passed > table.right[np.arange(1500), choice(table, SHIPPED)].mean() + 0.05


def test_what_costs_more_than_it_gains_is_made_dear():
    """Where the large agent is hardly better the dial keeps work at home; where it is much better it does not."""
    alike = world(600, draft=0.0, levels={"small": 0.0, "middle": 0.0, "large": 0.0})
    apart = world(600, draft=0.0, levels={"small": -2.0, "middle": -2.0, "large": 2.0})
    for table, least, most in ((alike, 0.0, 0.2), (apart, 0.8, 1.0)):
        share = (choice(table, outcome_model.fit(table, SHIPPED, slack=0.03).weights) == 2).mean()
        assert least <= share <= most


def test_unknown_outcomes_are_filled_by_the_agents_share():
    """Of bids that were not worked on: that agent's share, shrunk by two tasks to everybody's; known ones stay."""
    table = world(3, levels={"small": 0.0, "large": 0.0})
    right = np.array([[1.0, np.nan], [1.0, np.nan], [np.nan, 0.0]])
    passed, paid = outcome_model.expected(replace(table, right=right, dollars=np.where(np.isnan(right), np.nan, 1.0)))
    everybody = 2 / 3
    assert passed[2, 0] == pytest.approx((2 + 2 * everybody) / 4)
    assert passed[0, 1] == pytest.approx((0 + 2 * everybody) / 3)
    assert (passed[0, 0], passed[2, 1], paid[0, 1]) == (1.0, 0.0, 1.0)
