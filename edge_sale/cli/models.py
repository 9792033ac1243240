"""`edge-sale models` and `edge-sale pools`: what there is to choose from."""

from __future__ import annotations

import json
from typing import Any

import click

from edge_sale.settings import load


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def models(as_json: bool) -> None:
    """List models that have a card, and which are here.

    \b
    edge-sale models
    edge-sale models --json | jq ".[] | select(.pulled) | .name"
    """
    from edge_sale.catalog import cards, store

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    absent = set(store.missing(catalogue.models.values(), settings.models_dir))
    rows: list[dict[str, Any]] = [
        {
            "name": card.name,
            "title": card.title,
            "role": card.role,
            "parameters": card.parameters,
            "context": card.context,
            "price": card.price,
            "licence": card.licence,
            "pulled": card.name not in absent,
        }
        for card in sorted(catalogue.models.values(), key=lambda card: card.name)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from edge_sale.cli.tables import price_of, print_table

    print_table(
        ["model", "what", "size", "context", "$/Mt", "licence", "here"],
        [
            [row["name"], row["title"], f"{row['parameters'] / 1e6:.0f}M", str(row["context"]),
             price_of(row["price"]), row["licence"], "yes" if row["pulled"] else f"edge-sale pull {row['name']}"]
            for row in rows
        ],
    )  # fmt: skip


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
    from edge_sale.catalog.pools import pool_agents

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    names = sorted({*catalogue.pools, *settings.pools})
    found = [pool_agents(catalogue, replace(settings, pool=name)) for name in names]
    if as_json:
        click.echo(json.dumps([asdict(pool) for pool in found], indent=2))
        return
    from edge_sale.cli.tables import price_of, print_table

    print_table(
        ["pool", "agent", "model", "works by", "$/Mt", "judges by", "about"],
        [
            [pool.name + (" *" if pool.name == settings.pool else ""), agent.name, agent.model, agent.work,
             price_of(agent.price), agent.jury, agent.about]
            for pool in found
            for agent in pool.agents
        ],
    )  # fmt: skip
