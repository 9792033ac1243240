"""`edge-sale memory show`: the same as `edge-sale show`."""

from __future__ import annotations

import click

from edge_sale.cli.memory.common import json_option


@click.command("show")
@click.argument("auction", default="last")
@json_option
@click.pass_context
def show(ctx: click.Context, auction: str, as_json: bool) -> None:
    """Show everything recorded of an auction; the same as `edge-sale show`.

    \b
    edge-sale memory show 3f
    """
    from edge_sale.cli import history

    ctx.invoke(history.show, auction=auction, as_json=as_json)
