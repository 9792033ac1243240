"""`edge-sale memory stats`: what the memory holds, its size and its bounds."""

from __future__ import annotations

import json

import click

from edge_sale.cli.memory.common import json_option
from edge_sale.settings import load


@click.command()
@json_option
def stats(as_json: bool) -> None:
    """Show what the memory holds, its size and its bounds.

    \b
    edge-sale memory stats
    """
    from edge_sale.memory.overview import overview

    settings = load()
    found = overview(settings.memory_file).to_json()
    found |= {"max_mb": settings.memory_mb, "max_days": settings.memory_days, "enabled": settings.remember}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {count}" for name, count in value.items()) or "–"
        click.echo(f"{key.replace('_', ' '):<15}  {'–' if value is None else value}")
