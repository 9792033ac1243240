"""`edge-sale models show`: what is known of one model, and whether it fits."""

from __future__ import annotations

import json

import click

from edge_sale.settings import load


@click.command()
@click.argument("name")
@click.option("--fit", is_flag=True, help="What it needs of memory, beside what is free.")
@click.option("--context", type=click.IntRange(min=1), metavar="N", help="Tokens of context for --fit.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(name: str, fit: bool, context: int | None, as_json: bool) -> None:
    """Show what is known of a model; with --fit, whether it fits.

    \b
    edge-sale models show smollm2-135m
    edge-sale models show smollm2-135m --fit --context 8192
    """
    from edge_sale.catalog import cards
    from edge_sale.cli.models.details import details, fit_of, print_details, print_fit

    settings = load()
    card = cards.load(settings.cards_dir).model(name)
    known = details(card, settings.models_dir)
    if fit or context:
        known["fit"] = fit_of(card, settings, context)
    if as_json:
        click.echo(json.dumps(known, indent=2))
        return
    print_details(known)
    if fit or context:
        print_fit(known["fit"])
