"""Two sides doing the same work by turns, and what their times say: arithmetic and a stopwatch.

On a shared machine a second is worth now more, now less. So the sides alternate, each round
compares neighbours in time, and the median over the rounds is what counts.
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
    """One side's turn: how much it did, in any unit that both sides share, and in how many seconds."""

    work: float
    seconds: float

    @property
    def rate(self) -> float:
        return self.work / self.seconds


@dataclass(slots=True)
class Clock:
    """The time that a bench may take, so that a slow machine gets fewer rounds, not a longer bench."""

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
    """Every side's laps, by turns in the order of `sides`, over `runs` rounds.

    A side is called with the round's number. With `warm` a round 0 comes first that is not counted. Once
    `clock` is over no further round begins, but one is always run.
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
    """The median of work a second."""
    return float(median(lap.rate for lap in laps))


def seconds(laps: Sequence[Lap]) -> float:
    """The median of seconds."""
    return float(median(lap.seconds for lap in laps))


def ratio(ours: Sequence[Lap], theirs: Sequence[Lap]) -> float:
    """How many times as fast ours is: the median over the rounds of one round's two rates."""
    return float(median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True)))


def against(
    what: str,
    laps: Laps,
    goals: float | Mapping[str, float] | None,
    *,
    unit: str = "tokens/s",
    mid: Callable[[Sequence[Lap]], float] = rate,
) -> Iterator[Figure]:
    """Each side's median, then how many times as fast ours is as each of the others, with the goal for it."""
    for side in laps:
        yield Figure(f"{what}, {side}", mid(laps[side]), unit)
    for side in laps:
        if side != OURS:
            goal = goals.get(side) if isinstance(goals, Mapping) else goals
            yield Figure(f"{what}, against {side}", ratio(laps[OURS], laps[side]), "x", goal, "least")


def stopwatch(work: Callable[[], float]) -> Lap:
    """Runs `work`, which says how much it did."""
    began = time.perf_counter()
    done = work()
    return Lap(done, time.perf_counter() - began)
