"""`edge-sale memory`: what is remembered is the user's; to look at, take along, bound and forget."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.cli.options import offline_option
from edge_sale.errors import EdgeSaleError, ModelMissing
from edge_sale.settings import load

if TYPE_CHECKING:
    from edge_sale.types import Embedder

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


@click.group()
def memory() -> None:
    """Look into the auction memory, take it along, or make it forget.

    \b
    edge-sale memory stats
    edge-sale memory search "sort a list of dates"
    edge-sale memory forget --text "my old project"
    edge-sale memory export > auctions.jsonl
    """


@memory.command()
@json_option
def stats(as_json: bool) -> None:
    """Show what the memory holds, its size and its bounds.

    \b
    edge-sale memory stats
    """
    from edge_sale.memory.overview import overview

    settings = load()
    found = overview(settings.memory_file).to_json()
    found |= {"max_mb": settings.memory_mb, "max_days": settings.memory_days, "enabled": settings.remember}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {count}" for name, count in value.items()) or "–"
        click.echo(f"{key.replace('_', ' '):<14}  {'–' if value is None else value}")


@memory.command()
@click.argument("text")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=8, show_default=True, help="How many.")
@click.option("--exact", is_flag=True, help="Auctions that hold these very words, in task, plan or answer.")
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
            embedder = _embedder()
        except ModelMissing as error:
            raise EdgeSaleError(f"{error}; or look for the words themselves: --exact") from error
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


@memory.command("show")
@click.argument("auction", default="last")
@json_option
@click.pass_context
def show_(ctx: click.Context, auction: str, as_json: bool) -> None:
    """Show all that is remembered of an auction; the same as `edge-sale show`.

    \b
    edge-sale memory show 3f
    """
    from edge_sale.cli.history import show

    ctx.invoke(show, auction=auction, as_json=as_json)


@memory.command()
@click.argument("auction", required=False)
@click.option("--text", help="Auctions that hold these words in task, plan or answer, whatever their case.")
@click.option("--older-than", "days", type=click.FloatRange(min=0), metavar="DAYS", help="Recorded before that.")
@click.option("--all", "everything", is_flag=True, help="Every auction.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(
    auction: str | None, text: str | None, days: float | None, everything: bool, yes: bool, as_json: bool
) -> None:
    """Forget AUCTION, or those that hold a text, are old, or all.

    Forgotten is gone: overwritten in the database and out of its journal. Traces, exports and
    kept payloads are files of yours and stay.

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
        which = replace(which, id=found[0][1])  # the one that is shown, whatever is recorded meanwhile
    also = erase.put_aside_with(file, which, [task for _, _, task in found])
    if (found or also) and not yes:
        _confirm([task for _, _, task in found], also)
    gone = erase.forget(file, which)
    if as_json:
        click.echo(json.dumps({"forgotten": gone.auctions, "files": [str(name) for name in gone.files]}))
        return
    click.echo(f"{_count(gone.auctions)} forgotten")
    for name in gone.files:
        click.echo(f"deleted {name}, which held the same")


@memory.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
def export(file: Path) -> None:
    """Write every auction to FILE as JSON lines; - is stdout.

    \b
    edge-sale memory export auctions.jsonl
    edge-sale memory export | gzip > auctions.jsonl.gz
    """
    from edge_sale.memory.exchange import export as write

    source = load().memory_file
    with _progress("exporting") as tell:
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
    click.echo(f"{_count(count)} exported", err=True)


@memory.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@offline_option
@json_option
def import_(file: Path, as_json: bool) -> None:
    """Add the auctions of an export: all, or nothing where a line is wrong.

    Auctions that are here already stay as they are.

    \b
    edge-sale memory import auctions.jsonl
    """
    from edge_sale.memory import exchange

    def embed() -> tuple[dict[str, Any], exchange.Embed]:
        made = _embedder()
        return {"name": made.name, "sha256": made.identity, "dimension": made.dimension}, made.embed

    target = load().memory_file
    with _progress("importing") as tell, _opened(file) as lines:
        done = exchange.import_(target, lines, str(file), embed, lambda count: tell(count, 0))
    if as_json:
        click.echo(json.dumps({"added": done.added, "known": done.known}))
    else:
        click.echo(f"{_count(done.added)} added, {done.known} already here")


