"""The progress of a bench, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yields a function of (what, done, total): a bar with the time left on a terminal, elsewhere a line a stage."""
    from edge_sale.cli.views.progress import counting_bars
    from edge_sale.cli.views.tables import stderr_console

    console = stderr_console()
    with counting_bars(console) as bars:
        known: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
                if done >= total or not console.is_terminal:  # what is already done is a note, and stays
                    console.print(f"{what}: {total}", highlight=False, markup=False, soft_wrap=True)
            bars.update(known[what], completed=done, total=total)

        yield progress
