"""`edge-sale memory compact`: enforce the bounds and free unused space."""

from __future__ import annotations

import json

import click

from edge_sale.cli.memory.common import count_of, json_option
from edge_sale.settings import load


@click.command()
@json_option
def compact(as_json: bool) -> None:
    """Forget auctions beyond the bounds and free unused space.

    The bounds are max_mb and max_days ([memory] in config.toml); the oldest auctions go first.

    \b
    edge-sale memory compact
    """
    from edge_sale.memory.overview import compact as run
    from edge_sale.memory.retention import Bounds

    settings = load()
    done = run(settings.memory_file, Bounds(settings.memory_mb, settings.memory_days))
    if as_json:
        click.echo(json.dumps(done.to_json()))
        return
    sizes = f"{done.before / 1e6:.1f} MB before, {done.after / 1e6:.1f} MB after"
    click.echo(f"{sizes}; {count_of(done.forgotten)} forgotten")
