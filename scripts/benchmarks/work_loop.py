"""The loop: 500 steps over small repositories. How many calls were read from what the grammar let through, and
how many of the steps brought something new?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.work import Bench
from benchmarks.work_repairs import CHECK, programs, repository
from edge_sale.agents import steps
from edge_sale.agents.local import LocalAgent
from edge_sale.evaluation.report import Figure
from edge_sale.events import Event, Stepped
from edge_sale.prompts import fingerprint
from edge_sale.types import Task

STEPS = 500


def measure(bench: Bench) -> Iterator[Figure]:
    """Steps of every way of working, over one program after another."""
    names = programs(bench.data / "quixbugs", plain_only=True)[: bench.limit]
    wanted = STEPS if bench.limit is None else min(STEPS, 20 * bench.limit)
    made = read = useful = 0
    for number in range(1000):
        if made >= wanted:
            break
        name, agent = names[number % len(names)], bench.agents[number % len(bench.agents)]
        key = f"loop/{number}/{name}/{agent.name}/{fingerprint()}"
        found = bench.book.get(key, lambda: _walk(bench, name, replace(agent, seed=number)))  # noqa: B023 - called at once
        made, read, useful = made + found["steps"], read + found["read"], useful + found["useful"]
        bench.tell(f"loop: {made} of {wanted} steps, {read} calls read, {useful} useful")
    yield Figure(f"calls that were read, of {made} steps", 100 * read / made, "%", 100, "least")
    yield Figure("steps that brought something new", 100 * useful / made, "%")


def _walk(bench: Bench, name: str, agent: LocalAgent) -> dict[str, int]:
    root = repository(bench.data / "quixbugs", name, bench.scratch)
    bench.move(root, CHECK)
    heard: list[Stepped] = []
    desk = bench.market.desk
    before = desk.emit

    def hear(event: Event) -> None:
        if isinstance(event, Stepped):
            heard.append(event)

    desk.emit = bench.site.tell = hear
    task = Task(name, f"The function {name} in {name}.py has a bug. Fix it.", "repo", (f"{name}.py",), CHECK, repo=True)
    try:
        job = steps.work(agent, task, "1. Read the file.\n2. Write the line anew.", lambda text: None, bench.site)
        desk.drive({agent.name: job}, "work", 600)
    finally:
        desk.emit = before
        shutil.rmtree(root)
    read, useful = sum(bool(step.call) for step in heard), sum(step.useful for step in heard)
    return {"steps": len(heard), "read": read, "useful": useful}
