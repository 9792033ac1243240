"""`edge-sale memory forget`: forget auctions for good."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from edge_sale.cli.memory.common import count_of, json_option
from edge_sale.settings import load


@click.command()
@click.argument("auction", required=False)
@click.option("--text", help="Auctions that contain TEXT in task, plan or answer, in any case.")
@click.option("--older-than", "days", type=click.FloatRange(min=0), metavar="DAYS", help="Auctions older than this.")
@click.option("--all", "everything", is_flag=True, help="Every auction.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(
    auction: str | None, text: str | None, days: float | None, everything: bool, yes: bool, as_json: bool
) -> None:
    """Forget AUCTION, or those that contain a text, old ones, or all.

    Forgotten auctions are overwritten in the database and removed from its write-ahead log. Traces,
    exports and kept payloads are your own files and stay.

    \b
    edge-sale memory forget 3f
    edge-sale memory forget --text "my old project"
    edge-sale memory forget --older-than 90
    edge-sale memory forget --all --yes
    """
    from edge_sale.memory import erase

    chosen = [
        name
        for name, given in (
            ("AUCTION", auction),
            ("--text", text),
            ("--older-than", days),
            ("--all", everything or None),
        )
        if given is not None
    ]
    if not chosen:
        raise click.UsageError("say what to forget: an auction's id, --text, --older-than or --all")
    if len(chosen) > 1 and ("AUCTION" in chosen or "--all" in chosen):
        raise click.UsageError(f"{' and '.join(chosen)} exclude each other")
    if text is not None and not text.strip():
        raise click.UsageError("--text is empty; to forget everything: --all")
    file = load().memory_file
    which = erase.Which(auction, text, days, everything)
    found = erase.matching(file, which)
    if auction is not None and found:
        which = replace(which, id=found[0][1])  # "last" must not change until then
    also = erase.put_aside_with(file, which, [task for _, _, task in found])
    if (found or also) and not yes:
        _confirm([task for _, _, task in found], also)
    gone = erase.forget(file, which)
    if as_json:
        click.echo(json.dumps({"forgotten": gone.auctions, "files": [str(name) for name in gone.files]}))
        return
    click.echo(f"{count_of(gone.auctions)} forgotten")
    for name in gone.files:
        click.echo(f"deleted {name}, which held the same texts")


def _confirm(tasks: Sequence[str], also: Sequence[Path]) -> None:
    from edge_sale.cli.views.tables import printable, shortened

    if not sys.stdin.isatty():
        raise click.UsageError(f"{count_of(len(tasks))} would be forgotten; to forget without a question: --yes")
    for task in tasks[:5]:
        click.echo(f"  {printable(shortened(task, 70))}", err=True)
    if len(tasks) > 5:
        click.echo(f"  and {len(tasks) - 5} more", err=True)
    for name in also:
        click.echo(f"  and all of {name}, which was put aside and holds the same words", err=True)
    click.confirm(f"Forget {count_of(len(tasks))} for good?", abort=True, err=True)
