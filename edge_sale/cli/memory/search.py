"""`edge-sale memory search`: find past auctions by meaning or by words."""

from __future__ import annotations

import json

import click

from edge_sale.cli.memory.common import json_option, memorys_embedder
from edge_sale.errors import EdgeSaleError, ModelMissing
from edge_sale.settings import load


@click.command()
@click.argument("text")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=8, show_default=True, help="How many to show.")
@click.option("--exact", is_flag=True, help="Find auctions that contain TEXT word for word, in task, plan or answer.")
@json_option
def search(text: str, limit: int, exact: bool, as_json: bool) -> None:
    """Find past auctions whose tasks are most like TEXT.

    \b
    edge-sale memory search "sort a list of dates"
    edge-sale memory search --exact datetime --json | jq ".[].id"
    """
    from edge_sale.memory.erase import Which, matching
    from edge_sale.memory.history import History

    settings = load()
    found: list[tuple[float | None, str]] = []
    if exact:
        found = [(None, id_) for _, id_, _ in matching(settings.memory_file, Which(text=text))[::-1][:limit]]
    elif settings.memory_file.exists():
        from edge_sale.memory.store import AuctionMemory

        try:
            embedder = memorys_embedder()
        except ModelMissing as error:
            raise EdgeSaleError(f"{error}; or search for the words themselves: --exact") from error
        with AuctionMemory.open(settings.memory_file, embedder) as opened:
            found = list(opened.nearest(text, limit))
    history = History.open(settings.memory_file)
    rows = [(similarity, history.get(id_)) for similarity, id_ in found]
    if as_json:
        click.echo(
            json.dumps(
                [
                    {
                        "id": a.id,
                        "similarity": s,
                        "task": a.award.task.text,
                        "winner": a.award.winner.bid.agent,
                        "right": a.outcome.right if a.outcome else None,
                    }
                    for s, a in rows
                ],
                indent=2,
            )
        )
        return
    if not rows:
        click.echo("nothing found", err=True)
        return
    from edge_sale.cli.views.tables import print_table, shortened

    print_table(
        ["cosine", "id", "when", "task", "winner", "right"],
        [
            [
                "" if s is None else f"{s:.2f}",
                a.id,
                f"{a.at:%Y-%m-%d %H:%M}",
                shortened(a.award.task.text, 60),
                a.award.winner.bid.agent,
                _yes(a.outcome.right if a.outcome else None),
            ]
            for s, a in rows
        ],
    )


def _yes(right: bool | None) -> str:
    return "–" if right is None else "yes" if right else "no"
