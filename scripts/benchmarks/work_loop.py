"""The step loop: 500 steps over small repositories.

Counted are the calls that could be parsed from what the grammar allows, and the steps with a useful result.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.work_repairs import CHECK, programs, repository
from benchmarks.work_setup import WorkSetup, workspace
from edge_sale.agents import steps
from edge_sale.agents.local import LocalAgent
from edge_sale.evaluation.report import Figure
from edge_sale.event_bus import EventBus
from edge_sale.events import Event, Stepped
from edge_sale.prompts import fingerprint
from edge_sale.types import Task

STEPS = 500


def measure(setup: WorkSetup) -> Iterator[Figure]:
    """Steps of every agent in turn, over one program after another."""
    names = programs(setup.data / "quixbugs", plain_only=True)[: setup.limit]
    wanted = STEPS if setup.limit is None else min(STEPS, 20 * setup.limit)
    made = read = useful = 0
    for number in range(1000):
        if made >= wanted:
            break
        name, agent = names[number % len(names)], setup.agents[number % len(setup.agents)]
        key = f"loop/{number}/{name}/{agent.name}/{fingerprint()}"
        found = setup.results.get(key, lambda: _walk(setup, name, replace(agent, seed=number)))  # noqa: B023 - called at once
        made, read, useful = made + found["steps"], read + found["read"], useful + found["useful"]
        setup.tell(f"loop: {made} of {wanted} steps, {read} calls read, {useful} useful")
    yield Figure(f"calls that were read, of {made} steps", 100 * read / made, "%", 100, "least")
    yield Figure("steps that brought something new", 100 * useful / made, "%")


def _walk(setup: WorkSetup, name: str, agent: LocalAgent) -> dict[str, int]:
    root = repository(setup.data / "quixbugs", name, setup.scratch)
    seen: list[Stepped] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Stepped):
            seen.append(event)

    place = workspace(root, setup.settings, setup.scratch, CHECK, EventBus(on_event))
    task = Task(name, f"The function {name} in {name}.py has a bug. Fix it.", "repo", (f"{name}.py",), CHECK, repo=True)
    try:
        job = steps.work(agent, task, "1. Read the file.\n2. Write the line anew.", lambda text: None, place)
        setup.market.scheduler.drive({agent.name: job}, "work", 600)
    finally:
        shutil.rmtree(root)
    read, useful = sum(bool(step.call) for step in seen), sum(step.useful for step in seen)
    return {"steps": len(seen), "read": read, "useful": useful}
