"""`edge-sale models export` and `import`: a model as one file, for a machine without a network."""

from __future__ import annotations

from pathlib import Path

import click

from edge_sale.cli.views.progress import bars
from edge_sale.settings import load


@click.command("export")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path), default=Path())
def export(name: str, file: Path) -> None:
    """Write a model to one file, for a machine offline.

    The file holds card, sha256 and weights, uncompressed; `edge-sale models import` reads it.

    \b
    edge-sale models export smollm2-135m /media/stick
    """
    from edge_sale.catalog import bundle, cards
    from edge_sale.catalog.memory_fit import size

    settings = load()
    card = cards.load(settings.cards_dir).model(name)
    with bars() as show:
        target = bundle.write(card, settings.models_dir, file, show(name))
    click.echo(f"{name}: written to {target} ({size(target.stat().st_size)})")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_(file: Path) -> None:
    """Add a model that `export` wrote, verified.

    \b
    edge-sale models import /media/stick/smollm2-135m.edge-sale.tar
    """
    from edge_sale.catalog import bundle, cards

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    with bars() as show:
        card, target = bundle.read(file, catalogue, settings.models_dir, settings.cards_dir, show(file.name))
    click.echo(f"{card.name}: here and verified: {target}")
