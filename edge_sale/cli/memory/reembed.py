"""`edge-sale memory reembed`: make all vectors with another embedder."""

from __future__ import annotations

import json

import click

from edge_sale.cli.memory.common import json_option, progress
from edge_sale.cli.options import offline_option
from edge_sale.errors import EdgeSaleError
from edge_sale.settings import load


@click.command()
@offline_option
@json_option
def reembed(as_json: bool) -> None:
    """Make all vectors again with the pool's embedder.

    Needed after the embedder was changed: vectors of two models are never mixed. After ^C the next
    call continues where this one stopped.

    \b
    edge-sale memory reembed
    """
    from edge_sale import assemble
    from edge_sale.memory.reembed import reembed as run

    settings = load()
    file = settings.memory_file
    if not file.exists():
        raise EdgeSaleError("nothing recorded yet, so there is nothing to embed")
    embedder = assemble.embedder(assemble.pools_embedder(settings), settings)
    with progress("embedding") as tell:
        count, made = run(file, embedder, tell)
    if as_json:
        click.echo(json.dumps({"vectors": count, "made": made, "embedder": embedder.name}))
    else:
        click.echo(f"{count} vectors by {embedder.name}, {made} made now")
