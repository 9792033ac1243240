"""`python -m benchmarks NAME`: runs a bench and prints its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

import click

from edge_sale.errors import EdgeSaleError, UnknownName
from edge_sale.evaluation.report import Figure, as_json, as_line, as_table, machine

# name -> module with a function `measure(data, runs, tell) -> figures`
BENCHES = {
    "bundled": "training.measure",
    "docs": "benchmarks.work_docs",
    "engine": "benchmarks.engine",
    "fallback": "benchmarks.fallback",
    "first": "benchmarks.first",
    "memory": "benchmarks.recall",
    "mixed": "benchmarks.mixed_pool",
    "models": "benchmarks.models",
    "refinement": "benchmarks.refinement",
    "table": "benchmarks.scale",
    "work": "benchmarks.work",
}

Measure = Callable[..., Iterable[Figure]]


@click.command()
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of benchmark data, for benches that need it.")
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True, help="Runs to take medians over.")
@click.option("--limit", type=click.IntRange(min=1), help="work: only the first N tasks of each set.")
@click.option("--part", help="work: mbpp, quixbugs, loop, bipia (together code), or docs.")
@click.option("--out", type=click.Path(path_type=Path), help="work: keep results in this file, and continue from it.")
@click.option(
    "--json", "as_json_", is_flag=True, help="Print a JSON list with the keys what, value, unit, goal and met."
)
def bench(
    name: str, data: Path | None, runs: int, limit: int | None, part: str | None, out: Path | None, as_json_: bool
) -> None:
    """Run the bench NAME and print a table of its figures with their goals.

    \b
    ./scripts/bench first     the main job as a user meets it
    ./scripts/bench engine    the engine beside llama-cpp-python's Llama
    ./scripts/bench work --data ../shared/data --out work.jsonl     agents that do the work
    ./scripts/bench bundled   the bundled models in their four roles (--data: a folder of other weights)
    ./scripts/bench memory    recall from 100,000 and a million tasks beside numpy, faiss and hnswlib
    """
    if name not in BENCHES:
        raise UnknownName("bench", name, BENCHES)
    more = {"limit": limit, "part": part or "", "out": out} if name == "work" else {}
    if name != "work" and (limit or part or out):
        raise click.UsageError(f"--limit, --part and --out are for the bench work, not for {name}")
    measure: Measure = import_module(BENCHES[name]).measure
    figures: list[Figure] = []
    stopped = False
    try:
        for figure in measure(data, runs, lambda line: click.echo(line, err=True), **more):
            figures.append(figure)
            click.echo(as_line(figure), err=True)
    except KeyboardInterrupt:  # what was measured so far is printed
        stopped = True
        click.echo(f"stopped; {len(figures)} figures were taken", err=True)
    click.echo(as_json(figures) if as_json_ else f"{as_table(figures)}\n\n{machine()}")
    if stopped:
        raise SystemExit(130)


if __name__ == "__main__":
    try:
        bench()
    except EdgeSaleError as error:
        raise SystemExit(f"edge-sale: {error}") from error
