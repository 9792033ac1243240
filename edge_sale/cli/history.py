"""`edge-sale history` and `edge-sale show`: what was sold, and why to whom."""

from __future__ import annotations

import json

import click

from edge_sale.settings import load


@click.command()
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def history(limit: int, as_json: bool) -> None:
    """List recorded auctions, the newest first."""
    from edge_sale.memory.history import History

    rows = History.open(load().memory_file).list(limit, 0)
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], indent=2))
        return
    if not rows:
        click.echo('nothing recorded yet; try: edge-sale run "Write a haiku on rain."', err=True)
        return
    from edge_sale.cli.models import _print_table

    _print_table(
        ["id", "when", "task", "winner", "status", "tokens", "seconds"],
        [
            [row.id, f"{row.at:%Y-%m-%d %H:%M}", _short(row.task), row.winner, row.status or "not executed",
             f"{row.tokens}", f"{row.seconds:.1f}"]
            for row in rows
        ],
    )  # fmt: skip


@click.command()
@click.argument("auction", default="last")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(auction: str, as_json: bool) -> None:
    """Explain one auction bid by bid; AUCTION is an id, its beginning, or 'last'."""
    from edge_sale.memory.history import History

    found = History.open(load().memory_file).get(auction)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    from edge_sale.cli.screen import explain

    explain(found)


def _short(text: str, length: int = 48) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
