"""`edge-sale pools`: the pools, their agents and prices."""

from __future__ import annotations

import json

import click

from edge_sale.settings import load


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def pools(as_json: bool) -> None:
    """List pools, agents and prices; * is in use.

    \b
    edge-sale pools
    edge-sale run "Write a haiku on rain." --pool starter
    """
    from dataclasses import asdict, replace

    from edge_sale.catalog import cards
    from edge_sale.catalog.pools import in_use, pool_agents

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    current = in_use(catalogue, settings)
    names = sorted({*catalogue.pools, *settings.pools})
    found = [pool_agents(catalogue, replace(settings, pool=name)) for name in names]
    if as_json:
        click.echo(json.dumps([asdict(pool) for pool in found], indent=2))
        return
    from edge_sale.cli.views.tables import price_of, print_table

    print_table(
        ["pool", "agent", "model", "works by", "$/Mt", "judges by", "about"],
        [
            [
                pool.name + (" *" if pool.name == current else ""),
                agent.name,
                agent.model,
                agent.work,
                price_of(agent.price),
                agent.jury,
                agent.about,
            ]
            for pool in found
            for agent in pool.agents
        ],
    )
