"""`edge-sale models ls`: the models that have a card, and which are on this machine."""

from __future__ import annotations

import json
from typing import Any

import click

from edge_sale.settings import load


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
@click.option("--fits", is_flag=True, help="Only what fits into the memory that is free now.")
def ls(as_json: bool, fits: bool) -> None:
    """List models that have a card, and which are here.

    \b
    edge-sale models ls
    """
    list_models(as_json, fits)


def list_models(as_json: bool, fits: bool) -> None:
    """Print every model that has a card; with `fits`, only those that fit into the memory that is free."""
    from edge_sale.catalog import cards, installed
    from edge_sale.cli.models.details import check_of, parameters, roughly_fits
    from edge_sale.hardware.memory import free

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    absent = set(installed.missing(catalogue.models.values(), settings.models_dir))
    room = free(gpus=False) if fits else None
    rows: list[dict[str, Any]] = [
        {
            "name": card.name,
            "title": card.title,
            "role": card.role,
            "kind": card.kind,
            "parameters": card.parameters,
            "bytes": card.bytes,
            "context": card.context,
            "price": card.price,
            "licence": card.licence,
            "sha256": check_of(card, settings.models_dir),
            "pulled": card.name not in absent,
        }
        for card in sorted(catalogue.models.values(), key=lambda card: card.name)
        if room is None or roughly_fits(card, room)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from edge_sale.catalog.memory_fit import size
    from edge_sale.cli.views.tables import price_of, print_table

    print_table(
        ["model", "what", "size", "pull", "context", "$/Mt", "licence", "sha256", "here"],
        [
            [
                row["name"],
                row["title"],
                parameters(row["parameters"]),
                size(row["bytes"]) if row["bytes"] else "",
                str(row["context"]),
                price_of(row["price"]),
                row["licence"],
                row["sha256"],
                "yes" if row["pulled"] else f"edge-sale pull {row['name']}",
            ]
            for row in rows
        ],
    )
