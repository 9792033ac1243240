"""`edge-sale bench bundled`: the paper's table from the models that come with edge-sale."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import click

from edge_sale.cli.bench.options import FILE
from edge_sale.cli.bench.progress import progress_bar
from edge_sale.settings import load

MINUTES = 10  # the goal for a whole run


@click.command()
@click.option(
    "--out",
    type=FILE,
    default=Path("bundled.jsonl"),
    show_default=True,
    help="Write the runs here; an interrupted run goes on.",
)
@click.option("-n", "--tasks", type=click.IntRange(16), default=800, show_default=True, help="Tasks that are measured.")
@click.option("--train", type=click.IntRange(16), default=240, show_default=True, help="Tasks that teach the routers.")
@click.option("--orders", type=click.IntRange(1, 100), default=5, show_default=True, help="Task orders.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Other tasks, other draws.")
@click.option("--remote/--no-remote", default=None, help="A row with the senior behind a server on loopback.")
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), help="Where answers are tested.")
@click.option("--html", type=FILE, help="Also write one self-contained page.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def bundled(
    out: Path,
    tasks: int,
    train: int,
    orders: int,
    seed: int,
    remote: bool | None,
    sandbox: str | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """The paper's table in ten minutes, from nothing.

    The four models that come with edge-sale plan, judge and write Python for tasks of 1 to 8 steps
    in words that they were not trained on. Routers and auctions assign the tasks; every answer is
    tested. Nothing is pulled, and nothing leaves this machine.

    \b
    edge-sale bench bundled
    edge-sale bench bundled --tasks 200 --orders 2 --no-remote --out quick.jsonl
    """
    from edge_sale.evaluation.bundled_eval import remote_senior
    from edge_sale.evaluation.bundled_eval.run import Wanted, run

    settings = load()
    settings = replace(settings, sandbox=sandbox or settings.sandbox)
    if remote is None and (package := remote_senior.lacking()):
        click.echo(
            f"the row with the senior behind a server is left out: it needs {package}; "
            "pip install 'edge-sale[evaluation]'",
            err=True,
        )
        remote = False
    began = time.monotonic()
    with progress_bar() as progress:
        run(out, settings, Wanted(tasks, train, orders, seed, remote is not False), progress)
    seconds = time.monotonic() - began
    _show(out, seconds, as_json=as_json, html=html)


def _show(out: Path, seconds: float, *, as_json: bool, html: Path | None) -> None:
    """Print the tables and figures of a runs file; with `html` also write a page."""
    from edge_sale.cli.views.tables import print_table
    from edge_sale.evaluation import page, printed, report, runs, table
    from edge_sale.evaluation.bundled_eval import goals, methods
    from edge_sale.evaluation.jsonl_store import lines
    from edge_sale.evaluation.report import Figure

    collected = page.BidCollector() if html else None
    measured = runs.read([out], collected)
    found = table.rows(measured)
    figures = [*goals.figures(measured, found), Figure("this run", seconds / 60, "minutes", MINUTES)]
    trials = [value for _, value in lines(out) if value["kind"] == "trial"]
    if as_json:
        document = {
            **printed.document(measured, found),
            "figures": json.loads(report.as_json(figures)),
            "signals": dict(goals.signals(trials)),
            "wins": {
                name: goals.win_rates(measured.columns[name], measured)
                for name in (methods.SALE, methods.WITHOUT_MEMORY)
            },
            "machine": report.machine(),
        }
        click.echo(json.dumps(printed.plain(document), indent=2))
    else:
        head, body = printed.cells(found)
        print_table([head[i] for i in printed.PARTS[0]], [[row[i] for i in printed.PARTS[0]] for row in body])
        click.echo("\npass@1 (and share of the senior) by steps, %")
        print_table(*printed.bins(found))
        click.echo("\nmillionths of a dollar a task, with the auction, by steps")
        print_table(*printed.costs(found))
        for name in (methods.SALE, methods.WITHOUT_MEMORY):
            rates = goals.win_rates(measured.columns[name], measured)
            click.echo(f"\n{name}: share of tasks won, % of each eighth of an order")
            body = [[agent, *(f"{100 * x:.0f}" for x in rate)] for agent, rate in rates.items()]
            print_table(["agent", *map(str, range(1, 9))], body)
        click.echo("\nsignals that tell right answers from wrong ones (AUC; 0.5 is chance)")
        auc = goals.signals(trials)
        names = list(auc[0][1])
        print_table(["signal", *names], [[what, *(_two_places(of[n]) for n in names)] for what, of in auc])
        click.echo()
        for line in printed.notes(measured, found):
            click.echo(line)
        click.echo(f"\n{report.as_table(figures)}\n\n{report.machine()}")
    if html and collected:
        page.write(html, measured, found, collected)
        click.echo(f"{html}: written", err=True)


def _two_places(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
