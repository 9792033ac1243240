"""`edge-sale memory import`: add the auctions of an export."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from edge_sale.cli.memory.common import count_of, json_option, memorys_embedder, progress
from edge_sale.cli.options import offline_option
from edge_sale.errors import EdgeSaleError
from edge_sale.settings import load


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@offline_option
@json_option
def import_(file: Path, as_json: bool) -> None:
    """Add the auctions of an export: all of them, or none if a line is wrong.

    Auctions that are already recorded stay as they are.

    \b
    edge-sale memory import auctions.jsonl
    """
    from edge_sale.memory import importing

    def embed() -> tuple[dict[str, Any], importing.Embed]:
        made = memorys_embedder()
        return {"name": made.name, "sha256": made.identity, "dimension": made.dimension}, made.embed

    target = load().memory_file
    with progress("importing") as tell, _opened(file) as lines:
        done = importing.import_(target, lines, str(file), embed, lambda count: tell(count, 0))
    if as_json:
        click.echo(json.dumps({"added": done.added, "known": done.known}))
    else:
        click.echo(f"{count_of(done.added)} added, {done.known} already here")


@contextmanager
def _opened(file: Path) -> Iterator[Iterator[bytes]]:
    """Open a file, plain or gzipped, or stdin, as lines. No line is read beyond its longest permitted length."""
    import gzip

    from edge_sale.memory.export_format import LONGEST_LINE

    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as raw:
            packed = str(file) != "-" and raw.read(2) == b"\x1f\x8b"
            if str(file) != "-":
                raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            yield iter(lambda: stream.readline(LONGEST_LINE + 1), b"")
    except (gzip.BadGzipFile, EOFError) as error:
        raise EdgeSaleError(f"{file}: damaged gzip ({error}); nothing was imported") from error
    except OSError as error:
        raise EdgeSaleError(f"{file}: cannot be read: {error.strerror or error}") from error
