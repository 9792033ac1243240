"""`edge-sale config`: the settings in force, their files, and an example of every key."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from edge_sale.settings import load


@click.command()
@click.option("--example", is_flag=True, help="Print an example config.toml that explains every key.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def config(example: bool, as_json: bool) -> None:
    """Show the settings in force, and where files are.

    \b
    edge-sale config --example > "$(edge-sale config --json | jq -r .config_file)"
    """
    if example:
        from importlib import resources

        text = resources.files("edge_sale").joinpath("config.example.toml").read_text(encoding="utf-8")
        click.echo(text, nl=False)
        return
    values = asdict(load())
    if as_json:
        click.echo(json.dumps(values, indent=2, default=str))
        return
    width = max(map(len, values))
    for key, value in values.items():
        click.echo(f"{key:<{width}}  {'' if value is None else value}")
