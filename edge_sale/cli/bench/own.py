"""`edge-sale bench own`: the user's own history under other weights."""

from __future__ import annotations

import dataclasses
import json

import click

from edge_sale.settings import load


@click.command()
@click.option("-w", "--weights", "names", multiple=True, metavar="NAME", help="Also these weights; repeatable.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=1000, show_default=True, metavar="N", help="The newest N auctions."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def own(names: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Estimate what other weights would have done with your own history.

    Your recorded auctions are ranked again, with the cost side lighter or heavier, or under
    other weights. No model runs; what another winner would have cost is an estimate.

    \b
    edge-sale bench own
    edge-sale bench own --weights mine-2 --json
    """
    from edge_sale import assemble
    from edge_sale.cli.views.tables import print_table
    from edge_sale.errors import EdgeSaleError
    from edge_sale.evaluation import own as owns
    from edge_sale.memory.history import History

    settings = load()
    now = assemble.plan(settings).weights
    history = History.open(settings.memory_file)
    auctions = [history.get(row.id) for row in history.list(limit) if row.status]
    if not auctions:
        raise EdgeSaleError("no finished task is recorded yet; edge-sale run records them")
    found = owns.shadows(auctions, [*owns.variants(now), *(assemble.weights_named(n, settings) for n in names)])
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in found], indent=2))
        return
    print_table(
        ["weights", "auctions", "other winner", "work $", "saved $", "expected passes", "gained", "of checked"],
        [
            [
                one.weights,
                f"{one.auctions}",
                f"{one.changed}",
                f"{one.dollars:.6f}",
                f"{one.saved:+.6f}",
                f"{one.passes:.1f}",
                f"{one.gained:+.1f}",
                f"{one.checked}",
            ]
            for one in found
        ],
    )
