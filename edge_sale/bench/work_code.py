"""Agents on code: MBPP with and without drafts, QuixBugs repaired under a check, and the steps of the loop.

- MBPP (sanitized, the folder's half, graded by its README's recipe): pass@1 of each agent of the pool, one
  answer, no check. Then `drafts` with the first assertion visible as its check: at 8 (the first wave alone)
  and at 32 (both waves, and the round of repairs). All assertions are the grade.
- QuixBugs: a repository with the program and its cases as a test, repaired with `--check` by `drafts`; what
  stands in the end is held to the cases once more.
- The loop: 500 steps over small repositories; how many calls were read from what the grammar let through, and
  how many of the steps brought something new.
- BIPIA: its attacks in files that an agent reads; what the policy let through is counted, beside a control.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edge_sale import assemble
from edge_sale.agents import steps
from edge_sale.agents.local import LocalAgent
from edge_sale.agents.site import Site
from edge_sale.bench import sets
from edge_sale.bench.grade import Question
from edge_sale.bench.report import Figure
from edge_sale.errors import EdgeSaleError, EngineError
from edge_sale.events import Event, Stepped
from edge_sale.market import Market
from edge_sale.prompts import fingerprint
from edge_sale.sandbox.batch import which_pass
from edge_sale.settings import Settings, load, variable
from edge_sale.tools.code import Workspace
from edge_sale.tools.copy import private_copy
from edge_sale.types import Job, Outcome, Task

SEED = 1
SECONDS = 2.0  # for one draft with all of its tests: they are small functions
CHECK = "timeout 4 python -B check.py"
STEPS = 500
PARTS = ("mbpp", "quixbugs", "loop", "bipia")

Tell = Callable[[str], None]


@dataclass(slots=True)
class Book:
    """What was measured so far, a line of JSON each; a bench that was stopped goes on from here."""

    file: Path | None
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file and self.file.exists():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                try:
                    value = json.loads(line)
                except ValueError:  # cut short by a kill
                    continue
                self.known[value["key"]] = value["value"]

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """The value under `key`, made and written down where it is not known."""
        if key not in self.known:
            self.known[key] = make()
            if self.file:
                with self.file.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({"key": key, "value": self.known[key]}) + "\n")
        return self.known[key]


def measure(
    data: Path, runs: int, tell: Tell, *, limit: int | None = None, out: Path | None = None, part: str = ""
) -> Iterator[Figure]:
    """Figures of the starter pool on code, or of one of PARTS alone."""
    settings = replace(load(), remember=False, seed=SEED, pool="starter")
    book = Book(out)
    with tempfile.TemporaryDirectory(prefix="edge-sale-bench-") as scratch:
        holder: dict[str, Site] = {}
        site = Site(lambda: holder["site"].begin())
        market = assemble.market(assemble.plan(settings), site=site)
        if part in ("", "mbpp") and (data / "mbpp_sanitized").is_dir():
            yield from mbpp(data / "mbpp_sanitized", market, book, settings, tell, limit)
        if part in ("", "quixbugs") and (data / "quixbugs").is_dir():
            yield from quixbugs(data / "quixbugs", market, site, holder, book, settings, Path(scratch), tell, limit)
        if part in ("", "loop") and (data / "quixbugs").is_dir():
            yield from loop(data / "quixbugs", market, site, holder, book, settings, Path(scratch), tell, limit)
        if part in ("", "bipia") and (data / "bipia").is_dir():
            from edge_sale.bench import work_attacks

            yield from work_attacks.measure(data / "bipia", settings, Path(scratch), tell, limit)


# --- MBPP -------------------------------------------------------------------------------------


def mbpp(
    folder: Path, market: Market, book: Book, settings: Settings, tell: Tell, limit: int | None
) -> Iterator[Figure]:
    plain, seen = sets.load("mbpp", folder)[:limit], sets.load("mbpp", folder, visible=True)[:limit]
    agents = [agent for agent in market.agents if isinstance(agent, LocalAgent)]
    many = next((agent for agent in agents if agent.work == "drafts"), None)
    rows: list[dict[str, Any]] = []
    for number, (bare, shown) in enumerate(zip(plain, seen, strict=True), start=1):
        key = f"mbpp/{bare.item.task.id}/{fingerprint()}"
        row = book.get(key, lambda: _one(bare, shown, market, agents, many, settings))  # noqa: B023 - called at once
        rows.append(row)
        so_far = ", ".join(f"{name} {sum(bool(r.get(name)) for r in rows)}" for name in rows[0] if name[0] != "_")
        tell(f"mbpp {number} of {len(plain)}: {so_far}")
    count = len(rows)

    def share(name: str) -> float:
        return 100 * sum(bool(row.get(name)) for row in rows) / count

    quick = next((agent.name for agent in agents if agent.work == "quick"), agents[0].name)
    for agent in agents:
        yield Figure(f"MBPP, {agent.name} alone, no check, n = {count}", share(agent.name), "%")
    if many is None:
        return
    yield Figure(f"MBPP, {many.name} at 8, first assertion as check", share("at 8"), "%")
    yield Figure(f"MBPP, {many.name} at 32, first assertion as check", share("at 32"), "%")
    yield Figure(f"MBPP, {many.name} at 32, any of the drafts", share("any"), "%")
    yield Figure("MBPP, work that passed the first assertion", share("passed its check"), "%")
    base = share(quick)
    gain = share("at 32") / base if base else float("inf")
    yield Figure(f"MBPP, drafts at 32 against {quick}", gain, "×", 4, "least")
    yield Figure("MBPP, seconds for drafts at 32", sum(row["_seconds"] for row in rows) / count, "s")


def _one(
    bare: Question, shown: Question, market: Market, agents: Sequence[LocalAgent], many: LocalAgent | None,
    settings: Settings,
) -> dict[str, Any]:  # fmt: skip
    """Which ways of working were right on one task."""
    task = bare.item.task
    bids = market.desk.drive({agent.name: agent.bid(task) for agent in agents}, "bid")
    plans = {name: "1. Do it." if isinstance(bid, EdgeSaleError) else bid.text for name, bid in bids.items()}
    jobs = {agent.name: agent.execute(task, plans[agent.name], lambda text: None) for agent in agents}
    done = market.desk.drive(jobs, "work", 600)
    answers = ["" if isinstance(outcome, EdgeSaleError) else outcome.answer for outcome in done.values()]
    row: dict[str, Any] = dict(zip(done, _right(bare, answers, settings), strict=True))
    if many is None:
        return row
    few = replace(many, samples=8)
    began = time.monotonic()
    waves: list[list[str]] = []  # texts that passed, of each wave: the first, the second, the repairs
    listening = _Listening(few, waves)
    outcome = _drive(market, listening.agent, shown.item.task, plans[many.name])
    row["_seconds"] = time.monotonic() - began
    row["passed its check"] = outcome.verified is True
    first = waves[0][0] if waves and waves[0] else ""  # what the first wave alone would have given
    drawn = [text for wave in waves[:2] for text in wave]  # what fails its first assertion is not right
    texts = [outcome.answer, first, *drawn]
    graded = dict(zip(texts, _right(shown, texts, settings), strict=True))
    row["at 8"], row["at 32"] = graded[first], graded[outcome.answer]
    row["any"] = any(graded[text] for text in drawn)
    return row


class _Listening:
    """An agent whose drafts are heard as they are read."""

    def __init__(self, agent: LocalAgent, waves: list[list[str]]) -> None:
        self.waves, self.inner = waves, agent.checks
        self.agent = replace(agent, checks=self)  # type: ignore[arg-type]

    def passes(self, task: Task, answer: str) -> bool | None:
        return self.inner.passes(task, answer)

    def sieve(self, task: Task, answers: Sequence[str]) -> list[bool]:
        verdicts = self.inner.sieve(task, answers)
        self.waves.append([answer for answer, passed in zip(answers, verdicts, strict=True) if passed])
        return verdicts

    def behaviours(self, task: Task, answers: Sequence[str]) -> list[str]:
        return self.inner.behaviours(task, answers)

    def failure(self, task: Task, answer: str) -> str:
        return self.inner.failure(task, answer)


def _right(question: Question, answers: Sequence[str], settings: Settings) -> list[bool]:
    before, tests = question.key["before"], question.key["tests"]
    codes = [f"{before}{answer}\n\n{tests}\n" for answer in answers]
    verdicts = which_pass(codes, seconds=SECONDS, mode=settings.sandbox)
    return [bool(verdict) and bool(answer.strip()) for verdict, answer in zip(verdicts, answers, strict=True)]


def _drive(market: Market, agent: LocalAgent, task: Task, plan: str) -> Outcome:
    job: Job[Outcome] = agent.execute(task, plan, lambda text: None)
    done = market.desk.drive({agent.name: job}, "work", 600)[agent.name]
    if isinstance(done, EngineError):
        return Outcome(agent.name, "failed", "", notes=(str(done),))
    if isinstance(done, EdgeSaleError):
        raise done
    return done


# --- QuixBugs ---------------------------------------------------------------------------------

# Programs on graphs have no JSON cases but tests for pytest, which the sandbox need not have.
TESTS = """import sys, types
sys.modules["pytest"] = types.SimpleNamespace(use_correct=False)
sys.modules["python_programs"] = types.ModuleType("python_programs")
sys.modules["python_programs"].__path__ = ["."]
{tests}
for name, test in sorted(globals().items()):
    if name.startswith("test"):
        test()
