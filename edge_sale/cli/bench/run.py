"""`edge-sale bench run`: real models on a task set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from edge_sale.cli.bench.options import FILE, FOLDER
from edge_sale.cli.bench.progress import progress_bar
from edge_sale.settings import load


@click.command()
@click.argument("name", metavar="SET")
@click.option("--data", type=FOLDER, required=True, help="The set's folder, or your own JSON-lines file.")
@click.option("--out", type=FILE, required=True, help="Write the runs here; an existing file is continued.")
@click.option("-a", "--agent", "agents", multiple=True, metavar="NAME", help="Only this agent; repeatable.")
@click.option(
    "-p", "--pool", metavar="NAME", help="The pool to measure; default: the configured one, else the starter."
)
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="Only the first N tasks.")
@click.option(
    "--orders",
    type=click.IntRange(0, 100),
    default=5,
    show_default=True,
    help="Task orders, each with its own memory.",
)
@click.option("--visible-check", is_flag=True, help="Show agents the first test, as a check of their work.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same draws.")
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), help="Where answers are tested.")
def run(
    name: str,
    data: Path,
    out: Path,
    agents: tuple[str, ...],
    pool: str | None,
    limit: int | None,
    orders: int,
    visible_check: bool,
    seed: int,
    sandbox: str | None,
) -> None:
    """Run the pool on a task set.

    SET is mbpp, humaneval, exercism, quixbugs, cruxeval, javascript, gsm8k, hotpotqa,
    nq_open, popqa, strategyqa, or own: JSON lines with id, prompt and check or answer
    (and domain, files, bin, reference). The grader is checked on references first.

    \b
    edge-sale bench run mbpp --data DIR --out runs.jsonl --limit 40 --visible-check
    edge-sale bench run own --data tasks.jsonl --out runs.jsonl
    """
    from edge_sale.catalog.cards import DEFAULT_POOL
    from edge_sale.errors import UnknownName
    from edge_sale.evaluation import live
    from edge_sale.evaluation.task_sets import SETS

    if name not in SETS:
        raise UnknownName("set", name, SETS)
    settings = replace(load(), seed=seed)
    settings = replace(settings, pool=pool or settings.pool or DEFAULT_POOL, sandbox=sandbox or settings.sandbox)
    with progress_bar() as progress:
        made = live.run(
            name,
            data,
            out,
            settings,
            agents=agents,
            orders=orders,
            limit=limit,
            visible=visible_check,
            progress=progress,
        )
    click.echo(f"{out}: {made} runs made; next: edge-sale bench table {out}", err=True)
