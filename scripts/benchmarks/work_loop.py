"""The loop: 500 steps over small repositories. How many calls were read from what the grammar let through, and
how many of the steps brought something new?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.work import WorkSetup, workspace
from benchmarks.work_repairs import CHECK, programs, repository
from edge_sale.agents import steps
from edge_sale.agents.local import LocalAgent
from edge_sale.evaluation.report import Figure
from edge_sale.events import Event, EventBus, Stepped
from edge_sale.prompts import fingerprint
from edge_sale.types import Task

STEPS = 500


def measure(setup: WorkSetup) -> Iterator[Figure]:
    """Steps of every way of working, over one program after another."""
    names = programs(setup.data / "quixbugs", plain_only=True)[: setup.limit]
    wanted = STEPS if setup.limit is None else min(STEPS, 20 * setup.limit)
    made = read = useful = 0
    for number in range(1000):
        if made >= wanted:
            break
        name, agent = names[number % len(names)], setup.agents[number % len(setup.agents)]
        key = f"loop/{number}/{name}/{agent.name}/{fingerprint()}"
        found = setup.book.get(key, lambda: _walk(setup, name, replace(agent, seed=number)))  # noqa: B023 - called at once
        made, read, useful = made + found["steps"], read + found["read"], useful + found["useful"]
        setup.tell(f"loop: {made} of {wanted} steps, {read} calls read, {useful} useful")
    yield Figure(f"calls that were read, of {made} steps", 100 * read / made, "%", 100, "least")
    yield Figure("steps that brought something new", 100 * useful / made, "%")


def _walk(setup: WorkSetup, name: str, agent: LocalAgent) -> dict[str, int]:
    root = repository(setup.data / "quixbugs", name, setup.scratch)
    heard: list[Stepped] = []

    def hear(event: Event) -> None:
        if isinstance(event, Stepped):
            heard.append(event)

    place = workspace(root, setup.settings, setup.scratch, CHECK, EventBus(hear))
    task = Task(name, f"The function {name} in {name}.py has a bug. Fix it.", "repo", (f"{name}.py",), CHECK, repo=True)
    try:
        job = steps.work(agent, task, "1. Read the file.\n2. Write the line anew.", lambda text: None, place)
        setup.market.scheduler.drive({agent.name: job}, "work", 600)
    finally:
        shutil.rmtree(root)
    read, useful = sum(bool(step.call) for step in heard), sum(step.useful for step in heard)
    return {"steps": len(heard), "read": read, "useful": useful}
