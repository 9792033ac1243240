"""`edge-sale bench table`: the paper's table of recorded runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_sale.cli.bench.options import FILE, FOLDER

if TYPE_CHECKING:
    from edge_sale.evaluation.runs import Runs
    from edge_sale.evaluation.table import TableRow


@click.command()
@click.argument("files", nargs=-1, required=True, type=FOLDER)
@click.option("--html", type=FILE, help="Also write one self-contained page.")
@click.option("--bins", is_flag=True, help="Also pass@1 and the largest agent's share in every bin.")
@click.option("--common", is_flag=True, help="Compare on the tasks that all methods have.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--markdown", is_flag=True, help="As Markdown, for a README.")
def table(files: tuple[Path, ...], html: Path | None, bins: bool, common: bool, as_json: bool, markdown: bool) -> None:
    """Print the paper's table of recorded runs.

    \b
    edge-sale bench table runs.jsonl
    edge-sale bench table runs.jsonl --html out.html
    """
    from edge_sale.evaluation import page, printed, runs
    from edge_sale.evaluation import table as tables

    collected = page.BidCollector() if html else None
    measured = runs.read(files, collected)
    rows = tables.rows(measured, common)
    if as_json:
        click.echo(json.dumps(printed.document(measured, rows), indent=2))
    elif markdown:
        click.echo(printed.markdown(rows))
    else:
        _print(measured, rows, bins)
    if html and collected:
        page.write(html, measured, rows, collected)
        click.echo(f"{html}: written", err=True)


def _print(runs: Runs, rows: list[TableRow], bins: bool) -> None:
    from edge_sale.cli.views.tables import print_table
    from edge_sale.evaluation import printed

    head, body = printed.cells(rows)
    for columns in printed.PARTS:
        print_table([head[i] for i in columns], [[row[i] for i in columns] for row in body])
        click.echo()
    if bins:
        print_table(*printed.bins(rows))
        click.echo()
    for line in printed.notes(runs, rows):
        click.echo(line)
