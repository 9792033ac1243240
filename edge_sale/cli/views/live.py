"""The default screen: a table that fills with bids, then the answer as it is written, then the costs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.live import Live as RichLive
from rich.spinner import Spinner

from edge_sale import events as ev
from edge_sale.auction.market import Sale
from edge_sale.cli.views.tables import AuctionTable, cost_line, plain, printable, shortened, stderr_console
from edge_sale.types import Scored

STAGES = {
    "bid": "writing plans",
    "judge": "judging plans",
    "refine": "refining plans from memory",
    "work": "working",
    "escalate": "asking the fallback",
}
SAT_OUT = {"bid": "", "judge": " as juror", "refine": " while refining"}


@dataclass
class Live:
    """Shows events as they happen. The table and everything else but the answer go to stderr.

    `table`: show the table. `hold`: print the answer only at the end, since the fallback may replace it.
    """

    table: bool = True
    rows: list[Any] = field(default_factory=list)
    sat_out: dict[str, str] = field(default_factory=dict)
    leader: Scored | None = None
    winner: Scored | None = None
    notes: list[str] = field(default_factory=list)
    recalled: dict[str, int] = field(default_factory=dict)
    wrote: bool = False
    author: str = ""
    hold: bool = False

    def __post_init__(self) -> None:
        self._console = stderr_console()
        self._terminal = sys.stdout.isatty()
        self._live: Any = None
        self._spinner: Any = None

    def loading(self, what: str) -> None:
        self._start(f"loading {what}")

    def __call__(self, event: ev.Event) -> None:
        match event:
            case ev.Opened(task, _, run):
                # if the fallback may replace the answer, a pipe gets only the final one
                self.hold = "fallback_of" in run and not self._terminal and not task.repo
            case ev.Began(stage, who):
                self._start(f"{STAGES.get(stage, stage)}: {', '.join(who)}")
            case ev.Placed(bid):
                self.rows.append(bid)
            case ev.SatOut(agent, reason, purpose):
                self.sat_out[agent + SAT_OUT.get(purpose, "")] = reason
            case ev.Judged(scored):
                key = (scored.bid.agent, scored.bid.phase)
                self.rows[[_key(row) for row in self.rows].index(key)] = scored
            case ev.Led(scored):
                self.leader = scored
            case ev.Recalled(agent, lessons) if lessons:
                self.recalled[agent] = n = len(lessons)
                self._start(f"{agent} recalls {n} lesson{'s' * (n != 1)}")
            case ev.Won(award, reason):
                self.rows, self.winner = list(award.ranked), award.winner
                self.stop()
                if self.table:
                    self._console.print(self._table())
                if self.recalled:
                    found = ", ".join(f"{agent} {n}" for agent, n in self.recalled.items())
                    refined = ", ".join(award.lessons)
                    used = f"refined by {refined}" if refined else "not used: no such agent is cheaper than the leader"
                    self._print(f"lessons from memory: {found}; {used}", style="dim")
                self._print(reason, style="bold")
            case ev.Refused():
                self.stop()
                if self.table:
                    self.rows.clear()
                    self._console.print(self._table())
            case ev.Weighed():
                self.stop()
                self._print(event.reason, style="bold" if event.lost else "dim")
            case ev.Searched(_, places):
                self.stop()
                self._print(f"reading {', '.join(places) or 'nothing: no passage matches the question'}", style="dim")
            case ev.Asked():
                self.stop()  # the question needs the terminal to itself
            case ev.Wrote() if self.hold:
                pass
            case ev.Wrote(agent, text):
                self.stop()  # ends the spinner before the answer begins
                if self.author not in ("", agent):
                    self._print(f"\nanswer by {agent}:", style="bold")
                self.wrote, self.author = True, agent
                sys.stdout.write(printable(text) if self._terminal else text)
                sys.stdout.flush()
            case ev.Stepped(agent, number, thought, call, seen, useful):
                self.stop()
                self._print(f"{number:>3}  {thought}  {call}", style="" if useful else "dim")
                if result := " ".join(seen.split()):
                    self._print(f"     {shortened(plain(result).plain, 100)}", style="dim")
            case ev.Changed(_, _, note):
                self.notes.append(note)
            case ev.Noted(text):
                self.notes.append(text)
            case ev.Finished(outcome):
                self.stop()
                if self.hold:
                    sys.stdout.write(outcome.answer)
                if self.wrote or self.hold:
                    sys.stdout.write("\n")
                    sys.stdout.flush()
            case _:
                pass

    def end(self, sale: Sale) -> None:
        self.stop()
        for note in self.notes:
            self._print(f"note: {note}", style="yellow")
        line = cost_line(sale.ledger.auction, sale.ledger.work if sale.outcome else None)
        self._print(line, style="dim")

    def stop(self) -> None:
        """Remove the live table from the terminal."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _view(self) -> Any:
        return self._spinner if self.winner else Group(self._table(), self._spinner)

    def _start(self, status: str) -> None:
        """On a terminal, show the table and this status until `stop`."""
        if not self.table or not self._console.is_terminal:
            return
        if self._live is not None:
            self._spinner.update(text=plain(status))
        else:
            self._spinner = Spinner("dots", plain(status))
            # stdout may be a pipe, so what is printed must not pass through the live display
            self._live = RichLive(
                get_renderable=self._view,
                console=self._console,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _print(self, text: str, style: str) -> None:
        """Print a line as it is: names of agents and errors are not markup, and the terminal wraps the line."""
        self._console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    def _table(self) -> Any:
        return AuctionTable(self.rows, winner=self.winner, leader=self.leader, sat_out=self.sat_out)


def _key(row: Any) -> tuple[str, str]:
    bid = row.bid if isinstance(row, Scored) else row
    return (bid.agent, bid.phase)
