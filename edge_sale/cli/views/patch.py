"""A patch as programs and people want it."""

from __future__ import annotations

import sys
from typing import Any

import click

COLOURS = {"+": "green", "-": "red", "@": "cyan", "d": "bold"}  # by a line's first character


def print_patch(patch: str, *, err: bool = False) -> None:
    """Prints a patch on stdout or stderr: byte for byte for programs, coloured and made printable for people.

    `git apply` knows no locale: the bytes are UTF-8, whatever encoding a terminal here would want.
    """
    from edge_sale.cli.views.tables import printable
    from edge_sale.environment import colour_wanted

    if not (sys.stderr if err else sys.stdout).isatty():
        click.echo(patch.encode("utf-8", "surrogateescape"), nl=False, err=err)
        return
    for line in printable(patch).splitlines():
        colour = COLOURS.get(line[:1], "") if colour_wanted() else ""
        style: dict[str, Any] = {"bold": True} if colour == "bold" else {"fg": colour or None}
        click.secho(line, err=err, **style)
