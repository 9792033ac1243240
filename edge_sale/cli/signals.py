"""`edge-sale signals`: how well each signal of a bid tells right work from wrong."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.cli.recorded import data_options, echo, settings_of, table_of

if TYPE_CHECKING:
    from edge_sale.scoring.auc import Area


@click.command()
@data_options
def signals(runs: Path | None, pool: str | None, jury: str | None, cache: Path | None, as_json: bool) -> None:
    """Print how well each signal tells right work from wrong.

    AUC is the chance that the bid of a right answer has a higher signal than the bid of a wrong one. At 0.5 the
    signal tells nothing; below 0.5 low values are good. Intervals are 95 %. "Within a task" compares the bids for
    one task.

    \b
    edge-sale signals
    edge-sale signals runs.jsonl --json
    """
    from edge_sale import assemble
    from edge_sale.learning import fitting, signal_report

    settings = settings_of(pool)
    table = table_of(runs, settings, jury, cache)
    known, _ = fitting.usable(table, table.agents)
    found = signal_report.report(known, assemble.plan(replace(settings, remember=False)).weights)
    if as_json:
        echo(
            {
                "tasks": len(known.bids),
                "outcomes": known.outcomes,
                "from": known.name,
                "signals": [
                    {
                        "signal": one.signal,
                        "about": one.about,
                        "overall": _area(one.overall),
                        "within": _area(one.within),
                        "agents": {agent: _area(area) for agent, area in one.agents.items()},
                    }
                    for one in found
                ],
            }
        )
        return
    from edge_sale.cli.views.tables import print_table

    def cell(area: Area) -> str:
        if math.isnan(area.auc):
            return "–"
        return f"{area.auc:.2f}" if math.isnan(area.low) else f"{area.auc:.2f} ({area.low:.2f}–{area.high:.2f})"

    click.echo(f"{len(known.bids)} tasks of {known.name}, {known.outcomes} outcomes; AUC with its 95 % interval\n")
    print_table(
        ["signal", "overall", "within a task", *known.agents],
        [[one.signal, cell(one.overall), cell(one.within), *map(cell, one.agents.values())] for one in found],
    )


def _area(area: Area) -> dict[str, Any]:
    return {name: None if isinstance(x, float) and math.isnan(x) else x for name, x in asdict(area).items()}
