"""Turns and what their times say."""

from __future__ import annotations

import pytest

from benchmarks.race import OURS, Clock, Lap, against, race, ratio
from edge_sale.evaluation.report import Figure, as_line, as_table


def laps(*seconds: float, work: float = 10) -> list[Lap]:
    return [Lap(work, s) for s in seconds]


def test_a_ratio_compares_neighbours_in_time():
    """Where the machine slows down for both, the ratio stays; it is the median of the rounds' own ratios."""
    assert ratio(laps(1, 10, 1), laps(2, 20, 2)) == 2
    assert ratio(laps(1, 1, 1), laps(1, 3, 9)) == 3


def test_a_ratio_is_of_rates_not_of_seconds():
    """A side that did more in the same time is faster."""
    assert ratio(laps(1, work=30), laps(1, work=10)) == 3


def test_sides_take_turns_after_a_round_that_does_not_count():
    """Ours, theirs, ours, theirs; round 0 warms caches and is left out."""
    order = []

    def side(name: str):
        return lambda number: order.append((name, number)) or Lap(1, 1 + number)

    found = race("x", {OURS: side("a"), "b": side("b")}, 2, Clock(60), lambda line: None)
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [lap.seconds for lap in found[OURS]] == [2, 3]


def test_no_round_begins_when_the_time_is_over():
    """One round is run and the reader is told how many there were."""
    told: list[str] = []
    found = race("x", {OURS: lambda number: Lap(1, 1)}, 5, Clock(0), told.append)
    assert len(found[OURS]) == 1
    assert "1 of 5 rounds" in told[-1]


def test_figures_of_a_race():
    """Both medians in their unit, then the ratio with its goal as a least."""
    figures = list(against("work", {OURS: laps(1, 2, 4), "them": laps(2, 4, 8)}, 1.5))
    assert figures == [
        Figure("work, ours", 5, "tokens/s"),
        Figure("work, them", 2.5, "tokens/s"),
        Figure("work, against them", 2, "x", 1.5, "least"),
    ]
    assert figures[-1].met is True


@pytest.mark.parametrize(
    "figure, line",
    [
        (Figure("speed", 2.0, "x", 1.5, "least"), "= speed: 2 x (goal ≥ 1.5: yes)"),
        (Figure("memory", 200.0, "MB", 150), "= memory: 200 MB (goal ≤ 150: no)"),
        (Figure("tokens", 12345.0, "tokens"), "= tokens: 12345 tokens"),
    ],
)
def test_a_figure_in_a_line(figure, line):
    """A line says what the table will."""
    assert as_line(figure) == line
    assert figure.what in as_table([figure])
