"""The starter pool at work, for all parts of the bench `work`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge_sale import assemble
from edge_sale.agents.local import LocalAgent
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.market import Market
from edge_sale.environment import variable
from edge_sale.errors import EdgeSaleError, EngineError
from edge_sale.evaluation.jsonl_store import KeyedStore
from edge_sale.event_bus import EventBus
from edge_sale.settings import Settings, load
from edge_sale.types import Job, Outcome
from edge_sale.workspace.private_copy import private_copy
from edge_sale.workspace.tools import WorkingCopy

SEED = 1

Tell = Callable[[str], None]


class WorkSetup:
    """The starter pool at work on the sets in `data`, in folders of its own under `scratch`.

    `results` keeps what was measured, so that a bench that was stopped goes on.
    """

    def __init__(self, data: Path, scratch: Path, results: KeyedStore, tell: Tell, limit: int | None) -> None:
        self.data, self.scratch, self.results, self.tell, self.limit = data, scratch, results, tell, limit
        self.settings: Settings = replace(load(), remember=False, seed=SEED, pool="starter")
        self.market: Market = assemble.market(assemble.plan(self.settings))
        self.agents = [agent for agent in self.market.agents if isinstance(agent, LocalAgent)]

    def drafter(self) -> LocalAgent:
        """The agent that works by drafts."""
        return next(agent for agent in self.agents if agent.work == "drafts")

    def work(self, agent: LocalAgent, job: Job[Outcome]) -> Outcome:
        """The outcome of a job. An engine that failed counts as a missing answer."""
        done = self.market.scheduler.drive({agent.name: job}, "work", 600)[agent.name]
        if isinstance(done, EngineError):
            return Outcome(agent.name, "failed", "", notes=(str(done),))
        if isinstance(done, EdgeSaleError):
            raise done
        return done


def workspace(
    root: Path, settings: Settings, scratch: Path, check: str | None, events: EventBus | None = None
) -> Workspace:
    """A workspace that works on private copies of `root` under `scratch`."""
    path = variable("PATH") or ""

    def begin() -> WorkingCopy:
        copy = private_copy(root, Path(tempfile.mkdtemp(dir=scratch)))
        return WorkingCopy(copy, settings.sandbox, seconds=20, path=path)

    return Workspace(begin, check, events=events or EventBus())
