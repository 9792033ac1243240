"""`edge-sale good` and `edge-sale bad`: the user's verdict on an answer, which overrides that of a check."""

from __future__ import annotations

import json
from typing import Any

import click

from edge_sale.errors import EdgeSaleError, UnknownName
from edge_sale.settings import load


def _options(command: Any) -> Any:
    for option in reversed(
        (
            click.argument("auction", default="last"),
            click.option("--undo", is_flag=True, help="Take your verdict back; that of the check counts again."),
            click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
        )
    ):
        command = option(command)
    return command


@click.command()
@_options
def good(auction: str, undo: bool, as_json: bool) -> None:
    """Say that an answer was right; the market learns from it.

    AUCTION is an id from the history, the beginning of one, or 'last'.

    \b
    edge-sale good
    edge-sale good 3f
    """
    _give(auction, None if undo else True, as_json)


@click.command()
@_options
def bad(auction: str, undo: bool, as_json: bool) -> None:
    """Say that an answer was wrong; no agent copies its plan.

    AUCTION is an id from the history, the beginning of one, or 'last'.

    \b
    edge-sale bad
    edge-sale bad 3f --undo
    """
    _give(auction, None if undo else False, as_json)


def _give(auction: str, verdict: bool | None, as_json: bool) -> None:
    from edge_sale.memory.feedback import give
    from edge_sale.memory.history import History

    file = load().memory_file
    try:
        id_ = give(file, auction, verdict)
    except UnknownName as error:
        if error.known:
            raise
        raise EdgeSaleError(
            "nothing is recorded yet, so there is no answer to judge; edge-sale run records one"
        ) from error
    found = History.open(file).get(id_)
    outcome = found.outcome
    assert outcome is not None  # give() raises where there is no answer
    if as_json:
        click.echo(json.dumps({"auction": id_, "agent": outcome.agent, "verdict": verdict, "right": outcome.right}))
        return
    from edge_sale.cli.views.tables import shortened

    label = {True: "good", False: "bad", None: "taken back"}[verdict]
    click.echo(f"{id_}: {label} – {outcome.agent} on {shortened(found.award.task.text, 60)!r}", err=True)
