"""`edge-sale models optimise`: use a copy of a model that is faster on this CPU, if there is one."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from edge_sale.settings import load


@click.command("optimise")
@click.argument("name")
@click.option(
    "--to",
    "types",
    multiple=True,
    type=click.Choice(["Q4_0", "Q5_0", "Q8_0"]),
    help="Try this type; repeatable. Without it: Q4_0 and Q8_0.",
)
@click.option("--undo", is_flag=True, help="Go back to the file that was pulled.")
@click.option("--drop-original", is_flag=True, help="Remove the file that was pulled, once there is a better copy.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def optimise(name: str, types: tuple[str, ...], undo: bool, drop_original: bool, as_json: bool) -> None:
    """Re-quantize for this CPU, if that is faster.

    Speed, and perplexity on a text that comes with edge-sale, are measured on this machine before
    and after. A copy is used only if it is at least 1.1 times as fast and its perplexity at most
    5 % higher. The original stays until you drop it.

    \b
    edge-sale models optimise smollm2-135m
    edge-sale models optimise smollm2-135m --undo
    """
    from edge_sale.catalog import cards
    from edge_sale.catalog import optimise as optimiser
    from edge_sale.catalog.memory_fit import size
    from edge_sale.cli.views.progress import bars
    from edge_sale.errors import ConfigError
    from edge_sale.hardware.processors import cores

    settings = load()
    card = cards.load(settings.cards_dir).model(name)
    if card.role != "chat":
        raise ConfigError(f"{name} embeds texts: a re-quantized copy would give other vectors than those in memory")
    if card.shipped:
        raise ConfigError(f"{name} comes with edge-sale in its fastest form; there is nothing to optimise")
    if undo:
        click.echo(f"{name}: back to {optimiser.undo(card, settings.models_dir)}")
        return
    if drop_original:
        click.echo(f"{name}: original removed, {size(optimiser.drop_original(card, settings.models_dir))} free again")
        return
    with bars() as show:
        result = optimiser.optimise(
            card,
            settings.models_dir,
            types=types or optimiser.TYPES,
            threads=settings.threads or cores(),
            progress=show(name),
            notice=lambda line: click.echo(f"{name}: {line}", err=True),
        )
    if as_json:
        tried = {to: asdict(found) for to, found in result.tried.items()}
        click.echo(json.dumps({"kept": result.kept, "before": asdict(result.before), "tried": tried}, indent=2))
    elif result.kept:
        click.echo(
            f"{name}: {result.why(result.kept)}; in use now. The original stays; "
            f"--undo goes back to it, --drop-original removes it"
        )
    else:
        click.echo(f"{name}: nothing better was found; it stays as it is")
