"""Screens: listeners that show a run to a person, a pipe or a program.

The answer goes to stdout. The live table, notes and costs go to stderr.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import click

from edge_sale import events as ev
from edge_sale.auction.hold import reason
from edge_sale.auction.market import Sale
from edge_sale.cli.views.patch import print_patch
from edge_sale.errors import EdgeSaleError
from edge_sale.memory.history import Auction
from edge_sale.result import result_of


class Screen(Protocol):
    """A listener to events that is also called before the first event and after the last one."""

    def __call__(self, event: ev.Event) -> None: ...
    def loading(self, what: str) -> None: ...
    def end(self, sale: Sale) -> None: ...


@contextmanager
def listeners(*, as_json: bool, quiet: bool, verbose: bool, trace: Path | None) -> Iterator[Screen]:
    """The screen for these options. The terminal is restored at the end, also after an error."""
    with ExitStack() as stack:
        screens: list[Screen] = []
        if trace is not None:
            screens.append(TraceFile(stack.enter_context(_writable(trace))))
        if verbose:
            screens.append(Verbose())
        if as_json:
            screens.append(Json())
        elif quiet:
            screens.append(Quiet())
        else:
            from edge_sale.cli.views.live import Live

            live = Live(table=not verbose)
            stack.callback(live.stop)
            screens.append(live)
        yield All(screens)


@dataclass(slots=True)
class All:
    """Passes everything on to several screens."""

    screens: list[Screen]

    def __call__(self, event: ev.Event) -> None:
        for screen in self.screens:
            screen(event)

    def loading(self, what: str) -> None:
        for screen in self.screens:
            screen.loading(what)

    def end(self, sale: Sale) -> None:
        for screen in self.screens:
            screen.end(sale)


class Quiet:
    """Prints the answer on stdout, and notes on stderr."""

    def __call__(self, event: ev.Event) -> None:
        if isinstance(event, ev.Noted):
            click.echo(f"note: {event.text}", err=True)
        if isinstance(event, ev.Changed):
            click.echo(event.note, err=True)

    def loading(self, what: str) -> None:
        pass

    def end(self, sale: Sale) -> None:
        if sale.outcome and sale.award.task.repo:
            print_patch(sale.outcome.answer)
        elif sale.outcome:
            click.echo(sale.outcome.answer, nl=not sale.outcome.answer.endswith("\n"))


class Json:
    """Prints one JSON document on stdout at the end: a `Result`."""

    def __init__(self) -> None:
        self._notes: list[str] = []
        self._changed: ev.Changed | None = None

    def __call__(self, event: ev.Event) -> None:
        if isinstance(event, ev.Noted):
            self._notes.append(event.text)
        if isinstance(event, ev.Changed):
            self._notes.append(event.note)
            self._changed = event

    def loading(self, what: str) -> None:
        pass

    def end(self, sale: Sale) -> None:
        click.echo(json.dumps(result_of(sale, self._notes, self._changed).to_json(), indent=2))


class Verbose:
    """Prints every event on stderr, one per line, except pieces of the answer."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, event: ev.Event) -> None:
        if not isinstance(event, ev.Wrote):
            values = ev.to_json(event)
            line = json.dumps({k: v for k, v in values.items() if k != "event"}, ensure_ascii=False)
            click.echo(f"{time.monotonic() - self._began:7.2f} s  {values['event']:<9} {line}", err=True)

    def loading(self, what: str) -> None:
        click.echo(f"   0.00 s  loading   {what}", err=True)

    def end(self, sale: Sale) -> None:
        pass


class TraceFile:
    """Writes every event as a line of JSON when it happens.

    `t` is seconds since the first event; `at` is seconds since the epoch.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._began = 0.0

    def __call__(self, event: ev.Event) -> None:
        if not self._began:
            self._began = time.monotonic()
        line = {"t": round(time.monotonic() - self._began, 4), "at": round(time.time(), 4), **ev.to_json(event)}
        self._file.write(json.dumps(line) + "\n")  # in ASCII: names of files need not be valid text
        self._file.flush()

    def loading(self, what: str) -> None:
        pass

    def end(self, sale: Sale) -> None:
        pass


def explain(auction: Auction) -> None:
    """Print a recorded auction bid by bid."""
    from edge_sale.auction.ledger import Ledger
    from edge_sale.cli.views.tables import award_view, cost_line, stdout_console

    console = stdout_console()
    ledger = Ledger(list(auction.entries))
    console.print(f"{auction.id}  {auction.at:%Y-%m-%d %H:%M}", style="dim", highlight=False)
    console.print(award_view(auction.award, auction.outcome, reason(auction.award), auction.run))
    console.print()
    line = cost_line(ledger.auction, ledger.work if auction.outcome else None)
    console.print(line, style="dim", highlight=False)


def _writable(file: Path) -> IO[str]:
    try:
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise EdgeSaleError(f"{file}: cannot write the trace: {error.strerror}; choose another file") from error
