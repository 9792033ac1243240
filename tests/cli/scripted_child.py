"""The command line with one scripted agent, in processes of their own: `python -m tests.cli.scripted_child ARGS`.

All but the agent is real. `EDIT` in the environment is Python: with --repo it is run as the agent's work, with
`copy`, the private copy's folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_sale import assemble
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.cli import main
from edge_sale.event_bus import EventBus
from edge_sale.scoring.weights import Weights
from edge_sale.types import Job, Outcome, Task
from edge_sale.workspace.patch import as_patch, summary
from tests.scripted import Scripted, ScriptedMemory, plan


@dataclass
class Editor(Scripted):
    """Works in a folder as EDIT says, and answers with the patch; elsewhere it says é."""

    workspace: Workspace | None = None

    def bid(self, task: Task, lessons: Any = ()) -> Job[Any]:
        return plan()
        yield []

    def judge(self, task: Task, plans: Any) -> Job[list[float]]:
        return [3.0] * len(plans)
        yield []

    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]:
        answer, notes = "é", list[str]()
        if self.workspace is None:
            show(answer)
        else:
            at = self.workspace.begin()
            try:
                exec(os.environ["EDIT"], {"copy": at.copy.folder})
                changes = self.workspace.changes[self.name] = at.copy.changes()
                answer, notes = as_patch(changes), summary(changes)
            finally:
                at.copy.close()
        return Outcome(self.name, "done", answer, notes=tuple(notes))
        yield []


def market(parts: assemble.MarketPlan, consent: Any, workspace: Workspace | None, *, events: EventBus) -> Market:
    agent = Editor("editor", 1.0, workspace=workspace)
    weights = Weights("test", 1, "made up", {}, juror=0.2)
    run = {"seed": 1, "closed": parts.settings.closed}
    return Market([agent], Scheduler({}, events, agents={"editor": agent}), weights, ScriptedMemory(), run=run)


if __name__ == "__main__":
    assemble.market = market
    main()
