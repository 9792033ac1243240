"""Show the progress of long work on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

Progress = Callable[[str, int, int], None]


@contextmanager
def bars(everything: int = 0) -> Iterator[Callable[[str], Progress]]:
    """Progress of work on model files, in bytes. For a name, yields a function that shows (stage, done, total).

    That function may be called from several threads. With `everything`, the bytes of all downloads together, one more
    bar shows how much of that is here and how long the rest will take.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as display:
        overall = display.add_task("all models", total=everything) if everything else None
        fetched: dict[tuple[str, str], int] = {}

        def progress_of(name: str) -> Progress:
            tasks: dict[str, TaskID] = {}

            def update(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = display.add_task(f"{name}: {stage}", total=total or None)
                    if not console.is_terminal:
                        console.print(f"{name}: {stage} ({total / 1e6:.1f} MB)" if total else f"{name}: {stage}")
                display.update(tasks[stage], completed=done, total=total or None, visible=done < total or not total)
                if overall is not None and stage.startswith("downloading"):
                    fetched[name, stage] = done
                    display.update(overall, completed=min(everything, sum(fetched.values())))

            return update

        yield progress_of


def counting_bars(console: Console, *, show: bool = True) -> Bars:
    """Bars for work that is counted in pieces, with the time that is left. Without a terminal nothing is shown."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (show and console.is_terminal),
    )


@contextmanager
def counted(name: str, *, show: bool = True) -> Iterator[Progress]:
    """Progress of work that is counted in pieces: one bar for each stage. Without a terminal nothing is shown."""
    from rich.console import Console
    from rich.markup import escape

    with counting_bars(Console(stderr=True), show=show) as display:
        tasks: dict[str, TaskID] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = display.add_task(escape(f"{name}: {stage}"), total=total or None)
            display.update(tasks[stage], completed=done, total=total or None)

        yield update
