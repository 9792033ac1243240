"""`edge-sale memory export`: write all auctions to a file of JSON lines."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge_sale.cli.memory.common import count_of, progress
from edge_sale.errors import EdgeSaleError
from edge_sale.settings import load


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
def export(file: Path) -> None:
    """Write every auction to FILE as JSON lines; - is stdout.

    \b
    edge-sale memory export auctions.jsonl
    edge-sale memory export | gzip > auctions.jsonl.gz
    """
    from edge_sale.memory.exporting import export as write

    source = load().memory_file
    with progress("exporting") as tell:
        if str(file) == "-":
            count = write(source, sys.stdout, tell)
        else:
            beside = file.with_name(f"{file.name}.part")
            try:
                with open(beside, "w", encoding="utf-8", opener=_private) as out:
                    count = write(source, out, tell)
                beside.replace(file)
            except OSError as error:
                beside.unlink(missing_ok=True)
                raise EdgeSaleError(f"{file}: cannot be written: {error.strerror}") from error
    click.echo(f"{count_of(count)} exported", err=True)


def _private(name: str, flags: int) -> int:
    import os

    return os.open(name, flags, 0o600)
