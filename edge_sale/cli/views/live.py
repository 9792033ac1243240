"""What a person at a terminal sees: a table that fills, then the answer as it is written, then the costs."""

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
    """A table that fills as bids and scores come in, then the answer as it is written."""

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
                # where the fallback may have the last word, a pipe gets the answer when it is certain
                self.hold = "fallback_of" in run and not self._terminal and not task.repo
            case ev.Began(stage, who):
                self._start(f"{STAGES.get(stage, stage)}: {', '.join(who)}")
            case ev.Placed(bid):
                self.rows.append(bid)
            case ev.SatOut(agent, reason, purpose):
                self.sat_out[agent + SAT_OUT.get(purpose, "")] = reason
            case ev.Judged(scored):
                mine = (scored.bid.agent, scored.bid.phase)
                places = [i for i, row in enumerate(self.rows) if _key(row) == mine]
                self.rows[places[0]] = scored
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
                    used = ", ".join(award.lessons) or "nobody, for none of them is cheaper than the leader"
                    self._say(f"lessons from memory: {found}; refined by {used}", style="dim")
                self._say(reason, style="bold")
            case ev.Refused():
                self.stop()
                if self.table:
                    self.rows.clear()
                    self._console.print(self._table())
            case ev.Weighed():
                self.stop()
                self._say(event.reason, style="bold" if event.lost else "dim")
            case ev.Searched(_, places):
                self.stop()
                self._say(f"reads {', '.join(places) or 'nothing: no passage speaks of this'}", style="dim")
            case ev.Asked():
                self.stop()  # the question needs the terminal
            case ev.Wrote() if self.hold:
                pass
            case ev.Wrote(agent, text):
                self.stop()  # the spinner, before the answer's first words
                if self.author not in ("", agent):
                    self._say(f"\nonce more, by {agent}:", style="bold")
                self.wrote, self.author = True, agent
                sys.stdout.write(printable(text) if self._terminal else text)
                sys.stdout.flush()
            case ev.Stepped(agent, number, thought, call, seen, useful):
                self.stop()
                self._say(f"{number:>3}  {thought}  {call}", style="" if useful else "dim")
                if said := " ".join(seen.split()):
                    self._say(f"     {shortened(plain(said).plain, 100)}", style="dim")
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
            self._say(f"note: {note}", style="yellow")
        line = cost_line(sale.ledger.auction, sale.ledger.work if sale.outcome else None)
        self._say(line, style="dim")

    def stop(self) -> None:
        """Ends the live table, so that the terminal is plain again."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _view(self) -> Any:
        return self._spinner if self.winner else Group(self._table(), self._spinner)

    def _start(self, status: str) -> None:
        """On a terminal: the table as it fills and what is going on, until `stop`."""
        if not self.table or not self._console.is_terminal:
            return
        if self._live is not None:
            self._spinner.update(text=plain(status))
        else:
            self._spinner = Spinner("dots", plain(status))
            # what is printed meanwhile must not pass through the live display: stdout may be a pipe
            self._live = RichLive(
                get_renderable=self._view,
                console=self._console,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _say(self, text: str, style: str) -> None:
        """A line, as it is: agents' names and errors are not markup, and a terminal wraps it itself."""
        self._console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    def _table(self) -> Any:
        return AuctionTable(self.rows, winner=self.winner, leader=self.leader, sat_out=self.sat_out)


def _key(row: Any) -> tuple[str, str]:
    bid = row.bid if isinstance(row, Scored) else row
    return (bid.agent, bid.phase)
