"""`edge-sale models verify`: compare the models on this machine with their sha256."""

from __future__ import annotations

import json
from typing import Any

import click

from edge_sale.cli.views.progress import bars
from edge_sale.settings import load


@click.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Check every byte of models on this machine.

    Without NAME, of all of them. Exit code 1 if a model is not what it should be.

    \b
    edge-sale models verify
    """
    from edge_sale.catalog import cards, installed
    from edge_sale.errors import BadModelFile, EdgeSaleError

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    chosen = [catalogue.model(name) for name in names] or sorted(catalogue.models.values(), key=lambda c: c.name)
    absent = set(installed.missing(chosen, settings.models_dir))
    rows: list[dict[str, Any]] = []
    with bars() as show:
        for card in chosen:
            if card.name in absent:
                if names:
                    rows.append({"name": card.name, "ok": False, "say": f"not here; edge-sale pull {card.name}"})
                continue
            try:
                digest = installed.verify(card, settings.models_dir, show(card.name))
                rows.append({"name": card.name, "ok": True, "say": f"sha256 {digest}"})
            except BadModelFile as error:
                rows.append({"name": card.name, "ok": False, "say": str(error)})
    bad = [row["name"] for row in rows if not row["ok"]]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{'ok' if row['ok'] else 'BAD':<4} {row['name']}: {row['say']}")
        if not rows:
            click.echo("no model is here yet; edge-sale pull")
    if bad and not as_json:
        raise EdgeSaleError(f"not what they should be: {', '.join(bad)}")
    if bad:
        raise click.exceptions.Exit(1)