@memory.command()
@json_option
def compact(as_json: bool) -> None:
    """Keep the bounds, and give unused room back.

    Auctions beyond max_mb and max_days ([memory] in config.toml) are forgotten, the oldest first.

    \b
    edge-sale memory compact
    """
    from edge_sale.memory.overview import compact as run
    from edge_sale.memory.retention import Bounds

    settings = load()
    done = run(settings.memory_file, Bounds(settings.memory_mb, settings.memory_days))
    if as_json:
        click.echo(json.dumps(done.to_json()))
        return
    sizes = f"{done.before / 1e6:.1f} MB before, {done.after / 1e6:.1f} MB after"
    click.echo(f"{sizes}; {_count(done.forgotten)} forgotten")


@memory.command()
@offline_option
@json_option
def reembed(as_json: bool) -> None:
    """Make all vectors anew with the pool's embedder.

    Needed after the embedder was changed: vectors of two models are never mixed. Stopped with
    ^C it goes on where it was the next time.

    \b
    edge-sale memory reembed
    """
    from edge_sale import assemble
    from edge_sale.memory.reembed import reembed as run

    settings = load()
    file = settings.memory_file
    if not file.exists():
        raise EdgeSaleError("nothing recorded yet, so there is nothing to embed")
    embedder = assemble.embedder(assemble.pools_embedder(settings), settings)
    with _progress("embedding") as tell:
        count, made = run(file, embedder, tell)
    if as_json:
        click.echo(json.dumps({"vectors": count, "made": made, "embedder": embedder.name}))
    else:
        click.echo(f"{count} vectors by {embedder.name}, {made} made now")


@memory.command()
@json_option
def aside(as_json: bool) -> None:
    """Move a damaged memory aside; it is kept, and a new one begins.

    \b
    edge-sale memory aside
    """
    from edge_sale.memory.overview import put_aside

    moved = put_aside(load().memory_file)
    if as_json:
        click.echo(json.dumps([str(name) for name in moved]))
        return
    for name in moved:
        click.echo(f"kept as {name}")


# --- helpers ------------------------------------------------------------------


def _embedder() -> Embedder:
    """The one that made the memory's vectors, else the pool's. Raises ModelMissing."""
    from edge_sale import assemble

    settings = load()
    return assemble.embedder(assemble.memorys_embedder(settings), settings)


def _confirm(tasks: Sequence[str], also: Sequence[Path]) -> None:
    from edge_sale.cli.views.tables import printable, shortened

    if not sys.stdin.isatty():
        raise click.UsageError(f"{_count(len(tasks))} would be forgotten; to do so without being asked: --yes")
    for task in tasks[:5]:
        click.echo(f"  {printable(shortened(task, 70))}", err=True)
    if len(tasks) > 5:
        click.echo(f"  and {len(tasks) - 5} more", err=True)
    for name in also:
        click.echo(f"  and all of {name}, which was put aside and holds the same words", err=True)
    click.confirm(f"Forget {_count(len(tasks))} for good?", abort=True, err=True)


@contextmanager
def _opened(file: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a file, plain or gzipped, or of stdin; none is read longer than may be."""
    import gzip

    from edge_sale.memory.exchange import LONGEST_LINE

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


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, silence elsewhere; a total of 0 is not known."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.progress import Progress

    from edge_sale.cli.views.tables import stderr_console

    with Progress(console=stderr_console(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of or None)


def _private(name: str, flags: int) -> int:
    import os

    return os.open(name, flags, 0o600)


def _count(auctions: int) -> str:
    return f"{auctions} auction{'s' * (auctions != 1)}"


def _yes(right: bool | None) -> str:
    return "–" if right is None else "yes" if right else "no"
