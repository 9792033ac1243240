"""`edge-sale models add`: write a card for a GGUF file or for a repository of the hub."""

from __future__ import annotations

from pathlib import Path

import click

from edge_sale.cli.views.progress import bars
from edge_sale.environment import model_caches
from edge_sale.settings import load


@click.command("add")
@click.argument("what", metavar="FILE-or-REPO")
@click.option("--name", metavar="NAME", help="The card's name; without it, made from the file's name.")
@click.option("--price", type=click.FloatRange(min=0), help="Dollars per million tokens; without it, by its size.")
@click.option("--role", type=click.Choice(["chat", "embed"]), help="Its use; without it, read from the file.")
@click.option("--licence", metavar="TEXT", help="Without it, read from the file, or unknown.")
@click.option("--force", is_flag=True, help="Replace a card of that name.")
def add(what: str, name: str | None, price: float | None, role: str | None, licence: str | None, force: bool) -> None:
    """Add a card for a GGUF file, or a repository.

    A file of yours, or of another program (see: edge-sale models search), is checked and used where
    it is. For a repository of the hub, `OWNER/NAME`, `OWNER/NAME:Q4_K_M` or `OWNER/NAME:FILE`, the
    card pins the commit and the sha256; pull it next.

    \b
    edge-sale models add ~/models/mine.gguf --name mine
    edge-sale models add ollama:qwen3:0.6b
    edge-sale models add unsloth/Qwen3-0.6B-GGUF:Q8_0
    """
    from dataclasses import replace

    from edge_sale.catalog import caches, card_writer
    from edge_sale.download import install, repository
    from edge_sale.errors import BadModelFile

    settings = load()
    repo, colon, _ = what.partition(":")
    try:
        file = Path(what).expanduser()
        is_file = file.is_file()
    except (RuntimeError, OSError) as error:
        raise BadModelFile(f"{what[:80]}: no such file ({error})") from error
    found = None if is_file else caches.named(model_caches(), what)
    if found or is_file:
        file = found.path if found else file.absolute()
        plain = repository.plain_name(found.name if found else file.name)
        card = card_writer.card_for(file, name or plain, price or 0.0, role or "", licence or "")
    elif repository.REPO.fullmatch(repo) and (colon or not repo.endswith(".gguf")):
        card = repository.card_of(what, name or "", price or 0.0, settings.egress_log, bool(settings.closed))
        card = replace(card, role=role or card.role, licence=licence or card.licence)
    else:
        raise BadModelFile(f"{what}: no such file; a repository is OWNER/NAME; see: edge-sale models search {what}")
    if price is None:
        card = replace(card, price=price_by_size(card.parameters))
    at = card_writer.save(card, settings.cards_dir, force)
    click.echo(f"{card.name}: card written to {at} ({card.role}, ${card.price:g} a million tokens)")
    if card.files:
        click.echo(f"get it with: edge-sale pull {card.name}")
        return
    with bars() as show:
        install.use_in_place(card, file, settings.models_dir, show(card.name))
    click.echo(f"{card.name}: used where it is, {file}; from now on it may not change unnoticed")


def price_by_size(parameters: int) -> float:
    """Dollars per million tokens by the paper's power law of size, and at least what hosts ask for any model."""
    billions = parameters / 1e9
    return round(max(0.02, 0.05 * float((billions / 4) ** 0.95)), 3)
