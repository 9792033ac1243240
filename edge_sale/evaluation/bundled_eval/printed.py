"""What `bench bundled` shows: the table, the bins, small agents' wins over time, signals, goals."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from edge_sale.evaluation import page, report, table
from edge_sale.evaluation import printed as known
from edge_sale.evaluation.bundled_eval import goals, rows
from edge_sale.evaluation.records import lines
from edge_sale.evaluation.report import Figure, as_table, machine

MINUTES = 10


def show(out: Path, seconds: float, *, as_json: bool, html: Path | None) -> None:
    """Prints all that a runs file says; with `html` also a page."""
    from edge_sale.cli.views.tables import print_table

    kept = page.Kept() if html else None
    runs = table.read([out], kept)
    found = table.rows(runs)
    figures = [*goals.figures(runs, found), Figure("this run", seconds / 60, "minutes", MINUTES)]
    trials = [value for _, value in lines(out) if value["kind"] == "trial"]
    if as_json:
        document = {
            **known.document(runs, found),
            "figures": json.loads(report.as_json(figures)),
            "signals": dict(goals.signals(trials)),
            "wins": {name: goals.win_rates(runs.columns[name], runs) for name in (rows.SALE, rows.FORGETFUL)},
            "machine": machine(),
        }
        click.echo(json.dumps(known.plain(document), indent=2))
    else:
        head, body = known.cells(found)
        print_table([head[i] for i in known.PARTS[0]], [[row[i] for i in known.PARTS[0]] for row in body])
        click.echo("\npass@1 (and share of the senior) by steps, %")
        print_table(*known.bins(found))
        click.echo("\nmillionths of a dollar a task, with the auction, by steps")
        print_table(*known.costs(found))
        for name in (rows.SALE, rows.FORGETFUL):
            rates = goals.win_rates(runs.columns[name], runs)
            click.echo(f"\n{name}: who wins, % of each eighth of an order")
            body = [[agent, *(f"{100 * x:.0f}" for x in rate)] for agent, rate in rates.items()]
            print_table(["agent", *map(str, range(1, 9))], body)
        click.echo("\nwhat tells a right answer from a wrong one (AUC; 0.5 is chance)")
        auc = goals.signals(trials)
        names = list(auc[0][1])
        print_table(["signal", *names], [[what, *(_two(of[n]) for n in names)] for what, of in auc])
        click.echo()
        for line in known.notes(runs, found):
            click.echo(line)
        click.echo(f"\n{as_table(figures)}\n\n{machine()}")
    if html and kept:
        page.write(html, runs, found, kept)
        click.echo(f"{html}: written", err=True)


def _two(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
