"""What a bench works on: tasks, and each agent's recorded attempt at each of them.

In a recording every agent has tried every task; an incomplete one is refused, with what is missing. Prices are US
dollars per million tokens, times are seconds, entropies are nats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge_sale.evaluation.jsonl_store import BadRecord
from edge_sale.types import Task


@dataclass(frozen=True, slots=True)
class Item:
    """A task of a set. `checked`: its environment tells whether work is right, at once and without the answer key."""

    task: Task
    bin: str
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One agent's recorded attempt at one task: its plan as it was bid, what the work spent, how it was graded."""

    task: str
    agent: str
    success: bool
    tokens_in: int
    tokens_out: int
    plan: str = ""
    plan_tokens: int = 0
    entropy: float | None = None  # of the plan; None where no logits were kept
    opening: str = ""  # what the agent said first, beyond its plan, where that was recorded
    seconds: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)  # juror -> 0..5, where the plan was judged live
    judged: tuple[float, ...] = (0, 0.0, 0.0)  # what judging all plans of the task took: tokens, dollars, seconds
    signals: Mapping[str, float] = field(default_factory=dict)  # extra signals that the bid carried

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Recording:
    """A full matrix of trials: `prices` names the agents, and every one has a trial at every item."""

    name: str
    items: tuple[Item, ...]
    prices: Mapping[str, float]
    trials: Mapping[tuple[str, str], Trial]  # (task, agent) -> trial

    @property
    def agents(self) -> tuple[str, ...]:
        return tuple(self.prices)

    def trial(self, item: Item, agent: str) -> Trial:
        return self.trials[item.task.id, agent]

    def subset(self, items: Iterable[Item]) -> Recording:
        """The same recording with these items only."""
        return Recording(self.name, tuple(items), self.prices, self.trials)


def recording(name: str, items: Iterable[Item], prices: Mapping[str, float], trials: Iterable[Trial]) -> Recording:
    """The recording of these trials. Raises BadRecord for a trial that is doubled, of no task, or missing."""
    kept = {item.task.id: item for item in items}
    found: dict[tuple[str, str], Trial] = {}
    for trial in trials:
        if trial.task not in kept:
            raise BadRecord(f"{name}: agent {trial.agent!r} has a trial at {trial.task!r}, which is no task of the set")
        if (trial.task, trial.agent) in found:
            raise BadRecord(f"{name}: agent {trial.agent!r} has two trials at {trial.task!r}")
        found[trial.task, trial.agent] = trial
    for agent in prices:
        lacking = [task for task in kept if (task, agent) not in found]
        if lacking:
            raise BadRecord(
                f"{name}: agent {agent!r} has no trial at {len(lacking)} of {len(kept)} tasks, the first "
                f"{lacking[0]!r}; record those too or leave the agent out: nothing is averaged over a part"
            )
    if not kept or not prices:
        raise BadRecord(f"{name}: holds no {'tasks' if not kept else 'agents'}")
    return Recording(name, tuple(kept.values()), dict(prices), found)
