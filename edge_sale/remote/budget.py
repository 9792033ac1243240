"""What requests to remotes have cost so far, and the most that they may cost.

The sums come from the egress log, since it is kept where memory is off. A request counts at its expected cost until
the log holds its answer, so a request that a crash cut off is never free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LogLine = Mapping[str, Any]
"""One line of the egress log, as `egress_log.read` returns it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that remotes may cost, in the configured currency. None means no limit."""

    task: float | None = None
    day: float | None = None
    month: float | None = None

    def refusal(self, lines: Sequence[LogLine], task: str, expected: float, now: float) -> str:
        """Say which limit a request of this expected cost would exceed. Empty where it exceeds none."""
        today = datetime.fromtimestamp(now)
        midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
        spent: dict[str, Callable[[], float]] = {
            "task": lambda: total_cost(line for line in requests_to_remotes(lines) if line.get("task") == task),
            "day": lambda: total_cost(requests_to_remotes(lines), midnight.timestamp()),
            "month": lambda: total_cost(requests_to_remotes(lines), midnight.replace(day=1).timestamp()),
        }
        for name, sum_of in spent.items():
            limit: float | None = getattr(self, name)
            if limit is not None and (already := sum_of()) + expected > limit:
                return (
                    f"it may cost {expected:.6f}, and {already:.6f} of this {name}'s {limit:g} are spent; "
                    f"per_{name} in [escalate] of config.toml is the limit"
                )
        return ""


def requests_to_remotes(lines: Sequence[LogLine]) -> Iterator[LogLine]:
    """The lines that cost money. The others are pulls of models."""
    return (line for line in lines if "remote" in line)


def total_cost(lines: Iterator[LogLine], since: float = 0.0) -> float:
    """What these requests cost from the time `since` on. One without an answer counts at its expected cost."""
    return sum(float(line.get("cost", line["expected"])) for line in lines if line["time"] >= since)
