"""What signals tell: AUC overall, per agent and within a task, with intervals that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_sale.learning import signal_report
from edge_sale.scoring import auc
from tests.learning.kit import SHIPPED, world


def test_the_signal_that_tells_comes_first():
    """The draft's entropy, low is good; plan entropy says nothing, and its interval says that too."""
    found = {one.signal: one for one in signal_report.report(world(500, draft=-3.0), SHIPPED)}
    assert next(iter(found)) in ("draft_entropy", "price", "price_length")
    draft, entropy = found["draft_entropy"], found["entropy"]
    assert draft.overall.high < 0.35 and draft.within.high < 0.35
    assert entropy.overall.low < 0.5 < entropy.overall.high
    assert all(area.high < 0.4 for area in draft.agents.values())
    assert "value by shipped" in found and "score by j" in found


def test_a_price_tells_agents_apart_and_nothing_within_one():
    """The price says who it is: something overall and within a task, nothing at all for one agent."""
    found = {one.signal: one for one in signal_report.report(world(300), SHIPPED)}
    price = found["price"]
    assert price.overall.low > 0.5 and price.within.low > 0.5
    assert all(area.auc == 0.5 for area in price.agents.values())


def test_the_interval_covers_what_it_should():
    """Of 300 samples of clustered bids about 95 % hold the true AUC in their interval."""
    rng = np.random.default_rng(0)
    truth = 0.7602  # of two unit normals a mean of 1 apart: Phi(1 / sqrt 2)
    held = 0
    for _ in range(300):
        task = np.repeat(np.arange(60), 4)
        right = rng.random(240) < 0.5
        shared = np.repeat(rng.normal(0, 0.7, 60), 4)  # bids on one task are alike
        x = shared + rng.normal(0, math.sqrt(1 - 0.49), 240) + right
        area = auc.clustered(x, right, task)
        held += area.low <= truth <= area.high
    assert 0.91 <= held / 300 <= 0.985


def test_a_cluster_is_one_opinion():
    """Every bid written down ten times narrows nothing; ten times as many tasks do."""
    rng = np.random.default_rng(1)
    right = rng.random(80) < 0.5
    x, task = rng.normal(0, 1, 80) + right, np.arange(80)
    once = auc.clustered(x, right, task)
    copied = auc.clustered(np.tile(x, 10), np.tile(right, 10), np.tile(task, 10))
    assert (copied.auc, copied.low, copied.high) == pytest.approx((once.auc, once.low, once.high))
    fresh = auc.clustered(np.tile(x, 10), np.tile(right, 10), np.arange(800))
    assert fresh.high - fresh.low < 0.5 * (once.high - once.low)


def test_within_a_task_is_worked_by_hand():
    """Two tasks: in one the right bid is higher, in the other lower; a third has right ones only."""
    area = auc.within([3, 1, 1, 3, 5], [1, 0, 1, 0, 1], ["a", "a", "b", "b", "c"])
    assert (area.auc, area.tasks, area.bids) == (0.5, 2, 4)
    assert math.isnan(auc.within([1, 2], [1, 1], ["a", "a"]).auc)
