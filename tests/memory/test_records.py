"""What memory says of agents before they bid: their success on near tasks, and of late."""

from __future__ import annotations

import pytest

from edge_sale.memory import feedback
from edge_sale.memory.store import AuctionMemory
from edge_sale.scoring.experience import settled
from edge_sale.types import Outcome, Task
from tests.memory.kit import Grams, award, run


def test_records_are_of_known_outcomes_near_and_of_late(tmp_path):
    """Right and wrong by the user's word before the check's; near tasks with their cosine; strangers are left out."""
    path = tmp_path / "m.sqlite"
    with AuctionMemory.open(path, Grams()) as memory:
        for n, verified in enumerate((True, False, None, True)):
            outcome = Outcome("quick", "done", "x", verified)
            memory.record(award(f"w{n}", f"count the words of file {n}"), outcome, run())
        memory.record(award("s", "bake a cake of seven layers"), Outcome("quick", "failed", ""), run())
        feedback.give(path, "w3", False)
        found = memory.records(Task("new", "count the words of file 7"), ["quick", "planner"])
    assert set(found) == {"quick"}  # the planner never finished anything
    record = found["quick"]
    assert (record.right, record.tried) == (1, 4)
    assert sorted(well for _, well in record.near) == [False, False, True]
    assert all(0.35 <= cosine <= 1.0 for cosine, _ in record.near)


def test_experience_is_worked_by_hand():
    """Two near successes and a far failure, an agent right in 3 of 4 of late; with nothing near, its own share."""
    overall = (3 + 1) / (4 + 2)
    near = [(1.0, True), (0.8, True), (0.5, False)]
    assert settled(near, 3, 4) == pytest.approx((1.0 + 0.64 + 2 * overall) / (1.0 + 0.64 + 0.25 + 2))
    assert settled([], 3, 4) == pytest.approx(overall)
    assert settled([], 0, 0) == 0.5
