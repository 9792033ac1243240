"""`python -m edge_sale.bench NAME`: runs a bench and prints its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

import click

from edge_sale.bench.report import Figure, as_json, as_line, as_table, machine
from edge_sale.errors import EdgeSaleError, UnknownName

# name -> module of edge_sale.bench with a function `measure(data, runs, tell) -> figures`
BENCHES = {
    "bundled": "family.measure", "engine": "engine", "first": "first", "home": "home", "models": "models",
    "reserve": "reserve", "table": "scale",
}  # fmt: skip

Measure = Callable[[Path | None, int, Callable[[str], None]], Iterable[Figure]]


@click.command()
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of benchmark data, where one is needed.")
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True, help="Runs to take medians of.")
@click.option("--json", "as_json_", is_flag=True, help="A JSON list of what, value, unit, goal and met.")
def bench(name: str, data: Path | None, runs: int, as_json_: bool) -> None:
    """Run the bench NAME and print a table of its figures with their goals.

    \b
    ./scripts/bench first     the main job as a user meets it
    ./scripts/bench engine    the engine beside llama-cpp-python's Llama
    ./scripts/bench bundled   the bundled models in their four roles (--data: a folder of other weights)
    """
    if name not in BENCHES:
        raise UnknownName("bench", name, BENCHES)
    measure: Measure = import_module(f"edge_sale.bench.{BENCHES[name]}").measure
    figures: list[Figure] = []
    stopped = False
    try:
        for figure in measure(data, runs, lambda line: click.echo(line, err=True)):
            figures.append(figure)
            click.echo(as_line(figure), err=True)
    except KeyboardInterrupt:  # what was measured stands
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
