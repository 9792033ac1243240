"""`./scripts/bench work --data DIR`: agents that do the work, in code and over documents.

Parts: `mbpp` (work_mbpp), `quixbugs` (work_repairs), `loop` (work_loop), `bipia` (work_attacks), together `code`;
and `docs` (work_docs). Answers and repairs are kept in a file (`--out`), a line each, so that a bench that was
stopped goes on; `--limit N` takes the first N tasks of every set.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edge_sale import assemble
from edge_sale.agents.local import LocalAgent
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.market import Market
from edge_sale.environment import variable
from edge_sale.errors import EdgeSaleError, EngineError
from edge_sale.evaluation.report import Figure
from edge_sale.events import EventBus
from edge_sale.settings import Settings, load
from edge_sale.types import Job, Outcome
from edge_sale.workspace.private_copy import private_copy
from edge_sale.workspace.tools import WorkingCopy

SEED = 1
CODE = {"mbpp": "mbpp_sanitized", "quixbugs": "quixbugs", "loop": "quixbugs", "bipia": "bipia"}  # part -> its folder
PARTS = (*CODE, "code", "docs")

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


class WorkSetup:
    """The starter pool at work on the sets in `data`, in folders of its own under `scratch`."""

    def __init__(self, data: Path, scratch: Path, book: Book, tell: Tell, limit: int | None) -> None:
        self.data, self.scratch, self.book, self.tell, self.limit = data, scratch, book, tell, limit
        self.settings: Settings = replace(load(), remember=False, seed=SEED, pool="starter")
        self.market: Market = assemble.market(assemble.plan(self.settings))
        self.agents = [agent for agent in self.market.agents if isinstance(agent, LocalAgent)]

    def drafter(self) -> LocalAgent:
        """The agent that draws drafts."""
        return next(agent for agent in self.agents if agent.work == "drafts")

    def work(self, agent: LocalAgent, job: Job[Outcome]) -> Outcome:
        """What comes of a job; an engine that failed is an answer that was not given."""
        done = self.market.scheduler.drive({agent.name: job}, "work", 600)[agent.name]
        if isinstance(done, EngineError):
            return Outcome(agent.name, "failed", "", notes=(str(done),))
        if isinstance(done, EdgeSaleError):
            raise done
        return done


def workspace(
    root: Path, settings: Settings, scratch: Path, check: str | None, events: EventBus | None = None
) -> Workspace:
    """Where work in `root` is done: private copies under `scratch`."""
    path = variable("PATH") or ""

    def begin() -> WorkingCopy:
        copy = private_copy(root, Path(tempfile.mkdtemp(dir=scratch)))
        return WorkingCopy(copy, settings.sandbox, seconds=20, path=path)

    return Workspace(begin, check, events=events or EventBus())


def measure(
    data: Path | None, runs: int, tell: Tell, *, limit: int | None = None, out: Path | None = None, part: str = ""
) -> Iterator[Figure]:
    """Figures of every part whose data is there, or of `part` alone; `runs` is not used, seeds are fixed."""
    from benchmarks import work_attacks, work_docs, work_loop, work_mbpp, work_repairs

    if data is None or not data.is_dir():
        raise EdgeSaleError("this bench needs task sets: ./scripts/bench work --data FOLDER")
    if part and part not in PARTS:
        raise EdgeSaleError(f"--part is one of {', '.join(PARTS)}, not {part!r}")
    wanted = [name for name in CODE if part in ("", "code", name) and (data / CODE[name]).is_dir()]
    if part in CODE and not wanted:
        raise EdgeSaleError(f"{data / CODE[part]}: no such folder")
    parts = {"mbpp": work_mbpp, "quixbugs": work_repairs, "loop": work_loop, "bipia": work_attacks}
    with tempfile.TemporaryDirectory(prefix="edge-sale-bench-") as scratch:
        setup = WorkSetup(data, Path(scratch), Book(out), tell, limit) if wanted else None
        for name in wanted:
            assert setup is not None
            yield from parts[name].measure(setup)
    if part in ("", "docs"):
        yield from work_docs.measure(data, runs, tell, limit=limit, out=out)
