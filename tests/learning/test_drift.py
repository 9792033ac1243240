"""After the fit: promises kept are left alone, broken ones are noticed, and constants follow."""

from __future__ import annotations

import numpy as np
import pytest

from edge_sale.learning import drift, outcome_model
from edge_sale.scoring.success_chance import sigmoid
from tests.learning.kit import LEVELS, SHIPPED, world


@pytest.fixture(scope="module")
def weights():
    return outcome_model.value_of(world(1000), SHIPPED).weights


def test_promises_kept_raise_no_alarm(weights):
    """In 200 streams that are as promised, looked at after every tenth outcome, alarms are as rare as said."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        odds = rng.normal(0, 1.5, 100)
        right = (rng.random(100) < sigmoid(odds)).astype(float)
        alarms += any(drift._evidence(odds[:n], right[:n]) >= 1 / drift.ALARM for n in range(10, 101, 10))
    assert alarms <= 5  # 2 are expected at most; the control is the next test


def test_an_agent_that_got_worse_is_noticed_and_followed(weights):
    """A model changed for the worse: the alarm names it alone, and recalibration takes most of it out."""
    after = world(150, seed=5, levels={**LEVELS, "large": -1.5})
    drifts = {one.agent: one for one in drift.drift_of(after, weights)}
    assert {name for name, one in drifts.items() if one.drifted} == {"large"}
    assert drifts["large"].shift == pytest.approx(-3.0, abs=0.8)
    assert "of 150 right where" in drifts["large"].words
    moved = drift.recalibrated(weights, list(drifts.values()))
    again = {one.agent: one for one in drift.drift_of(after, moved)}
    assert not again["large"].drifted
    assert moved.of("large").constant - weights.of("large").constant == pytest.approx(drifts["large"].shift)
    assert moved.of("new") == weights.of("new")


def test_a_few_outcomes_move_little(weights):
    """Three failures in a row are no reason to give an agent up."""
    after = world(3, seed=7, levels={"small": -9.0, "middle": 0.0, "large": 0.0})
    found = next(one for one in drift.drift_of(after, weights) if one.agent == "small")
    assert found.right == 0 and not found.drifted and -1.2 < found.shift < 0
