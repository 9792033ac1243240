"""`edge-sale memory`: look at the recorded auctions, export, bound and forget them. One file for each subcommand."""

from __future__ import annotations

import click

from edge_sale.cli.memory.aside import aside
from edge_sale.cli.memory.compact import compact
from edge_sale.cli.memory.export import export
from edge_sale.cli.memory.forget import forget
from edge_sale.cli.memory.import_ import import_
from edge_sale.cli.memory.reembed import reembed
from edge_sale.cli.memory.search import search
from edge_sale.cli.memory.show import show
from edge_sale.cli.memory.stats import stats


@click.group()
def memory() -> None:
    """Look into the auction memory, export it, or make it forget.

    \b
    edge-sale memory stats
    edge-sale memory search "sort a list of dates"
    edge-sale memory forget --text "my old project"
    edge-sale memory export > auctions.jsonl
    """


for command in (stats, search, show, forget, export, import_, compact, reembed, aside):
    memory.add_command(command)
