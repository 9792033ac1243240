"""`edge-sale index`: index folders of documents, list them, and forget them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.cli.options import offline_option
from edge_sale.errors import EdgeSaleError, LibraryFault
from edge_sale.settings import load

if TYPE_CHECKING:
    from edge_sale.documents.indexing import Report
    from edge_sale.documents.store import Library, Size
    from edge_sale.settings import Settings


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--list", "list_", is_flag=True, help="List the indexed folders.")
@click.option("--remove", type=click.Path(path_type=Path), metavar="DIR", help="Forget DIR; its files stay.")
@click.option("--all", "everything", is_flag=True, help="Include hidden files and files that git ignores.")
@click.option("--secrets", is_flag=True, help="Include files that look as if they held keys or passwords.")
@click.option(
    "--max-mb",
    type=click.FloatRange(min=0, min_open=True),
    default=32.0,
    show_default=True,
    metavar="N",
    help="Leave out larger files.",
)
@offline_option
@click.option("-v", "--verbose", is_flag=True, help="List every file that was left out, with the reason.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def index(
    folder: Path | None,
    list_: bool,
    remove: Path | None,
    everything: bool,
    secrets: bool,
    max_mb: float,
    verbose: bool,
    as_json: bool,
) -> None:
    """Index a folder of documents for questions with run --docs.

    Text, Markdown, HTML, PDF and source code are read. Unchanged files are not read again, and a run
    that was stopped continues where it was. The index stays on this machine, apart from the files;
    nothing watches the folder. Left out are hidden files, files that git ignores, and files whose
    names suggest keys or passwords.

    \b
    edge-sale index ~/notes
    edge-sale run --docs ~/notes "when was the budget granted?"
    edge-sale index --list
    """
    if sum((folder is not None, list_, remove is not None)) != 1:
        raise click.UsageError("name one folder, or --list, or --remove DIR: edge-sale index ~/notes")
    settings = load()
    if list_:
        _list(settings, as_json=as_json)
    elif remove is not None:
        _remove(settings, remove, as_json=as_json)
    else:
        assert folder is not None
        _index(
            settings,
            folder,
            everything=everything,
            secrets=secrets,
            most=int(max_mb * 1e6),
            verbose=verbose,
            as_json=as_json,
        )


def _index(settings: Settings, folder: Path, *, verbose: bool, as_json: bool, **wanted: Any) -> None:
    from edge_sale import assemble
    from edge_sale.api import NAMED_FILES, left_out_lines
    from edge_sale.cli.views.progress import counted
    from edge_sale.documents import indexes
    from edge_sale.documents.current import current_index
    from edge_sale.documents.walk import Wanted

    resolved_folder = indexes.resolved_folder(folder)
    embedder = assemble.embedder(assemble.pools_embedder(settings), settings)
    with current_index(
        settings.library_dir,
        resolved_folder,
        embedder,
        wanted=Wanted(**wanted),
        shown=lambda name: counted(name, show=not as_json),
    ) as (library, report):
        size = library.size()
    if as_json:
        click.echo(json.dumps(_document(resolved_folder, report, size), indent=2))
        return
    most = len(report.left_out) if verbose else NAMED_FILES
    for line in left_out_lines(report, most):
        click.echo(f"edge-sale: {line}", err=True)
    for why, count in sorted(report.passed_over.items()):
        if verbose or why != "made by programs":
            click.echo(f"edge-sale: {count} passed over: {why}", err=True)
    rate = f", {report.passages / report.seconds:.0f} passages/s" if report.passages >= 100 else ""
    click.echo(
        f"{resolved_folder}: {size.files} files, {size.passages} passages ({report.new} new, {report.changed} changed, "
        f"{report.removed} removed) in {report.seconds:.1f} s{rate}"
    )


def _document(folder: Path, report: Report, size: Size) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "files": size.files,
        "passages": size.passages,
        "bytes": size.bytes,
        "new": report.new,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "embedded": report.passages,
        "seconds": round(report.seconds, 3),
        "left_out": [{"path": path, "why": why} for path, why in report.left_out],
        "passed_over": report.passed_over,
    }


def _list(settings: Settings, *, as_json: bool) -> None:
    from edge_sale.documents import indexes

    found = []
    for library in indexes.libraries(settings.library_dir):
        if isinstance(library, LibraryFault):
            click.echo(f"edge-sale: {library}", err=True)
        else:
            found.append(_row(library))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif not found:
        click.echo("edge-sale: nothing indexed yet; try: edge-sale index ~/notes", err=True)
    else:
        from edge_sale.cli.views.tables import print_table

        print_table(
            ["folder", "files", "passages", "MB", "when", ""],
            [
                [
                    row["folder"],
                    row["files"],
                    row["passages"],
                    f"{row['bytes'] / 1e6:.1f}",
                    datetime.fromtimestamp(row["updated"]).strftime("%Y-%m-%d %H:%M")
                    if row["updated"]
                    else "not finished",
                    f"{row['waiting']} passages still to be embedded" if row["waiting"] else "",
                ]
                for row in found
            ],
        )


def _row(library: Library) -> dict[str, Any]:
    size = library.size()
    return {
        "folder": str(library.folder),
        "files": size.files,
        "passages": size.passages,
        "waiting": size.waiting,
        "bytes": size.bytes,
        "updated": float(library.about("updated") or 0) or None,
        "embedder": library.about("embedder_name"),
        "index": str(library.file),
    }


def _remove(settings: Settings, folder: Path, *, as_json: bool) -> None:
    from edge_sale.documents import indexes

    if not indexes.remove(settings.library_dir, folder):
        raise EdgeSaleError(f"{folder}: is not indexed (see: edge-sale index --list)")
    if as_json:
        click.echo(json.dumps({"removed": str(folder)}))
    else:
        click.echo(f"edge-sale: {folder}: index removed; its files are as they were", err=True)
