"""Run tasks from Python, with the settings and files of the command line.

    from edge_sale import open_market

    with open_market(pool="bundled") as market:
        result = market.run("Write a Python function that adds two numbers.", check="assert f(1, 2) == 3")

Nothing here prints, exits or handles signals. Errors are those of `edge_sale.errors`. This is also the one place
where the commands build a market and have it do a task.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_sale import assemble
from edge_sale.agents.workspace import Workspace, open_workspace
from edge_sale.auction.market import Market, Sale
from edge_sale.errors import EdgeSaleError, LibraryFault, TaskError
from edge_sale.event_bus import EventBus
from edge_sale.events import Changed, Event, Listener, Noted, silent
from edge_sale.policy import Escalation, for_documents, for_run, held_to
from edge_sale.remote_setup import Consent, no_terminal
from edge_sale.result import Result, result_of
from edge_sale.settings import Settings, load
from edge_sale.types import Outcome, Task

if TYPE_CHECKING:
    from edge_sale.assemble import MarketPlan
    from edge_sale.documents.current import Shown
    from edge_sale.documents.indexing import Report
    from edge_sale.documents.store import Library

NAMED_FILES = 10  # files that could not be indexed, told by name; of more the number


@contextmanager
def open_market(
    pool: str = "",
    *,
    agents: Sequence[str] = (),
    repo: Path | str | None = None,
    docs: Path | str | None = None,
    check: str | None = None,
    allow: Sequence[str] = (),
    memory: bool = True,
    record: bool = True,
    seed: int | None = None,
    offline: bool = False,
    escalate: Escalation | None = None,
    consent: Consent = no_terminal,
    settings: Settings | None = None,
) -> Iterator[OpenMarket]:
    """A market that is ready for tasks, under the user's settings with these arguments on top.

    `pool` and `agents` say who bids. With `repo` tasks are changes to that folder, made on private copies; `check`
    is then a shell command whose exit status judges, and `allow` names files such as .env that agents may read.
    With `docs` tasks are questions, answered from the documents in that folder. `memory=False` neither recalls nor
    records, `record=False` records nothing. `consent` is asked about each request that would leave the machine
    under the policy `ask`: it returns the reason against it, or an empty text.

    Raises UnknownName, ConfigError, ModelMissing, TaskError, SandboxMissing, LibraryFault.
    """
    settings = for_run(
        settings or load(), pool=pool, seed=seed, memory=memory, record=record, offline=offline, escalate=escalate
    )
    if check is not None and repo is None:
        raise TaskError("check is a command that judges work in a folder: name the folder with repo, or give run()")
    notes: tuple[str, ...] = ()
    if repo is not None:
        settings = held_to(settings, Path(repo))
    if docs is not None:
        settings, notes = for_documents(settings, Path(docs), may_leave=escalate in ("ask", "auto"))
    plan = assemble.plan(settings, agents)
    with open_plan(plan, repo=repo, docs=docs, check=check, allow=allow, consent=consent, notes=notes) as market:
        yield market


@contextmanager
def open_plan(
    plan: MarketPlan,
    *,
    repo: Path | str | None = None,
    docs: Path | str | None = None,
    check: str | None = None,
    allow: Sequence[str] = (),
    consent: Consent = no_terminal,
    notes: Sequence[str] = (),
    shown: Shown | None = None,
) -> Iterator[OpenMarket]:
    """The market of a plan, with the folder or the documents that its tasks are about.

    `notes` are told with the first task. `shown` displays the progress of indexing.
    """
    if repo is not None and docs is not None:
        raise TaskError("repo and docs exclude each other: changes to a folder, or answers from documents")
    events = EventBus()
    with ExitStack() as stack:
        workspace, library = None, None
        told = list(notes)
        if repo is not None:
            workspace = stack.enter_context(open_workspace(Path(repo), plan.settings, check, allow, events))
            told += workspace.left_out
        if docs is not None:
            library, report = stack.enter_context(_documents(plan, Path(docs), shown))
            told += left_out_lines(report)
        yield OpenMarket(plan, events, workspace, library, consent, (*told, *plan.notes))


class OpenMarket:
    """A market that is ready for tasks. Its models are loaded by the first task.

    One task at a time: a second thread waits for its turn. Several markets may be open in one process; llama.cpp
    does their work one call at a time.
    """

    def __init__(
        self,
        plan: MarketPlan,
        events: EventBus,
        workspace: Workspace | None,
        library: Library | None,
        consent: Consent,
        notes: Sequence[str] = (),
    ) -> None:
        self.plan, self.workspace, self.notes = plan, workspace, tuple(notes)
        self._events, self._library, self._consent = events, library, consent
        self._market: Market | None = None
        self._turn = threading.Lock()

    def run(
        self,
        text: str,
        *,
        check: str | None = None,
        domain: str = "",
        files: Sequence[str] = (),
        execute: bool = True,
        listener: Listener = silent,
    ) -> Result:
        """Hold the auction for a task and have the winner do it; with `execute=False`, hold the auction alone.

        `check` is Python that is run after the answer's code; it passes where it ends without an error.
        `domain` is "python" or "text"; without it the task's words tell. `listener` hears every event.
        Raises TaskError, NoBids, BelowReservePrice; work that fails is a result with the status "failed".
        """
        notes: list[str] = []

        def hear(event: Event) -> None:
            if isinstance(event, Noted):
                notes.append(event.text)
            listener(event)

        sale = self.sell(self.task(text, check=check, domain=domain, files=files), hear, execute=execute)
        return result_of(sale, notes)

    def stream(
        self,
        text: str,
        *,
        check: str | None = None,
        domain: str = "",
        files: Sequence[str] = (),
        execute: bool = True,
    ) -> TaskStream:
        """Like `run`, as an iterator over the events as they happen. Its `result` is there at the end.

        Closing it before the end stops the task; nothing is recorded then.
        """
        task = self.task(text, check=check, domain=domain, files=files)
        return TaskStream(self, task, execute)

    def task(
        self,
        text: str,
        *,
        check: str | None = None,
        domain: str = "",
        files: Sequence[str] = (),
        earlier: Sequence[tuple[str, str]] = (),
    ) -> Task:
        """A task of this market: about its folder, where it has one. Raises TaskError."""
        if self.workspace is None:
            if self._library is None and check is not None:
                domain = domain or "python"
            task = assemble.new_task(text, domain="text" if self._library else domain, check=check, files=files)
        else:
            task = assemble.new_task(text, domain="repo", check=self.workspace.check)
            task = replace(task, repo=True, files=tuple(files) or self.workspace.files_for(task.text))
        return replace(task, earlier=tuple(earlier))

    def sell(self, task: Task, listener: Listener, *, execute: bool = True) -> Sale:
        """Hold the auction for a task of `task()`, have the winner do it, and record it. Raises as `run` does."""
        with self._turn:
            if self._market is None:
                self._market = self._built()
                for note in self.notes:
                    listener(Noted(note))
            return self._market.solve(task, listener, execute=execute)

    def apply(self, task: Task, outcome: Outcome) -> Changed:
        """Takes the changes of a repository task over into the user's files; `edge-sale undo` takes them back.

        Raises EdgeSaleError where a file was changed meanwhile; then nothing is applied. OSError where writing fails.
        """
        from edge_sale.workspace.undo_log import UndoLog

        if self.workspace is None:
            raise EdgeSaleError("this market changes no files; open it with repo")
        changes = self.workspace.changes.get(outcome.agent, ())
        files = tuple(change.path for change in changes)
        if not changes:
            return Changed(files, "", "no file was changed")
        applied = UndoLog(self.plan.settings.undo_dir).apply(self.workspace.root, changes, task.text)
        return Changed(files, applied.id, "applied; take it back with: edge-sale undo")

    def invite(self, agents: Sequence[str]) -> OpenMarket:
        """The same market for other agents of the pool; none means all of them. Raises UnknownName."""
        plan = assemble.plan(self.plan.settings, agents)
        return OpenMarket(plan, self._events, self.workspace, self._library, self._consent)

    def _built(self) -> Market:
        market = assemble.market(self.plan, self._consent, self.workspace, events=self._events)
        return assemble.over_documents(market, self._library) if self._library else market


class TaskStream(Iterator[Event]):
    """The events of one task as they happen. The task runs in a thread of its own."""

    def __init__(self, market: OpenMarket, task: Task, execute: bool) -> None:
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._notes: list[str] = []
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(market, task, execute), daemon=True)
        self._thread.start()

    @property
    def result(self) -> Result:
        """What came of the task. Waits for its end where events are left; raises what the task raised."""
        for _ in self:
            pass
        if self._error:
            raise self._error
        assert self._result is not None, "a stream that was closed has no result"
        return self._result

    def __iter__(self) -> TaskStream:
        return self

    def __next__(self) -> Event:
        if (event := self._events.get()) is not None:
            return event
        self._events.put(None)  # so that whoever asks again is told again
        self._thread.join()
        if self._error and not self._stopped.is_set():
            raise self._error
        raise StopIteration

    def close(self) -> None:
        """Stops the task at its next event and waits for that. Does nothing after the end."""
        self._stopped.set()
        self._thread.join()

    def __enter__(self) -> TaskStream:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _work(self, market: OpenMarket, task: Task, execute: bool) -> None:
        try:
            self._result = result_of(market.sell(task, self._hear, execute=execute), self._notes)
        except BaseException as error:  # it is raised where the events are read
            self._error = error
        finally:
            self._events.put(None)

    def _hear(self, event: Event) -> None:
        if self._stopped.is_set():
            raise _Stopped
        if isinstance(event, Noted):
            self._notes.append(event.text)
        self._events.put(event)


class _Stopped(BaseException):
    """Ends a task whose stream was closed; no handler of errors may catch it."""


def left_out_lines(report: Report, most: int = NAMED_FILES) -> list[str]:
    """A line for each file that could not be indexed; the first few by name."""
    lines = [f"{path}: {why}; left out" for path, why in report.left_out[:most]]
    if (rest := len(report.left_out) - most) > 0:
        lines.append(f"{rest} more files were left out; edge-sale index DIR --verbose names them")
    return lines


@contextmanager
def _documents(plan: MarketPlan, folder: Path, shown: Shown | None) -> Iterator[tuple[Library, Report]]:
    """The index of a folder of documents, up to date. Raises LibraryFault where it holds none."""
    from edge_sale.documents import indexes
    from edge_sale.documents.current import current_index, not_shown

    settings, folder = plan.settings, indexes.resolved_folder(folder)
    # the index has an embedder of its own, also where the memory is off
    embedder = assemble.embedder(assemble.pools_embedder(settings), settings)
    with current_index(settings.library_dir, folder, embedder, shown=shown or not_shown) as (library, report):
        if not library.size().passages:
            raise LibraryFault(f"{folder}: holds no documents (see: edge-sale index {folder} --verbose)")
        yield library, report
