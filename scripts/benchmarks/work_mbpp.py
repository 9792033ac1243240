"""MBPP with and without drafts: how much a check helps.

The tasks are those of the sanitized set in the folder, graded by its README's recipe. First pass@1 of each agent of the
pool, with one answer and no check. Then the agent `drafts`, with the first assertion visible as its check: at 8 drafts
(the first wave alone) and at 32 (both waves and the round of repairs). All assertions are the grade.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.work_setup import WorkSetup
from edge_sale.agents.local import LocalAgent
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation import task_sets
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.report import Figure
from edge_sale.prompts import fingerprint
from edge_sale.sandbox.batch import which_pass
from edge_sale.types import Task

SECONDS = 2.0  # for one draft with all of its tests, which are small functions


def measure(setup: WorkSetup) -> Iterator[Figure]:
    """Figures of the pool's agents alone, and of drafts under a check."""
    folder = setup.data / "mbpp_sanitized"
    without_check, with_check = (
        task_sets.load("mbpp", folder, visible=visible)[: setup.limit] for visible in (False, True)
    )
    rows: list[dict[str, Any]] = []
    for number, (bare, shown) in enumerate(zip(without_check, with_check, strict=True), start=1):
        row = setup.results.get(f"mbpp/{bare.item.task.id}/{fingerprint()}", lambda: _one(setup, bare, shown))  # noqa: B023 - called at once
        rows.append(row)
        so_far = ", ".join(f"{name} {sum(bool(r.get(name)) for r in rows)}" for name in rows[0] if name[0] != "_")
        setup.tell(f"mbpp {number} of {len(without_check)}: {so_far}")
    count, many = len(rows), setup.drafter().name

    def share(name: str) -> float:
        return 100 * sum(bool(row.get(name)) for row in rows) / count

    quick = next((agent.name for agent in setup.agents if agent.work == "quick"), setup.agents[0].name)
    for agent in setup.agents:
        yield Figure(f"MBPP, {agent.name} alone, no check, n = {count}", share(agent.name), "%")
    yield Figure(f"MBPP, {many} at 8, first assertion as check", share("at 8"), "%")
    yield Figure(f"MBPP, {many} at 32, first assertion as check", share("at 32"), "%")
    yield Figure(f"MBPP, {many} at 32, any of the drafts", share("any"), "%")
    yield Figure("MBPP, work that passed the first assertion", share("passed its check"), "%")
    base = share(quick)
    gain = share("at 32") / base if base else float("inf")
    yield Figure(f"MBPP, drafts at 32 against {quick}", gain, "×", 4, "least")
    yield Figure("MBPP, seconds for drafts at 32", sum(row["_seconds"] for row in rows) / count, "s")


def _one(setup: WorkSetup, bare: Question, shown: Question) -> dict[str, Any]:
    """Which ways of working gave a right answer to one task."""
    task, scheduler = bare.item.task, setup.market.scheduler
    bids = scheduler.drive({agent.name: agent.bid(task) for agent in setup.agents}, "bid")
    plans = {name: "1. Do it." if isinstance(bid, EdgeSaleError) else bid.text for name, bid in bids.items()}
    jobs = {agent.name: agent.execute(task, plans[agent.name], lambda text: None) for agent in setup.agents}
    done = scheduler.drive(jobs, "work", 600)
    answers = ["" if isinstance(outcome, EdgeSaleError) else outcome.answer for outcome in done.values()]
    row: dict[str, Any] = dict(zip(done, right(bare, answers, setup.settings.sandbox), strict=True))
    began = time.monotonic()
    waves: list[list[str]] = []  # texts that passed in each wave: the first, the second, the repairs
    many = _RecordedDrafts(replace(setup.drafter(), samples=8), waves).agent
    outcome = setup.work(many, many.execute(shown.item.task, plans[many.name], lambda text: None))
    row["_seconds"] = time.monotonic() - began
    row["passed its check"] = outcome.verified is True
    first = waves[0][0] if waves and waves[0] else ""  # the answer of the first wave alone
    drawn = [text for wave in waves[:2] for text in wave]  # a draft that fails the first assertion is not right
    texts = [outcome.answer, first, *drawn]
    graded = dict(zip(texts, right(shown, texts, setup.settings.sandbox), strict=True))
    row["at 8"], row["at 32"] = graded[first], graded[outcome.answer]
    row["any"] = any(graded[text] for text in drawn)
    return row


class _RecordedDrafts:
    """An agent with the drafts that passed its check, recorded wave by wave."""

    def __init__(self, agent: LocalAgent, waves: list[list[str]]) -> None:
        self.waves, self.inner = waves, agent.checks
        self.agent = replace(agent, checks=self)  # type: ignore[arg-type]

    def passes(self, task: Task, answer: str) -> bool | None:
        return self.inner.passes(task, answer)

    def keep_passing(self, task: Task, answers: Sequence[str]) -> list[bool]:
        verdicts = self.inner.keep_passing(task, answers)
        self.waves.append([answer for answer, passed in zip(answers, verdicts, strict=True) if passed])
        return verdicts

    def behaviours(self, task: Task, answers: Sequence[str]) -> list[str]:
        return self.inner.behaviours(task, answers)

    def failure(self, task: Task, answer: str) -> str:
        return self.inner.failure(task, answer)


def right(question: Question, answers: Sequence[str], sandbox: str) -> list[bool]:
    """Which answers pass all of the question's tests."""
    before, tests = question.key["before"], question.key["tests"]
    codes = [f"{before}{answer}\n\n{tests}\n" for answer in answers]
    verdicts = which_pass(codes, seconds=SECONDS, mode=sandbox)
    return [bool(verdict) and bool(answer.strip()) for verdict, answer in zip(verdicts, answers, strict=True)]
