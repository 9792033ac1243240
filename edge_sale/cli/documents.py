"""`edge-sale run --docs DIR`: a question answered from the user's documents, with its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge_sale.cli.options import held_to, settings_with, task_text
from edge_sale.errors import EdgeSaleError, MemoryFault

if TYPE_CHECKING:
    from edge_sale.documents.indexing import Report
    from edge_sale.documents.store import Library
    from edge_sale.documents.walk import Wanted
    from edge_sale.settings import Settings
    from edge_sale.types import Embedder

F = TypeVar("F", bound=Callable[..., Any])

docs_option = click.option(
    "--docs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Answer from the documents in DIR, citing file and line; indexed first where they changed.",
)
TOLD = 10  # files that could not be indexed, by name; of more the number


# what `run` and `--docs` have in common, as settings; any other option that is given does not go with it
SETTINGS = ("pool", "seed", "no_memory", "no_refine", "full_auction", "escalate", "thrift")


def answer_from(
    docs: Path,
    *,
    task: str | None,
    file: Path | None,
    agents: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    verbose: bool,
    trace: Path | None,
    **others: Any,
) -> None:
    """Brings the index up to date, holds the auction over the question, and has the winner answer it."""
    if as_json and quiet:
        raise click.UsageError("--json and --quiet exclude each other")
    if odd := [name for name, value in others.items() if value and name not in SETTINGS]:
        raise click.UsageError(f"--docs answers in words; it goes without --{odd[0].replace('_', '-')}")
    settings = settings_with(**{name: others[name] for name in SETTINGS})

    from edge_sale import assemble
    from edge_sale.cli.run import offer
    from edge_sale.cli.views.consent import asker
    from edge_sale.cli.views.screen import listeners
    from edge_sale.documents import indexes
    from edge_sale.events import Noted

    wanted = assemble.new_task(task_text(task, file), domain="text")
    folder = indexes.resolved_folder(docs)
    notes = []
    asked_to = others["escalate"] in ("ask", "auto")
    if settings.remotes and not asked_to:  # what config.toml allows is meant for tasks
        settings = replace(settings, remotes={}, policy="never")
        notes.append("documents stay on this machine: remotes are left out (--escalate ask lets one be consulted)")
    elif asked_to:
        settings = held_to(settings, folder)
    parts = assemble.plan(settings, agents)
    reads = assemble.pools_embedder(settings)  # the index has its own, also where the memory is off
    offer(replace(parts, embedder=reads), ask=not as_json)
    embedder = assemble.embedder(reads, settings)
    with indexed(settings, folder, embedder, show=not (as_json or quiet)) as (library, report):
        notes += skipped_lines(report)
        if not library.size().passages:
            raise EdgeSaleError(f"{folder}: holds no documents (see: edge-sale index {folder} --verbose)")
        with listeners(as_json=as_json, quiet=quiet, verbose=verbose, trace=trace) as hear:
            hear.loading(parts.pool.title)
            for note in [*notes, *parts.notes]:
                hear(Noted(note))
            try:
                market = assemble.over_documents(assemble.market(parts, asker(settings.currency)), library)
                sale = market.solve(wanted, hear)
            except MemoryFault as fault:
                raise MemoryFault(f"{fault}; to do without the memory: --no-memory") from fault
            hear.end(sale)
    if sale.outcome and sale.outcome.status == "failed":
        raise click.exceptions.Exit(1)


@contextmanager
def indexed(
    settings: Settings, folder: Path, embedder: Embedder, *, show: bool, wanted: Wanted | None = None
) -> Iterator[tuple[Library, Report]]:
    """The index of a folder, brought up to date; only one process does so at a time."""
    from edge_sale.cli.views.progress import counted
    from edge_sale.documents import indexes, indexing
    from edge_sale.documents.store import Library

    file = indexes.place(settings.library_dir, folder)
    with indexes.alone(file):
        library = Library.open(file, folder, embedder)
        try:
            with counted(str(folder), show=show) as hear:
                report = indexing.update(library, wanted or indexing.wanted_of(library), hear)
        except BaseException:
            library.close()
            raise
    with library:
        yield library, report


def skipped_lines(report: Report, most: int = TOLD) -> list[str]:
    """A line for each file that could not be indexed, the first few by name."""
    lines = [f"{path}: {why}; left out" for path, why in report.left_out[:most]]
    if (rest := len(report.left_out) - most) > 0:
        lines.append(f"{rest} more files were left out; edge-sale index DIR --verbose names them")
    return lines
