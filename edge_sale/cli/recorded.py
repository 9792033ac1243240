"""What `fit` and `signals` learn from: the auctions in memory, or recorded runs by path."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.settings import Settings, load

if TYPE_CHECKING:
    from edge_sale.learning.table import Table

FOLDER = click.Path(path_type=Path)
NEWEST = 5000  # auctions of memory: what is older says less of today's agents, and takes its time to read


def data_options(command: Any) -> Any:
    """Where outcomes come from: memory, or recorded runs by path."""
    for option in reversed(
        (
            click.argument("runs", required=False, type=FOLDER),
            click.option("-p", "--pool", metavar="NAME", help="Whose weights; default: the pool in force."),
            click.option(
                "--jury",
                type=click.Choice(["recoverability", "likert"]),
                help="Have plans judged that never were, in RUNS.",
            ),
            click.option("--cache", type=FOLDER, help="Keep RUNS' vectors and scores here."),
            click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
        )
    ):
        command = option(command)
    return command


def settings_of(pool: str | None) -> Settings:
    settings = load()
    return replace(settings, pool=pool) if pool else settings


def pool_of(settings: Settings) -> str:
    """The name of the pool whose weights these are; reads none, so that damaged ones can be rolled back."""
    from edge_sale.catalog.cards import load as cards
    from edge_sale.catalog.pools import pool_agents

    return pool_agents(cards(settings.cards_dir), settings).name


def table_of(runs: Path | None, settings: Settings, jury: str | None, cache: Path | None) -> Table:
    if runs is None:
        if jury:
            raise click.UsageError("--jury is for recorded RUNS: what memory holds was judged when it was sold")
        from edge_sale.learning.table import from_history
        from edge_sale.memory.history import History

        return from_history(History.open(settings.memory_file).auctions(newest=NEWEST), pool_of(settings))
    from edge_sale.cli.bench import bar
    from edge_sale.evaluation import outcomes

    with bar() as told:
        return outcomes.read(runs, settings, jury or "", cache, told)


def echo(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
