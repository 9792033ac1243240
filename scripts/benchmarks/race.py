"""Lets several sides do the same work in turns, and compares their times.

The speed of a shared machine changes from moment to moment. So the sides alternate, each round compares runs that
are close in time, and the result is the median over the rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from edge_sale.evaluation.report import Figure

OURS = "ours"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Lap:
    """One turn of a side: how much work it did, in any unit that the sides share, and in how many seconds."""

    work: float
    seconds: float

    @property
    def rate(self) -> float:
        return self.work / self.seconds


@dataclass(slots=True)
class Clock:
    """Limits the time of a bench: a slow machine gets fewer rounds, and not a longer bench."""

    limit: float
    began: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        return time.monotonic() - self.began

    @property
    def over(self) -> bool:
        return self.spent >= self.limit


Sides = Mapping[str, Callable[[int], Lap]]
Laps = dict[str, list[Lap]]


def race(what: str, sides: Sides, runs: int, clock: Clock, tell: Tell, *, warm: bool = True) -> Laps:
    """The laps of every side over `runs` rounds, in each of which the sides take turns in order.

    A side is called with the number of the round. With `warm`, an uncounted round 0 comes first. No round begins
    after `clock` is over, but one is always run.
    """
    laps: Laps = {side: [] for side in sides}
    for number in range(0 if warm else 1, runs + 1):
        if clock.over and number > 1:
            tell(f"{what}: {number - 1} of {runs} rounds, then the {clock.limit:.0f} s of this bench were over")
            break
        for side, run in sides.items():
            lap = run(number)
            if number:
                laps[side].append(lap)
        shown = ", ".join(f"{side} {laps[side][-1].seconds:.2f} s" for side in sides) if number else "warm"
        tell(f"{what}: round {number}: {shown}")
    return laps


def rate(laps: Sequence[Lap]) -> float:
    """The median of the work per second."""
    return float(median(lap.rate for lap in laps))


def seconds(laps: Sequence[Lap]) -> float:
    """The median of the seconds."""
    return float(median(lap.seconds for lap in laps))


def ratio(ours: Sequence[Lap], theirs: Sequence[Lap]) -> float:
    """How many times as fast ours is: the median over the rounds of the ratio of the two rates."""
    return float(median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True)))


def against(
    what: str,
    laps: Laps,
    goals: float | Mapping[str, float] | None,
    *,
    unit: str = "tokens/s",
    mid: Callable[[Sequence[Lap]], float] = rate,
) -> Iterator[Figure]:
    """The median of each side, then how many times as fast ours is as each other side, with the goal for it."""
    for side in laps:
        yield Figure(f"{what}, {side}", mid(laps[side]), unit)
    for side in laps:
        if side != OURS:
            goal = goals.get(side) if isinstance(goals, Mapping) else goals
            yield Figure(f"{what}, against {side}", ratio(laps[OURS], laps[side]), "x", goal, "least")


def stopwatch(work: Callable[[], float]) -> Lap:
    """Time `work`, which returns how much it did."""
    began = time.perf_counter()
    done = work()
    return Lap(done, time.perf_counter() - began)
