"""`edge-sale models add, rm, verify, export, import`: what changes the models on this machine."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from edge_sale.cli.views.progress import bars
from edge_sale.environment import model_caches
from edge_sale.settings import load


@click.command("add")
@click.argument("what", metavar="FILE-or-REPO")
@click.option("--name", metavar="NAME", help="The card's name; else made from the file's.")
@click.option("--price", type=click.FloatRange(min=0), help="Dollars per million tokens; else by its size.")
@click.option("--role", type=click.Choice(["chat", "embed"]), help="Else told from the file.")
@click.option("--licence", metavar="TEXT", help="Else as the file says, or unknown.")
@click.option("--force", is_flag=True, help="Replace a card of that name.")
def add_(what: str, name: str | None, price: float | None, role: str | None, licence: str | None, force: bool) -> None:
    """Add a card for a GGUF file, or a repository.

    A file, and one that another program keeps (see: edge-sale models search), is checked and used
    where it is. Of a repository of the hub, `OWNER/NAME`, `OWNER/NAME:Q4_K_M` or `OWNER/NAME:FILE`,
    the card pins commit and sha256; then pull it.

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
    """Dollars per million tokens by the paper's power law of size, not under what the least hosts ask."""
    billions = parameters / 1e9
    return round(max(0.02, 0.05 * float((billions / 4) ** 0.95)), 3)


@click.command("rm")
@click.argument("name")
@click.option("--card", "with_card", is_flag=True, help="Its card too, where it is one of your own.")
@click.option("--forget", is_flag=True, help="Also the sha256 that its first pull recorded.")
def rm_(name: str, with_card: bool, forget: bool) -> None:
    """Remove a model that was pulled; never a file of yours.

    Files that you or another program keep elsewhere stay where they are.

    \b
    edge-sale models rm smollm2-135m
    """
    import shutil

    from edge_sale.catalog import cards, installed
    from edge_sale.catalog.memory_fit import size
    from edge_sale.errors import ConfigError, ModelMissing

    settings = load()
    card = cards.load(settings.cards_dir).model(name)
    if card.shipped:
        raise ConfigError(f"{name} comes with edge-sale and takes {size(card.bytes)}; it goes with edge-sale alone")
    folder, own = settings.models_dir / name, settings.cards_dir / f"{name}.toml"
    manifest = installed.read_manifest(card, settings.models_dir)
    files = installed.ours(card, settings.models_dir)
    if not files and not (with_card and own.exists()) and not forget:
        raise ModelMissing([name], f"edge-sale pull {name}")
    if files:
        held = sum(file.stat().st_size for file in files)
        for file in files:
            file.unlink()
        shutil.rmtree(settings.models_dir / ".incoming" / name, ignore_errors=True)
        click.echo(f"{name}: removed, {size(held)} free again")
        with suppress(OSError):  # somebody else's files are in it too
            folder.rmdir()
    if manifest and Path(manifest.file).is_absolute() and not Path(manifest.file).is_relative_to(folder):
        click.echo(f"{name}: its file stays where it is: {manifest.file}")
    if forget:
        installed.forget_pins(card, settings.models_dir)
        click.echo(f"{name}: the next pull records its sha256 anew")
    if with_card and own.exists():
        own.unlink()
        click.echo(f"{name}: card removed: {own}")
    elif own.exists():
        click.echo(f"{name}: its card stays; edge-sale models rm {name} --card removes it")


@click.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def verify_(names: tuple[str, ...], as_json: bool) -> None:
    """Read models whole and check every byte.

    Without a name, all that are here. Exit code 1 where one is not what it should be.

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


@click.command("export")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path), default=Path())
def export_(name: str, file: Path) -> None:
    """Write a model to one file, for a machine offline.

    Card, sha256 and weights, uncompressed; `edge-sale models import` takes it in.

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
    """Take in a model that `export` wrote, verified.

    \b
    edge-sale models import /media/stick/smollm2-135m.edge-sale.tar
    """
    from edge_sale.catalog import bundle, cards

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    with bars() as show:
        card, target = bundle.read(file, catalogue, settings.models_dir, settings.cards_dir, show(file.name))
    click.echo(f"{card.name}: here and verified: {target}")
