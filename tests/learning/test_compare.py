"""Which way of fitting is better on held-out tasks, and what is proposed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edge_sale.errors import EdgeSaleError, ExtraMissing
from edge_sale.learning import compare, fitting
from edge_sale.learning.compare import OUTCOME, PAPER
from edge_sale.learning.compare import SHIPPED as AS_SHIPPED
from edge_sale.learning.fitting import propose, usable
from edge_sale.scoring import program
from tests.learning.kit import LEVELS, SHIPPED, world

AGENTS = tuple(LEVELS)


def test_what_tells_is_found_and_proposed():
    """Where the draft tells, the outcome model beats the shipped weights and the paper's program, which ignores it."""
    found = compare.compare(world(400, draft=-4.0), SHIPPED, seconds=5)
    ours, theirs, shipped = (found.row(name) for name in (OUTCOME, PAPER, AS_SHIPPED))
    assert found.best == OUTCOME and ours.told_apart
    assert ours.passed > shipped.passed + 0.1 and ours.passed > theirs.passed + 0.05
    assert ours.regret < shipped.regret
    assert sum(ours.shares.values()) == pytest.approx(1.0)


def test_where_nothing_tells_nothing_is_proposed():
    """With no signal and equal agents the shipped weights, which take the cheap one, stay."""
    nothing = world(300, draft=0.0, levels={"small": 0.0, "middle": 0.0, "large": 0.0})
    cheap = replace(SHIPPED, juror=0.0)
    assert compare.compare(nothing, cheap, seconds=5).best is None


def test_of_a_users_memory_figures_are_estimates_and_say_so():
    """With one known outcome a task, regret is not known, and a row says how much of it is on record."""
    found = compare.compare(world(300, bandit=True), SHIPPED, seconds=5)
    assert all(math.isnan(row.regret) and 0 < row.known < 1 for row in found.rows)
    proposal = propose(world(300, bandit=True), SHIPPED, SHIPPED, AGENTS, 5)
    assert any("usual share stands for its outcome" in note for note in proposal.notes)


def test_regret_and_gain_are_worked_by_hand():
    """Two tasks; somebody did each. Whoever takes the one agent misses one of them."""
    table = world(2, levels={"small": 0.0, "large": 0.0})
    table = replace(table, right=np.array([[1.0, 0.0], [0.0, 1.0]]), dollars=np.array([[1.0, 5.0], [1.0, 5.0]]))
    passed, paid = table.right, table.dollars
    row = compare._row("large", table, np.array([1, 1]), passed, paid, np.array([1.0, 0.0]))
    assert (row.passed, row.regret, row.dollars, row.gain, row.known) == (0.5, 0.5, 5.0, 0.0, 1.0)
    assert row.shares == {"small": 0.0, "large": 1.0}


def test_few_outcomes_say_so_and_leave_the_cost_side():
    """With a dozen outcomes the proposal says how far it went, and price counts as shipped."""
    proposal = propose(world(7, draft=-6.0), SHIPPED, SHIPPED, AGENTS, 5)
    assert any("21 outcomes are few" in note and "as shipped" in note for note in proposal.notes)
    if proposal.weights and proposal.method == OUTCOME:
        assert proposal.weights.signals["price_length"] == SHIPPED.signals["price_length"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.part([]), "nothing recorded yet to learn from"),
        (
            lambda t: replace(t, right=np.full_like(t.right, np.nan)),
            "none of the 40 recorded tasks has a known outcome",
        ),
        (lambda t: replace(t, right=np.ones_like(t.right)), "all 120 known outcomes are right.*edge-sale bad ID"),
        (lambda t: replace(t, right=np.zeros_like(t.right)), "all 120 known outcomes are wrong.*edge-sale good ID"),
        (lambda t: t.part([0, 1]), "6 outcomes are known, at least 10 are needed"),
        (lambda t: replace(t, agents=("x", "y", "z")), "agents that are not in the pool: x, y, z; the pool has small"),
    ],
)
def test_what_is_missing_is_said(change, words):
    """No data, no outcomes, one class only, too few, and agents that are gone: one line with the way out."""
    with pytest.raises(EdgeSaleError, match=words) as error:
        usable(change(world(40)), AGENTS)
    assert "\n" not in str(error.value)
    usable(world(40), AGENTS)  # the control


def test_agents_that_are_gone_are_left_out_and_named():
    """Outcomes of an agent that left do not count; one that nobody knows yet is named too."""
    known, notes = usable(world(40), ["small", "large", "new"])
    assert known.agents == ("small", "large") and known.outcomes == 80
    assert notes == [
        "left out, no longer in the pool: middle (40 outcomes)",
        "no outcome is known of new: they get the weights that all agents share",
    ]


def test_weights_in_force_stand_beside_the_others():
    """Fitted weights that are in force are a row of their own."""
    now = replace(fitting.outcome_model.fit(world(100), SHIPPED).weights, name="fit-1")
    found = compare.compare(world(100), SHIPPED, now, seconds=5)
    assert "in force: fit-1" in [row.name for row in found.rows]


def test_without_the_solver_the_outcome_model_alone_is_compared(monkeypatch):
    """The row of the paper's program is left out, and a note says how to install the solver."""
    monkeypatch.setattr(program, "installed", lambda: False)
    proposal = propose(world(200, draft=-4.0), SHIPPED, SHIPPED, AGENTS, 5)
    assert proposal.method == OUTCOME and PAPER not in [row.name for row in proposal.comparison.rows]
    assert "pip install 'edge-sale[fit]'" in proposal.how
    with pytest.raises(ExtraMissing, match=r"'highspy'; install it with: pip install 'edge-sale\[fit\]'"):
        program.solve([[[1.0]]], [[True]], 1)
