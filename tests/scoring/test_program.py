"""The paper's program as a MILP: its optimum, against a fine grid and cases worked by hand."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest

from edge_sale.scoring import program

pytest.importorskip("highspy", reason="the extra [fit] is not installed")


def worst(signs, allowed, weights) -> float:
    """The largest over tasks of the least C - V among the agents that it may go to."""
    return float(np.where(allowed, signs @ weights, np.inf).min(axis=1).max())


def grid(steps: int):
    """Every point of the simplex of three weights whose parts are multiples of 1 / steps."""
    for a, b in itertools.product(range(steps + 1), repeat=2):
        if a + b <= steps:
            yield np.array([a, b, steps - a - b]) / steps


def random_bids(tasks: int, agents: int, signals: int, seed: int):
    rng = np.random.default_rng(seed)
    signs = np.concatenate([rng.random((tasks, agents, 1)), -rng.random((tasks, agents, signals - 1))], axis=2)
    solved = rng.random((tasks, agents)) < 0.5
    return signs, solved | ~solved.any(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(6))
def test_the_optimum_is_no_worse_than_a_fine_grid_and_proved(seed):
    """No point of a grid of 1/60 is better, the bound meets it, and w lies on the simplex."""
    signs, allowed = random_bids(25, 4, 3, seed)
    found = program.solve(signs, allowed, 30)
    near = min(worst(signs, allowed, w) for w in grid(60))
    assert found.proved and found.reached <= near + 1e-7
    assert found.reached == pytest.approx(near, abs=0.02)  # a grid comes near, and is all the control there is
    assert found.weights.sum() == pytest.approx(1.0) and (found.weights >= 0).all()


def test_two_tasks_that_pull_apart_are_balanced():
    """A third of the weight on the first signal, exactly."""
    found = program.solve([[[-1.0, 0.0]], [[0.0, -0.5]]], [[True], [True]], 10)
    assert found.weights == pytest.approx([1 / 3, 2 / 3]) and found.reached == pytest.approx(-1 / 3)


def test_only_agents_that_solved_count():
    """The better bid is of an agent that failed: it may not be chosen, and where nobody solved anyone may."""
    signs = np.array([[[-1.0], [-0.2]]])
    assert program.solve(signs, [[False, True]], 10).reached == pytest.approx(-0.2)
    assert program.solve(signs, [[True, True]], 10).reached == pytest.approx(-1.0)
    with pytest.raises(ValueError, match="no agent"):
        program.solve(signs, [[False, False]], 10)


def test_a_start_is_never_made_worse():
    """Stopped at once, the answer is at least as good as where it began."""
    signs, allowed = random_bids(120, 6, 5, 1)
    best = program.solve(signs, allowed, 5).weights
    for start in (np.full(5, 0.2), best):
        assert program.solve(signs, allowed, 0.05, start).reached <= worst(signs, allowed, start) + 1e-9


def test_the_solver_prints_nothing():
    """HiGHS has a banner of its own; a document on stdout stays alone there."""
    code = (
        "from edge_sale.scoring import program\nprint('{')\n"
        "program.solve([[[-1.0, 0.0]], [[0.0, -0.5]]], [[True], [True]], 10)\nprint('}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{\n}\n"


def test_program_weighs_what_solved_tasks_need():
    """The first signal is low for who solved, the second for who failed: min-max puts all weight on the first."""
    signs = np.array([[[-1.0, 0.0], [0.0, -1.0]], [[-0.8, 0.0], [0.0, -1.0]]])
    weights = program.solve(signs, [[True, False], [True, False]], 10).weights
    assert weights.tolist() == pytest.approx([1.0, 0.0])


def test_program_minimises_the_worst_or_the_mean():
    """Worst case balances two tasks that pull apart; the mean follows the stronger pull."""
    signs = np.array([[[-1.0, 0.0]], [[0.0, -0.5]]])
    solved = [[True], [True]]
    assert program.solve(signs, solved, 10).weights.tolist() == pytest.approx([1 / 3, 2 / 3], abs=0.01)
    assert program.least_mean(signs, solved).tolist() == pytest.approx([1.0, 0.0])


def test_program_may_choose_anyone_where_nobody_solved():
    """A task that nobody solved restricts nothing, and weights still sum to 1."""
    allowed = program.allowed_agents([[False, False], [False, True]])
    assert allowed.tolist() == [[True, True], [False, True]]
    assert program.solve(np.zeros((2, 2, 3)), allowed, 10).weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
def test_no_mixture_has_a_lower_mean_than_the_best_single_signal(seed):
    """The mean of minima is concave, so its minimum over the simplex is at a vertex; a fine grid agrees."""
    signs, allowed = random_bids(25, 4, 3, seed)

    def mean(weights) -> float:
        return float(np.where(allowed, signs @ weights, np.inf).min(axis=1).mean())

    assert mean(program.least_mean(signs, allowed)) <= min(mean(w) for w in grid(60)) + 1e-12
