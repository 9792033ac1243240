"""`edge-sale models rm`: remove what was pulled."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from edge_sale.settings import load


@click.command("rm")
@click.argument("name")
@click.option("--card", "with_card", is_flag=True, help="Remove its card too, if it is one of your own.")
@click.option("--forget", is_flag=True, help="Forget the sha256 that its first pull recorded.")
def rm(name: str, with_card: bool, forget: bool) -> None:
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
        raise ConfigError(f"{name} comes with edge-sale and takes {size(card.bytes)}; it stays as long as edge-sale")
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
        with suppress(OSError):  # files that edge-sale did not write are in it too
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