"""
CASES = """import json, types
from {name} import {name}
for given, wanted in {rows!r}:
    given = given if isinstance(given, list) else [given]
    got = {name}(*given)
    got = list(got) if isinstance(got, types.GeneratorType) else got
    assert json.loads(json.dumps(got)) == wanted, f"{name}(*{{given}}) gives {{got}}, should be {{wanted}}"
"""


def quixbugs(
    folder: Path, market: Market, site: Site, holder: dict[str, Site], book: Book, settings: Settings,
    scratch: Path, tell: Tell, limit: int | None,
) -> Iterator[Figure]:  # fmt: skip
    agent = next((a for a in market.agents if isinstance(a, LocalAgent) and a.work == "drafts"), None)
    if agent is None:
        return
    names = _programs(folder)[:limit]
    fixed, seconds = 0, 0.0
    for number, name in enumerate(names, start=1):
        key = f"quixbugs/{name}/{fingerprint()}"
        found = book.get(key, lambda: _repair(folder, name, agent, market, site, holder, settings, scratch))  # noqa: B023
        fixed, seconds = fixed + found["fixed"], seconds + found["seconds"]
        what = "fixed" if found["fixed"] else "not fixed"
        tell(f"quixbugs {number} of {len(names)}, {fixed} fixed: {name} {what}; {found['note']}")
    yield Figure(f"QuixBugs fixed by drafts with --check, of {len(names)}", fixed, "")
    yield Figure("QuixBugs, seconds a program", seconds / max(1, len(names)), "s")


def _repair(
    folder: Path, name: str, agent: LocalAgent, market: Market, site: Site, holder: dict[str, Site],
    settings: Settings, scratch: Path,
) -> dict[str, Any]:  # fmt: skip
    root = _repository(folder, name, scratch)
    holder["site"] = _site(root, settings, scratch, CHECK)
    site.check, site.guide = CHECK, ""
    task = Task(name, f"The function {name} in {name}.py has a bug on one line. Fix it.", "repo", (f"{name}.py",),
                CHECK, repo=True)  # fmt: skip
    began = time.monotonic()
    outcome = _drive(market, agent, task, "1. Find the line that is wrong.\n2. Write it anew.")
    took = time.monotonic() - began
    changes = {change.path: change.after for change in site.changes.get(agent.name, ())}
    fixed = outcome.verified is True and set(changes) == {f"{name}.py"}
    if fixed:  # held to the cases once more, beside files that no agent has touched
        after = changes[f"{name}.py"]
        assert after is not None
        (root / f"{name}.py").write_bytes(after)
        at = _site(root, settings, scratch, CHECK).begin()
        fixed = at.command(CHECK).exit_code == 0
        at.copy.close()
    shutil.rmtree(root)
    return {"fixed": fixed, "seconds": took, "note": "; ".join(outcome.notes[:1])}


def _repository(folder: Path, name: str, scratch: Path) -> Path:
    root = Path(tempfile.mkdtemp(dir=scratch)) / "project"
    root.mkdir()
    shutil.copy(folder / "python_programs" / f"{name}.py", root)
    if (folder / "python_programs/node.py").exists() and name != "node":
        shutil.copy(folder / "python_programs/node.py", root)
    (root / "check.py").write_text(_check(folder, name), encoding="utf-8")
    return root


def _programs(folder: Path, *, plain_only: bool = False) -> list[str]:
    """Names of the programs that have tests, those with JSON cases first; or these alone."""
    plain = sorted(file.stem for file in (folder / "json_testcases").glob("*.json"))
    tested = sorted(file.stem.removeprefix("test_") for file in (folder / "python_testcases").glob("test_*.py"))
    return plain if plain_only else [*plain, *(name for name in tested if name not in plain)]


def _check(folder: Path, name: str) -> str:
    """A program that fails where the program `name` beside it does."""
    cases = folder / "json_testcases" / f"{name}.json"
    if not cases.exists():
        tests = (folder / "python_testcases" / f"test_{name}.py").read_text(encoding="utf-8")
        return TESTS.format(tests=tests)
    rows = [json.loads(line) for line in cases.read_text(encoding="utf-8").splitlines() if line.strip()]
    return CASES.format(name=name, rows=rows)


def _site(root: Path, settings: Settings, scratch: Path, check: str | None) -> Site:
    path = variable("PATH") or ""

    def begin() -> Workspace:
        copy = private_copy(root, Path(tempfile.mkdtemp(dir=scratch)))
        return Workspace(copy, settings.sandbox, seconds=20, path=path)

    return Site(begin, check)


# --- the loop ---------------------------------------------------------------------------------


def loop(
    folder: Path, market: Market, site: Site, holder: dict[str, Site], book: Book, settings: Settings,
    scratch: Path, tell: Tell, limit: int | None,
) -> Iterator[Figure]:  # fmt: skip
    """Steps of every way of working over small repositories: was each call read, did each bring something new?"""
    agents = [agent for agent in market.agents if isinstance(agent, LocalAgent)]
    names = _programs(folder, plain_only=True)[:limit]
    wanted = STEPS if limit is None else min(STEPS, 20 * limit)
    made = read = useful = 0
    for number in range(1000):
        if made >= wanted:
            break
        name, agent = names[number % len(names)], agents[number % len(agents)]
        key = f"loop/{number}/{name}/{agent.name}/{fingerprint()}"
        mine = replace(agent, seed=number)
        found = book.get(key, lambda: _walk(folder, name, mine, market, site, holder, settings, scratch))  # noqa: B023
        made, read, useful = made + found["steps"], read + found["read"], useful + found["useful"]
        tell(f"loop: {made} of {wanted} steps, {read} calls read, {useful} useful")
    yield Figure(f"calls that were read, of {made} steps", 100 * read / made, "%", 100, "least")
    yield Figure("steps that brought something new", 100 * useful / made, "%")


def _walk(
    folder: Path, name: str, agent: LocalAgent, market: Market, site: Site, holder: dict[str, Site],
    settings: Settings, scratch: Path,
) -> dict[str, int]:  # fmt: skip
    root = _repository(folder, name, scratch)
    holder["site"] = _site(root, settings, scratch, CHECK)
    site.check = CHECK
    heard: list[Stepped] = []
    before = market.desk.emit

    def hear(event: Event) -> None:
        if isinstance(event, Stepped):
            heard.append(event)

    market.desk.emit = hear
    site.tell = hear
    task = Task(name, f"The function {name} in {name}.py has a bug. Fix it.", "repo", (f"{name}.py",), CHECK, repo=True)
    try:
        job = steps.work(agent, task, "1. Read the file.\n2. Write the line anew.", lambda text: None, site)
        market.desk.drive({agent.name: job}, "work", 600)
    finally:
        market.desk.emit = before
        shutil.rmtree(root)
    read, useful = sum(bool(step.call) for step in heard), sum(step.useful for step in heard)
    return {"steps": len(heard), "read": read, "useful": useful}

