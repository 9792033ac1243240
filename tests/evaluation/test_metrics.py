"""Every figure of the table against an example worked by hand."""

import math

import numpy as np
import pytest

from edge_sale.evaluation import metrics as m
from edge_sale.scoring.auc import auc


def test_pass_at_k():
    """Of 4 tries 1 right: a draw of 2 misses it in 3 of 6 pairs."""
    assert m.pass_at_k(4, 1, 1) == pytest.approx(0.25)
    assert m.pass_at_k(4, 1, 2) == pytest.approx(0.5)
    assert m.pass_at_k(4, 0, 4) == 0
    with pytest.raises(ValueError, match="not defined"):
        m.pass_at_k(2, 1, 3)


def test_interval_covers_and_shrinks():
    """The interval holds the mean, is narrower with more tasks, and is a point where all are alike."""
    few, many = m.interval([0, 1] * 20), m.interval([0, 1] * 2000)
    assert few[0] < 0.5 < few[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 5
    assert m.interval([1, 1, 1]) == (1.0, 1.0)
    each, tenfold = m.interval([0, 1] * 20), m.interval([0, 1] * 200, clusters=[n % 40 for n in range(400)])
    assert tenfold == pytest.approx(each, abs=0.03)  # ten alike are as good as one
    assert m.interval([0, 1, 1], clusters=list("abb")) == (0.0, 1.0)
    assert math.isnan(m.interval([])[0])
    wide = m.interval(np.random.default_rng(0).random(400))  # more than 64 different values
    assert wide[0] < 0.5185 < wide[1] < wide[0] + 0.1


def test_dollars_per_million():
    """3 dollars for half a million tokens are 6 $/Mt; nothing spent has no price."""
    assert m.per_million(3.0, 500_000) == pytest.approx(6.0)
    assert math.isnan(m.per_million(0.0, 0))


def test_apgr_of_the_diagonal_is_one_half():
    """Random routing between weak 0.4 and strong 0.8 lies on the line; a router that is at once strong has 1."""
    assert m.apgr([0, 0.5, 1], [0.4, 0.6, 0.8], 0.4, 0.8) == pytest.approx(0.5)
    assert m.apgr([1, 0], [0.8, 0.8], 0.4, 0.8) == pytest.approx(1.0)
    assert m.recovered(0.7, 0.4, 0.8) == pytest.approx(0.75)
    assert math.isnan(m.apgr([0.5, 0.5], [0.6, 0.6], 0.4, 0.8))


def test_cpt_reads_between_points():
    """Half the gap of 0.4..0.8 is 0.6: between 20 % (0.5) and 40 % (0.7) that is 30 %."""
    shares, qualities = [0, 0.2, 0.4, 1.0], [0.4, 0.5, 0.7, 0.8]
    assert m.cpt(0.5, shares, qualities, 0.4, 0.8) == pytest.approx(0.3)
    assert m.cpt(0.8, shares, qualities, 0.4, 0.8) == pytest.approx(0.52)
    assert m.cpt(0.0, shares, qualities, 0.4, 0.8) == 0
    assert math.isnan(m.cpt(1.0, shares, [0.4, 0.5, 0.6, 0.7], 0.4, 0.8))


def test_hull_is_the_upper_frontier():
    """A point below the line between two others, or dearer and worse, is no corner."""
    x, y = m.hull([0, 1, 2, 3], [0.0, 0.1, 1.0, 0.5])
    assert (x.tolist(), y.tolist()) == ([0, 2], [0.0, 1.0])


def test_aiq_is_the_mean_height_over_the_range():
    """From (0, 0) to (1, 1) and flat to 2: area 1.5 over a range of 2."""
    assert m.aiq([0, 1], [0, 1], 0, 2) == pytest.approx(0.75)
    assert m.aiq([1], [0.6], 1, 2) == pytest.approx(0.6)
    assert math.isnan(m.aiq([1], [0.6], 2, 2))


def test_gain_and_saving_against_the_best_single():
    """0.66 for 0.6 is 10 % more; the cheapest setting at least as good costs a quarter."""
    assert m.perf_gain([0.5, 0.66], 0.6) == pytest.approx(0.1)
    assert m.cost_save([1.0, 2.0, 4.0], [0.6, 0.5, 0.9], 4.0, 0.6) == pytest.approx(0.75)
    assert math.isnan(m.cost_save([1.0], [0.5], 4.0, 0.6))


def test_arena_score():
    """At the cheapest bound C is 1, at the dearest 0; between, the weighted harmonic mean."""
    assert m.arena(0.8, 0.0044 / 1000) == pytest.approx(1.1 * 0.8 / (0.1 * 0.8 + 1))
    assert m.arena(0.8, 0.2) == pytest.approx(0.0)
    assert math.isnan(m.arena(0.8, 0.0))


def test_shapley_shares_what_two_can_do():
    """a alone does 2 tasks, b alone 1, together 2: a is worth 1.5, b 0.5, and they sum to the whole."""
    worth = {frozenset(): 0, frozenset("a"): 2, frozenset("b"): 1, frozenset("ab"): 2}
    assert m.shapley(["a", "b"], worth.__getitem__) == {"a": 1.5, "b": 0.5}


def test_confusion_counts_pairs():
    """Sold to the large one where the small one would have done: over-escalation, once."""
    assert m.confusion(["large", "small"], ["small", "small"]) == {("small", "large"): 1, ("small", "small"): 1}


def test_over_time():
    """Two stretches of four tasks."""
    assert m.over_time([0, 0, 1, 0], parts=2) == [0.0, 0.5]


def test_auc_counts_pairs_with_ties_half():
    """Right: 3, 2; wrong: 2, 1. Of four pairs three are in order and one is tied."""
    assert auc([3, 2, 2, 1], [1, 1, 0, 0]) == pytest.approx(3.5 / 4)
    assert auc([1, 2], [0, 1]) == 1.0
    assert math.isnan(auc([1, 2], [1, 1]))
    assert m.auc_error(0.5, 1, 1) == pytest.approx(0.5)


def test_calibration():
    """Two groups: promised 0.2 and had half, promised 0.8 and had all: off by 0.3 and 0.2."""
    rows, error = m.calibration([0.2, 0.2, 0.8, 0.8], [0, 1, 1, 1], bins=2)
    assert rows == [(pytest.approx(0.2), 0.5, 2), (pytest.approx(0.8), 1.0, 2)]
    assert error == pytest.approx(0.25)
