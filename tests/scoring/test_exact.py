"""The paper's program as a MILP: its optimum, against every corner that can be tried by hand."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edge_sale.scoring import program

pytest.importorskip("highspy", reason="the extra [fit] is not installed")
from edge_sale.scoring import exact


def random_bids(tasks: int, agents: int, signals: int, seed: int):
    rng = np.random.default_rng(seed)
    signs = np.concatenate([rng.random((tasks, agents, 1)), -rng.random((tasks, agents, signals - 1))], axis=2)
    solved = rng.random((tasks, agents)) < 0.5
    return signs, solved | ~solved.any(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(6))
def test_the_optimum_is_no_worse_than_a_fine_grid_and_proved(seed):
    """No point of a grid of 1/60 is better, the bound meets it, and w lies on the simplex."""
    signs, allowed = random_bids(25, 4, 3, seed)
    found = exact.solve(signs, allowed, 30)
    grid = [exact.worst(signs, allowed, w) for w in program._grid(3, 60)]
    assert found.proved and found.worst <= min(grid) + 1e-7
    assert found.worst == pytest.approx(min(grid), abs=0.02)  # a grid comes near, and is all the control there is
    assert found.weights.sum() == pytest.approx(1.0) and (found.weights >= 0).all()


def test_two_tasks_that_pull_apart_are_balanced():
    """As the search finds it too: a third on the first signal, exactly."""
    found = exact.solve([[[-1.0, 0.0]], [[0.0, -0.5]]], [[True], [True]], 10)
    assert found.weights == pytest.approx([1 / 3, 2 / 3]) and found.worst == pytest.approx(-1 / 3)


def test_only_agents_that_solved_count():
    """The better bid is of an agent that failed: it may not be chosen, and where nobody solved anyone may."""
    signs = np.array([[[-1.0], [-0.2]]])
    assert exact.solve(signs, [[False, True]], 10).worst == pytest.approx(-0.2)
    assert exact.solve(signs, [[True, True]], 10).worst == pytest.approx(-1.0)
    with pytest.raises(ValueError, match="no agent"):
        exact.solve(signs, [[False, False]], 10)


def test_a_start_is_never_made_worse():
    """Stopped at once, the answer is at least as good as where it began."""
    signs, allowed = random_bids(120, 6, 5, 1)
    start = program.fit(signs, allowed)
    assert exact.solve(signs, allowed, 0.05, start).worst <= exact.worst(signs, allowed, start) + 1e-9


def test_the_solver_prints_nothing():
    """HiGHS has a banner of its own; a document on stdout stays alone there."""
    code = (
        "from edge_sale.scoring import exact\nprint('{')\n"
        "exact.solve([[[-1.0, 0.0]], [[0.0, -0.5]]], [[True], [True]], 10)\nprint('}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{\n}\n"
