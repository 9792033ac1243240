"""The bench of the fallback on a recording of ten tasks, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fallback import REMOTE, baselines, curve_point, hold_out
from edge_sale.evaluation.records import Item, Recording, Trial
from edge_sale.types import Task

# two families of five: home solves the first, the remote both
HOME = [True] * 5 + [False] * 5
FAMILY = np.kron(np.eye(2), np.ones((5, 5))) * 0.9 + np.eye(10) * 0.1


@pytest.fixture
def ten() -> Recording:
    items = tuple(Item(Task(f"t{i}", f"task {i}"), "family", checked=i >= 8) for i in range(10))
    trials = {}
    for i in range(10):
        trials[f"t{i}", "home"] = Trial(f"t{i}", "home", HOME[i], 10, 10, "plan", 10)
        trials[f"t{i}", REMOTE] = Trial(f"t{i}", REMOTE, i != 9, 10, 10, "plan", 10)
    return Recording("ten", items, {"home": 0.1, REMOTE: 33.0}, trials)


def test_baselines(ten: Recording) -> None:
    """The baselines are always remote, never remote, and the oracle, which sends only what no local agent solves."""
    assert baselines(ten) == {
        "always remote": {"pass@1": 0.9, "sent to the remote": 1.0},
        "never remote, best local (home)": {"pass@1": 0.5, "sent to the remote": 0.0},
        "oracle": {"pass@1": 0.9, "sent to the remote": 0.4},
    }


def test_curve_learns_which_family_to_send(ten: Recording) -> None:
    """At thrift 0.3 only the family that local agents fail is sent; at 1 nothing is sent."""
    held = hold_out(ten, FAMILY, seed=0)
    assert {this.item.task.id for this in held} == {f"t{i}" for i in range(10)}
    middle = curve_point(ten, held, 0.3, checks=False)
    assert (middle.solved, middle.sent) == (0.9, 0.5)
    thrifty = curve_point(ten, held, 1.0, checks=False)
    assert (thrifty.solved, thrifty.sent) == (0.5, 0.0)


def test_checks_escalate_what_failed(ten: Recording) -> None:
    """With checks, the two tasks whose environment shows a failure are sent at any thrift; the remote solves one."""
    checked = curve_point(ten, hold_out(ten, FAMILY, seed=0), 1.0, checks=True)
    assert (checked.solved, checked.sent) == (0.6, 0.2)


def test_held_out_tasks_are_not_in_their_own_memory(ten: Recording) -> None:
    """What is known of a task comes from the other folds, never from itself."""
    for this in hold_out(ten, np.ones((10, 10)), seed=1):
        assert len(this.past) == 8  # five folds of two
