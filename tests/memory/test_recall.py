"""Which pairs of past plans are lessons."""

from __future__ import annotations

import pytest

from edge_sale.memory.recall import PastPlan, contrast, text_digest
from edge_sale.types import Outcome

A = PastPlan(0, "a", "opening", "plan a", True)
B = PastPlan(1, "b", "opening", "plan b", False)
C = PastPlan(2, "c", "opening", "plan c", False)
B2 = PastPlan(2, "b", "refined", "plan b, refined", False)
AS_A = PastPlan(1, "b", "opening", "plan a", False)

CASES = {
    # agent, plans by rank, verdicts -> (copy, avoid)
    "won: against the best of the others": ("a", [A, B, C], {}, (A, B)),
    "lost: against the winner": ("c", [A, B, C], {}, (A, C)),
    "lost: its refined plan is the one to mend": ("b", [A, B, B2], {}, (A, B2)),
    "did not bid": ("d", [A, B, C], {}, None),
    "bid alone": ("a", [A], {}, None),
    "the same plan twice shows nothing": ("b", [A, AS_A], {}, None),
    "won, and the next best plan is the same: the one after": ("a", [A, AS_A, C], {}, (A, C)),
    "nobody won": ("b", [B, C], {}, None),
    "work done": ("b", [A, B], {"a": Outcome("a", "done", "x")}, (A, B)),
    "work passed": ("b", [A, B], {"a": Outcome("a", "passed", "x", True)}, (A, B)),
    "work cancelled: nothing is known against the plan": ("b", [A, B], {"a": Outcome("a", "cancelled", "x")}, (A, B)),
    "winner failed: losers do not copy it": ("b", [A, B], {"a": Outcome("a", "failed", "x")}, None),
    "winner failed its check: nor then": ("b", [A, B], {"a": Outcome("a", "done", "x", False)}, None),
    "failed oneself: losing plans are not shown to be good": ("a", [A, B], {"a": Outcome("a", "failed", "x")}, None),
    "failed oneself, another's work only ended": (
        "a",
        [A, B],
        {"a": Outcome("a", "failed", "x"), "b": Outcome("b", "done", "x")},
        None,
    ),
    "failed oneself, another passed": (
        "a",
        [A, B, C],
        {"a": Outcome("a", "failed", "x"), "c": Outcome("c", "passed", "x")},
        (C, A),
    ),
    "the other one's pass is its own lesson too": (
        "c",
        [A, B, C],
        {"a": Outcome("a", "failed", "x"), "c": Outcome("c", "done", "x", True)},
        (C, A),
    ),
    "a third learns from the one who passed": (
        "b",
        [A, B, C],
        {"a": Outcome("a", "failed", "x"), "c": Outcome("c", "passed", "x", True)},
        (C, B),
    ),
    "a pass that its check denies is none": (
        "a",
        [A, B],
        {"a": Outcome("a", "failed", "x"), "b": Outcome("b", "passed", "x", False)},
        None,
    ),
    "the user found the winner's answer bad": (
        "b",
        [A, B],
        {"a": Outcome("a", "passed", "x", True, verdict=False)},
        None,
    ),
    "the user found an answer good that failed its check": (
        "b",
        [A, B],
        {"a": Outcome("a", "failed", "x", False, verdict=True)},
        (A, B),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_lesson_pairs_a_plan_to_copy_with_one_to_avoid(case):
    """The winner is copied unless its work failed, and one of the two plans is the agent's own."""
    agent, plans, verdicts, expected = CASES[case]
    assert contrast(agent, plans, verdicts) == expected


def test_a_refined_loser_whose_opening_won_avoids_the_plan_that_was_carried_out():
    """What failed is the plan that won, not the one written later."""
    opening, refined = PastPlan(0, "a", "opening", "first", True), PastPlan(1, "a", "refined", "second", False)
    verdicts = {"a": Outcome("a", "failed", "x"), "c": Outcome("c", "passed", "x")}
    assert contrast("a", [opening, refined, C], verdicts) == (C, opening)


def test_texts_are_alike_but_for_case_spacing_and_unicode_forms():
    """Near-duplicates of a task share one digest; other words do not."""
    assert text_digest("Sum  the\nCafe\u0301 ") == text_digest("sum the caf\u00e9")
    assert text_digest("sum the list") != text_digest("sum the lists")
