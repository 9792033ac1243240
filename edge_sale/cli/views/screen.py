"""What a person, a pipe or a program sees of a run: listeners to its events.

The answer goes to stdout; the live table, notes and costs go to stderr.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import click

from edge_sale import events as ev
from edge_sale.auction.hold import reason
from edge_sale.auction.market import Sale
from edge_sale.errors import EdgeSaleError
from edge_sale.memory.history import Auction


class Screen(Protocol):
    """A listener that also hears how the run begins and ends."""

    def __call__(self, event: ev.Event) -> None: ...
    def loading(self, what: str) -> None: ...
    def end(self, sale: Sale) -> None: ...


@contextmanager
def listeners(*, as_json: bool, quiet: bool, verbose: bool, trace: Path | None) -> Iterator[Screen]:
    """The screen that the options ask for; whatever happens, the terminal is left as it was."""
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
    """Several screens as one."""

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
    """The answer and nothing else; what the user must know still goes to stderr."""

    def __call__(self, event: ev.Event) -> None:
        if isinstance(event, ev.Noted):
            click.echo(f"note: {event.text}", err=True)
        if isinstance(event, ev.Changed):
            click.echo(event.note, err=True)

    def loading(self, what: str) -> None:
        pass

    def end(self, sale: Sale) -> None:
        if sale.outcome and sale.award.task.repo:
            from edge_sale.cli.repository import printed

            printed(sale.outcome.answer)
        elif sale.outcome:
            click.echo(sale.outcome.answer, nl=not sale.outcome.answer.endswith("\n"))


class Json:
    """One JSON document on stdout at the end, and nothing before it."""

    def __init__(self) -> None:
        self._notes: list[str] = []
        self._changed: dict[str, Any] = {}

    def __call__(self, event: ev.Event) -> None:
        if isinstance(event, ev.Noted):
            self._notes.append(event.text)
        if isinstance(event, ev.Changed):
            self._notes.append(event.note)
            self._changed = {"files": list(event.files), "applied": event.applied or None}

    def loading(self, what: str) -> None:
        pass

    def end(self, sale: Sale) -> None:
        document = {**as_document(sale), **self._changed, "notes": self._notes}
        click.echo(json.dumps(document, indent=2))


class Verbose:
    """Every event but pieces of text, a line each, on stderr."""

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
    """Every event as a line of JSON, written through as it happens.

    `t` is seconds since the first event, `at` the time of day in seconds since the epoch.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._began = 0.0

    def __call__(self, event: ev.Event) -> None:
        if not self._began:
            self._began = time.monotonic()
        line = {"t": round(time.monotonic() - self._began, 4), "at": round(time.time(), 4), **ev.to_json(event)}
        self._file.write(json.dumps(line) + "\n")  # in ASCII: a file's name need not be text
        self._file.flush()

    def loading(self, what: str) -> None:
        pass

    def end(self, sale: Sale) -> None:
        pass


def explain(auction: Auction) -> None:
    """Prints a recorded auction bid by bid."""
    from edge_sale.auction.ledger import Ledger
    from edge_sale.cli.views.tables import award_view, cost_line, stdout_console

    console = stdout_console()
    ledger = Ledger(list(auction.entries))
    console.print(f"{auction.id}  {auction.at:%Y-%m-%d %H:%M}", style="dim", highlight=False)
    console.print(award_view(auction.award, auction.outcome, reason(auction.award), auction.run))
    console.print()
    line = cost_line(ledger.auction, ledger.work if auction.outcome else None)
    console.print(line, style="dim", highlight=False)


def as_document(sale: Sale) -> dict[str, Any]:
    """A sale as plain JSON values: what `--json` prints."""
    award, outcome, ledger = sale.award, sale.outcome, sale.ledger
    plain = ev.to_json(ev.Won(award, reason(award)))["award"]
    return {
        "id": award.task.id,
        "task": plain["task"],
        "winner": award.winner.bid.agent,
        "reason": reason(award),
        "answer": outcome.answer if outcome else None,
        "status": outcome.status if outcome else None,
        "verified": outcome.verified if outcome else None,
        "done_by": outcome.agent if outcome else None,  # the winner, or the fallback where local bids lost
        "citations": [ev.plain(citation) for citation in outcome.citations] if outcome else [],
        "notes": list(outcome.notes) if outcome else [],  # of the answer; a run may have more
        "recorded": sale.recorded,
        "bids": [
            {**bid, "won": scored == award.winner} for bid, scored in zip(plain["ranked"], award.ranked, strict=True)
        ],
        "sat_out": plain["sat_out"],
        "lessons": plain["lessons"],
        "fallback": sale.run.get("fallback"),
        "cost": {"auction": _sum(ledger.auction), "work": _sum(ledger.work)},
        "run": dict(sale.run),
    }


def _sum(total: Any) -> dict[str, float]:
    return {
        "tokens_in": total.tokens_in,
        "tokens_out": total.tokens_out,
        "seconds": round(total.seconds, 4),
        "dollars": total.dollars,
    }


def _writable(file: Path) -> IO[str]:
    try:
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise EdgeSaleError(f"{file}: cannot write the trace there: {error.strerror}") from error
