"""`edge-sale undo`: undo or redo what an agent changed in your files."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_sale.cli.options import resolved_folder
from edge_sale.settings import load

if TYPE_CHECKING:
    from edge_sale.workspace.undo_log import Applied


@click.command()
@click.argument("change", default="")
@click.option("--redo", is_flag=True, help="Apply again what was undone last.")
@click.option("--list", "show", is_flag=True, help="List all changes, newest first.")
@click.option(
    "--repo", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Only changes in this folder."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def undo(change: str, redo: bool, show: bool, repo: Path | None, as_json: bool) -> None:
    """Undo the last change that an agent made to your files.

    Files are restored as they were, new ones are deleted. If a file has changed since, nothing is
    touched. CHANGE is an id from the list, or its beginning.

    \b
    edge-sale undo
    edge-sale undo --redo
    edge-sale undo --list
    """
    from edge_sale.workspace.undo_log import UndoLog

    undo_log = UndoLog(load().undo_dir)
    root = resolved_folder(repo) if repo else None
    if show:
        _list([entry for entry in reversed(undo_log.list()) if root is None or entry.root == root], as_json)
        return
    entry = undo_log.redo(change, root) if redo else undo_log.undo(change, root)
    if as_json:
        click.echo(json.dumps(_document(entry), indent=2))
        return
    what = "applied again" if redo else "undone"
    click.echo(f"{what}: {entry.task.splitlines()[0][:80]} ({entry.root})", err=True)
    for one in entry.changes:
        gone = (one.after if redo else one.before) is None
        click.echo(f"  {'deleted' if gone else 'restored'} {one.path}", err=True)
    click.echo(f"to revert that: edge-sale undo {'' if redo else '--redo '}{entry.id}", err=True)


def _list(entries: list[Applied], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_document(entry) for entry in entries], indent=2))
        return
    if not entries:
        click.echo("edge-sale: no agent has changed any file yet", err=True)
        return
    from edge_sale.cli.views.tables import print_table, shortened

    print_table(
        ["id", "when", "state", "files", "folder", "task"],
        [
            [
                entry.id,
                f"{datetime.fromtimestamp(entry.at):%Y-%m-%d %H:%M}",
                entry.state,
                f"{len(entry.changes)}",
                str(entry.root),
                shortened(entry.task, 40),
            ]
            for entry in entries
        ],
    )


def _document(entry: Applied) -> dict[str, object]:
    return {
        "id": entry.id,
        "folder": str(entry.root),
        "task": entry.task,
        "at": entry.at,
        "state": entry.state,
        "files": [change.path for change in entry.changes],
    }
