"""`edge-sale bench replay`: auctions over recorded outcomes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from edge_sale.cli.bench.options import FILE, FOLDER
from edge_sale.cli.bench.progress import progress_bar
from edge_sale.settings import load


@click.command()
@click.argument("kind", metavar="SET", type=click.Choice(["mint", "routellm", "runs"]))
@click.option("--data", type=FOLDER, required=True, help="The recording to learn from: a folder, or a runs file.")
@click.option(
    "--test-data", type=FOLDER, help="Measure on these instead of cross-validating; nothing is fitted to them."
)
@click.option("--out", type=FILE, required=True, help="Write the runs here, for: edge-sale bench table.")
@click.option("-a", "--agent", "agents", multiple=True, metavar="NAME", help="Only this agent; repeatable.")
@click.option("--orders", type=click.IntRange(1, 100), default=5, show_default=True, help="Task orders.")
@click.option(
    "--budget",
    type=click.FloatRange(0, 1),
    default=0.48,
    show_default=True,
    help="Share of tasks that the largest agent may get.",
)
@click.option(
    "--jury",
    type=click.Choice(["recoverability", "likert", "none"]),
    default="recoverability",
    show_default=True,
    help="How this pool's models score plans.",
)
@click.option("--cache", type=FOLDER, help="Keep vectors and scores here; default: beside OUT.")
@click.option(
    "-p", "--pool", metavar="NAME", help="The pool whose models judge; default: the configured one, else the starter."
)
def replay(
    kind: str,
    data: Path,
    test_data: Path | None,
    out: Path,
    agents: tuple[str, ...],
    orders: int,
    budget: float,
    jury: str,
    cache: Path | None,
    pool: str | None,
) -> None:
    """Hold auctions over recorded outcomes.

    SET is mint (recorded agent traces), routellm (its MMLU and GSM8K outcome files) or
    runs (what bench run wrote). Methods learn by cross-validation, or on --data alone
    where --test-data is given. Vectors and jury scores are computed once and kept.

    \b
    edge-sale bench replay mint --data DIR --out mint.jsonl
    edge-sale bench replay mint --data DIR --test-data DIR2 --out held-out.jsonl
    """
    from edge_sale.catalog.cards import DEFAULT_POOL
    from edge_sale.evaluation import replay_runs

    settings = load()
    settings = replace(settings, pool=pool or settings.pool or DEFAULT_POOL)
    folder = cache or out.with_name(out.stem + ".cache")
    with progress_bar() as progress:
        count = replay_runs.write(
            kind,
            data,
            test_data,
            out,
            agents=agents,
            orders=orders,
            budget=budget,
            judging="" if jury == "none" else jury,
            cache=folder,
            settings=settings,
            progress=progress,
        )
    click.echo(f"{out}: {count} lines; next: edge-sale bench table {out}", err=True)
