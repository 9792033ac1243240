"""The data of `fit` and `signals`: the auctions in memory, or recorded runs by path."""

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
NEWEST = 5000  # auctions of memory: older ones say less about today's agents, and take time to read


def data_options(command: Any) -> Any:
    """Add the options that say where outcomes come from."""
    for option in reversed(
        (
            click.argument("runs", required=False, type=FOLDER),
            click.option(
                "-p", "--pool", metavar="NAME", help="The pool whose weights are meant; default: the configured one."
            ),
            click.option(
                "--jury",
                type=click.Choice(["recoverability", "likert"]),
                help="Judge plans in RUNS that were never judged.",
            ),
            click.option("--cache", type=FOLDER, help="Keep vectors and scores of RUNS here."),
            click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
        )
    ):
        command = option(command)
    return command


def settings_of(pool: str | None) -> Settings:
    """The user's settings, with this pool if one is named."""
    settings = load()
    return replace(settings, pool=pool) if pool else settings


def pool_of(settings: Settings) -> str:
    """The name of the configured pool. Reads no weights, so that damaged ones can be rolled back."""
    from edge_sale.catalog.cards import load as cards
    from edge_sale.catalog.pools import pool_agents

    return pool_agents(cards(settings.cards_dir), settings).name


def table_of(runs: Path | None, settings: Settings, jury: str | None, cache: Path | None) -> Table:
    """Bids and outcomes from memory, or from the runs at this path."""
    if runs is None:
        if jury:
            raise click.UsageError("--jury is for recorded RUNS; the auctions in memory have been judged")
        from edge_sale.learning.table import from_history
        from edge_sale.memory.history import History

        return from_history(History.open(settings.memory_file).auctions(newest=NEWEST), pool_of(settings))
    from edge_sale.cli.bench.progress import progress_bar
    from edge_sale.evaluation import outcomes

    with progress_bar() as progress:
        return outcomes.read(runs, settings, jury or "", cache, progress)


def echo(document: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
