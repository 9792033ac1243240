"""`edge-sale history` and `edge-sale show`: list recorded auctions, and explain one."""

from __future__ import annotations

import json
import shutil
import sys

import click

from edge_sale.errors import EdgeSaleError, UnknownName
from edge_sale.settings import load

NOTHING_YET = 'nothing recorded yet; try: edge-sale run "Sort a list in Python."'


@click.command()
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many to list.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def history(limit: int, as_json: bool) -> None:
    """List recorded auctions, newest first.

    \b
    edge-sale history -n 5
    edge-sale history --json | jq ".[0].winner"
    """
    from edge_sale.memory.history import History

    rows = History.open(load().memory_file).list(limit, 0)
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], indent=2))
        return
    if not rows:
        click.echo(f"edge-sale: {NOTHING_YET}", err=True)
        return
    from edge_sale.cli.views.tables import print_table, shortened

    # on a terminal one line for each: the other columns take about 62 characters
    room = min(48, max(16, shutil.get_terminal_size().columns - 62)) if sys.stdout.isatty() else 48
    print_table(
        ["id", "when", "task", "winner", "status", "tokens", "seconds"],
        [
            [
                row.id,
                f"{row.at:%Y-%m-%d %H:%M}",
                shortened(row.task, room),
                row.winner,
                row.status or "bid only",
                f"{row.tokens}",
                f"{row.seconds:.1f}",
            ]
            for row in rows
        ],
    )


@click.command()
@click.argument("auction", default="last")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(auction: str, as_json: bool) -> None:
    """Explain an auction bid by bid: why its winner won.

    AUCTION is an id from the history, the beginning of one, or 'last'.

    \b
    edge-sale show
    edge-sale show 3f
    """
    from edge_sale.memory.history import History

    try:
        found = History.open(load().memory_file).get(auction)
    except UnknownName as error:
        if error.known:
            raise
        raise EdgeSaleError(NOTHING_YET) from error
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    from edge_sale.cli.views.screen import explain

    explain(found)
