"""`edge-sale bench`: measure whether an auction pays, on real tasks, from records, and as a table."""

from __future__ import annotations

import click

from edge_sale.cli.bench.bundled import bundled
from edge_sale.cli.bench.own import own
from edge_sale.cli.bench.replay import replay
from edge_sale.cli.bench.run import run
from edge_sale.cli.bench.table import table


@click.group()
def bench() -> None:
    """Measure whether an auction pays, on your models and tasks.

    \b
    edge-sale bench run mbpp --data DIR --out runs.jsonl
    edge-sale bench replay mint --data DIR --out runs.jsonl
    edge-sale bench table runs.jsonl --html table.html
    """


for command in (run, replay, bundled, table, own):
    bench.add_command(command)
