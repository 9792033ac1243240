"""Progress bars on stderr for work on model files, and plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]


@contextmanager
def bars() -> Iterator[Callable[[str], Progress]]:
    """Gives, for a name, what hears (stage, done, total) and shows it; safe to call from several threads."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TaskID,
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
    ) as shown:

        def of(name: str) -> Progress:
            bar: dict[str, TaskID] = {}

            def hear(stage: str, done: int, total: int) -> None:
                if stage not in bar:
                    bar[stage] = shown.add_task(f"{name}: {stage}", total=total or None)
                    if not console.is_terminal:
                        console.print(f"{name}: {stage} ({total / 1e6:.1f} MB)" if total else f"{name}: {stage}")
                shown.update(bar[stage], completed=done, total=total or None, visible=done < total or not total)

            return hear

        yield of


@contextmanager
def counted(name: str, *, show: bool = True) -> Iterator[Progress]:
    """A bar a stage for work that is counted in pieces, with the time that is left; nothing without a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (show and console.is_terminal),
    ) as shown:
        bar: dict[str, TaskID] = {}

        def hear(stage: str, done: int, total: int) -> None:
            if stage not in bar:
                bar[stage] = shown.add_task(escape(f"{name}: {stage}"), total=total or None)
            shown.update(bar[stage], completed=done, total=total or None)

        yield hear
