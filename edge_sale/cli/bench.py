"""`edge-sale bench`: does an auction pay? Measured on real tasks, replayed from records, shown as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.settings import load

if TYPE_CHECKING:
    from edge_sale.evaluation.table import Runs, TableRow

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path)


@click.group()
def bench() -> None:
    """Measure whether an auction pays, on your models and tasks.

    \b
    edge-sale bench run mbpp --data DIR --out runs.jsonl
    edge-sale bench replay mint --data DIR --out runs.jsonl
    edge-sale bench table runs.jsonl --html table.html
    """


@bench.command()
@click.argument("name", metavar="SET")
@click.option("--data", type=FOLDER, required=True, help="The set's folder, or your own JSON-lines file.")
@click.option("--out", type=FILE, required=True, help="Write runs here; where it exists, go on with it.")
@click.option("-a", "--agent", "agents", multiple=True, metavar="NAME", help="Only this agent; repeatable.")
@click.option("-p", "--pool", metavar="NAME", help="The pool to measure; else the configured one, or the starter.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="Only the first N tasks.")
@click.option(
    "--orders",
    type=click.IntRange(0, 100),
    default=5,
    show_default=True,
    help="Task orders, each with a memory of its own.",
)
@click.option("--visible-check", is_flag=True, help="Show agents the first test, as a check to work against.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same draws.")
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), help="Where answers are tested.")
def run(
    name: str,
    data: Path,
    out: Path,
    agents: tuple[str, ...],
    pool: str | None,
    limit: int | None,
    orders: int,
    visible_check: bool,
    seed: int,
    sandbox: str | None,
) -> None:
    """Run the pool on a task set, a line a run.

    SET is mbpp, humaneval, exercism, quixbugs, cruxeval, javascript, gsm8k, hotpotqa,
    nq_open, popqa, strategyqa, or own: JSON lines with id, prompt and check or answer
    (and domain, files, bin, reference). The grader proves itself on references first.

    \b
    edge-sale bench run mbpp --data DIR --out runs.jsonl --limit 40 --visible-check
    edge-sale bench run own --data tasks.jsonl --out runs.jsonl
    """
    from dataclasses import replace

    from edge_sale.catalog.cards import DEFAULT_POOL
    from edge_sale.errors import UnknownName
    from edge_sale.evaluation import live
    from edge_sale.evaluation.task_sets import SETS

    if name not in SETS:
        raise UnknownName("set", name, SETS)
    settings = replace(load(), seed=seed)
    settings = replace(settings, pool=pool or settings.pool or DEFAULT_POOL, sandbox=sandbox or settings.sandbox)
    with bar() as told:
        made = live.run(
            name, data, out, settings, agents=agents, orders=orders, limit=limit, visible=visible_check, told=told
        )
    click.echo(f"{out}: {made} runs made; next: edge-sale bench table {out}", err=True)


@bench.command()
@click.argument("kind", metavar="SET", type=click.Choice(["mint", "routellm", "runs"]))
@click.option("--data", type=FOLDER, required=True, help="What to learn from: a folder, or a runs file.")
@click.option("--test-data", type=FOLDER, help="Sell these instead of cross-validating; nothing is fitted to them.")
@click.option("--out", type=FILE, required=True, help="Write the runs here, for: edge-sale bench table.")
@click.option("-a", "--agent", "agents", multiple=True, metavar="NAME", help="Only this agent; repeatable.")
@click.option("--orders", type=click.IntRange(1, 100), default=5, show_default=True, help="Task orders.")
@click.option(
    "--budget",
    type=click.FloatRange(0, 1),
    default=0.48,
    show_default=True,
    help="Largest agent's share that a dial may plan for.",
)
@click.option(
    "--jury",
    type=click.Choice(["recoverability", "likert", "none"]),
    default="recoverability",
    show_default=True,
    help="How this pool's models score plans.",
)
@click.option("--cache", type=FOLDER, help="Keep vectors and scores here; default: beside OUT.")
@click.option("-p", "--pool", metavar="NAME", help="Whose models judge; else the configured, or the starter.")
def replay(
    kind: str,
    data: Path,
    test_data: Path | None,
    out: Path,
    agents: tuple[str, ...],
    orders: int,
    budget: float,
    jury: str,
    cache: Path | None,
    pool: str | None,
) -> None:
    """Hold auctions over recorded outcomes.

    SET is mint (recorded agent traces), routellm (its MMLU and GSM8K outcome files) or
    runs (what bench run wrote). Contenders learn by cross-validation, or on --data alone
    where --test-data is given. Vectors and jury scores are made once and kept.

    \b
    edge-sale bench replay mint --data DIR --out mint.jsonl
    edge-sale bench replay mint --data DIR --test-data DIR2 --out held-out.jsonl
    """
    from dataclasses import replace

    from edge_sale.catalog.cards import DEFAULT_POOL
    from edge_sale.evaluation import replay_runs

    settings = load()
    settings = replace(settings, pool=pool or settings.pool or DEFAULT_POOL)
    folder = cache or out.with_name(out.stem + ".cache")
    with bar() as told:
        count = replay_runs.write(
            kind,
            data,
            test_data,
            out,
            agents=agents,
            orders=orders,
            budget=budget,
            method="" if jury == "none" else jury,
            cache=folder,
            settings=settings,
            told=told,
        )
    click.echo(f"{out}: {count} lines; next: edge-sale bench table {out}", err=True)


@bench.command()
@click.option(
    "--out",
    type=FILE,
    default=Path("bundled.jsonl"),
    show_default=True,
    help="Write runs here; a run that broke off goes on.",
)
@click.option("-n", "--tasks", type=click.IntRange(16), default=800, show_default=True, help="Tasks that are sold.")
@click.option("--train", type=click.IntRange(16), default=240, show_default=True, help="Tasks that teach the routers.")
@click.option("--orders", type=click.IntRange(1, 100), default=5, show_default=True, help="Task orders.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Other tasks, other draws.")
@click.option("--remote/--no-remote", default=None, help="A row with the senior behind a server on loopback.")
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), help="Where answers are tested.")
@click.option("--html", type=FILE, help="Also write one self-contained page.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def bundled(
    out: Path,
    tasks: int,
    train: int,
    orders: int,
    seed: int,
    remote: bool | None,
    sandbox: str | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """The paper's table in ten minutes, from nothing.

    The four models that come with edge-sale plan, judge and write Python for tasks of 1 to 8 steps
    whose words they were not trained on; routers and auctions sell them; every answer is tested.
    Nothing is pulled, and nothing leaves this machine.

    \b
    edge-sale bench bundled
    edge-sale bench bundled --tasks 200 --orders 2 --no-remote --out quick.jsonl
    """
    import time
    from dataclasses import replace

    from edge_sale.evaluation.bundled_eval import printed, remote_senior
    from edge_sale.evaluation.bundled_eval.run import Wanted, run

    settings = load()
    settings = replace(settings, sandbox=sandbox or settings.sandbox)
    if remote is None and (package := remote_senior.lacking()):
        click.echo(
            f"the row with the senior behind a server is left out: it needs {package}; "
            "pip install 'edge-sale[evaluation]'",
            err=True,
        )
        remote = False
    began = time.monotonic()
    with bar() as told:
        run(out, settings, Wanted(tasks, train, orders, seed, remote is not False), told)
    seconds = time.monotonic() - began
    printed.show(out, seconds, as_json=as_json, html=html)


@bench.command()
@click.argument("files", nargs=-1, required=True, type=FOLDER)
@click.option("--html", type=FILE, help="Also write one self-contained page.")
@click.option("--bins", is_flag=True, help="Also pass@1 and the largest agent's share in every bin.")
@click.option("--common", is_flag=True, help="Compare on the tasks that all contenders sold.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--markdown", is_flag=True, help="As Markdown, for a README.")
def table(files: tuple[Path, ...], html: Path | None, bins: bool, common: bool, as_json: bool, markdown: bool) -> None:
    """Print the paper's table of recorded runs.

    \b
    edge-sale bench table runs.jsonl
    edge-sale bench table runs.jsonl --html out.html
    """
    from edge_sale.evaluation import page, printed
    from edge_sale.evaluation import table as tables

    kept = page.Kept() if html else None
    runs = tables.read(files, kept)
    rows = tables.rows(runs, common)
    if as_json:
        click.echo(json.dumps(printed.document(runs, rows), indent=2))
    elif markdown:
        click.echo(printed.markdown(rows))
    else:
        _print(runs, rows, bins)
    if html and kept:
        page.write(html, runs, rows, kept)
        click.echo(f"{html}: written", err=True)


@bench.command()
@click.option("-w", "--weights", "names", multiple=True, metavar="NAME", help="Also these weights; repeatable.")
@click.option("-n", "--limit", type=click.IntRange(1), default=1000, show_default=True, help="So many of the newest.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def own(names: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Ask your own history what other weights would have done.

    Your recorded auctions are ranked again, with the cost side lighter or heavier, or under
    other weights. Nothing is run; what another winner would have cost is an estimate.

    \b
    edge-sale bench own
    edge-sale bench own --weights mine-2 --json
    """
    import dataclasses

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
        raise EdgeSaleError("no recorded task yet that was done; edge-sale run records them")
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


def _print(runs: Runs, rows: list[TableRow], bins: bool) -> None:
    from edge_sale.cli.views.tables import print_table
    from edge_sale.evaluation import printed

    head, body = printed.cells(rows)
    for columns in printed.PARTS:
        print_table([head[i] for i in columns], [[row[i] for i in columns] for row in body])
        click.echo()
    if bins:
        print_table(*printed.bins(rows))
        click.echo()
    for line in printed.notes(runs, rows):
        click.echo(line)


@contextmanager
def bar() -> Iterator[Callable[[str, int, int], None]]:
    """Hears (what, done, of how many); a bar with the time left on a terminal, a line a stage elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from edge_sale.cli.views.tables import stderr_console

    console = stderr_console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        known: dict[str, Any] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
                if done >= total or not console.is_terminal:  # what is done at once is a note, and stays
                    console.print(f"{what}: {total}", highlight=False, markup=False, soft_wrap=True)
            bars.update(known[what], completed=done, total=total)

        yield told
