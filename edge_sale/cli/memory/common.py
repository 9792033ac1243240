"""What several `edge-sale memory` commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from edge_sale.settings import load

if TYPE_CHECKING:
    from edge_sale.protocols import Embedder

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def memorys_embedder() -> Embedder:
    """Return the embedder that made the memory's vectors, else the pool's. Raises ModelMissing."""
    from edge_sale import assemble

    settings = load()
    return assemble.embedder(assemble.memorys_embedder(settings), settings)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal, nothing elsewhere. A total of 0 means unknown."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.progress import Progress

    from edge_sale.cli.views.tables import stderr_console

    with Progress(console=stderr_console(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of or None)


def count_of(auctions: int) -> str:
    """Return a number of auctions in words."""
    return f"{auctions} auction{'s' * (auctions != 1)}"
