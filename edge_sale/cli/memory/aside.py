"""`edge-sale memory aside`: move a damaged memory out of the way."""

from __future__ import annotations

import json

import click

from edge_sale.cli.memory.common import json_option
from edge_sale.settings import load


@click.command()
@json_option
def aside(as_json: bool) -> None:
    """Move a damaged memory aside; it is kept, and a new one is started.

    \b
    edge-sale memory aside
    """
    from edge_sale.memory.overview import put_aside

    moved = put_aside(load().memory_file)
    if as_json:
        click.echo(json.dumps([str(name) for name in moved]))
        return
    for name in moved:
        click.echo(f"kept as {name}")
