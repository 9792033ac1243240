"""Tables for a terminal. Live, recorded and traced auctions all use the same one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from edge_sale.auction.ledger import Sum
from edge_sale.environment import colour_wanted
from edge_sale.types import Award, Bid, Lesson, Outcome, Scored

BidOrScored = Bid | Scored


@dataclass(frozen=True, slots=True)
class AuctionTable:
    """Every bid with its price, plan tokens, entropy, scores by juror, C, V and C - V.

    If the console is too narrow for one column per juror, all scores share one column.
    """

    rows: Sequence[BidOrScored]
    winner: Scored | None = None
    leader: Scored | None = None
    sat_out: Mapping[str, str] = field(default_factory=dict)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bids = [row.bid if isinstance(row, Scored) else row for row in self.rows]
        jurors = list(dict.fromkeys(juror for bid in bids for juror in bid.scores))
        wide = self._table(bids, jurors, [f"by {juror}" for juror in jurors], gap=2)
        if not bids:
            pass  # no head over nothing, where every agent sat out
        elif wide.__rich_measure__(console, options).maximum <= options.max_width:
            yield wide
        else:
            yield self._table(bids, jurors, ["scores"] if jurors else [], gap=1)
            if jurors:
                yield Text(f"scores by {', '.join(jurors)}", style="dim")
        if any(isinstance(row, Scored) and len(row.bid.scores) < len(jurors) for row in self.rows):
            yield Text("–: not asked, because it could not change the winner", style="dim")
        for agent, reason in self.sat_out.items():
            yield plain(f"{agent} sat out: {reason}", style="dim")

    def _table(self, bids: Sequence[Bid], jurors: Sequence[str], heads: Sequence[str], gap: int) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, gap, 0, 0))
        table.add_column("agent", overflow="fold")
        for name in ("$/Mt", "tokens", "entropy", *heads, "C", "V", "C−V"):
            table.add_column(name, justify="right", overflow="fold")
        table.add_column("", overflow="fold")
        for row, bid in zip(self.rows, bids, strict=True):
            scored = row if isinstance(row, Scored) else None
            won = self.winner is not None and scored == self.winner
            led = self.leader is not None and scored == self.leader and self.winner is None
            scores = [f"{bid.scores[juror]:.1f}" if juror in bid.scores else "–" for juror in jurors]
            value, asking = (f"{scored.value:.3f}", f"{scored.asking:.3f}") if scored else ("", "")
            if scored and len(bid.scores) < len(jurors):  # the missing scores could still change V: these are bounds
                value, asking = (f"~{value}", f"~{asking}") if scored.risk else (f"≥{value}", f"≤{asking}")
            cells = [
                bid.agent + (" (refined)" if bid.phase == "refined" else ""),
                price_of(bid.price),
                str(bid.strategy.tokens),
                f"{bid.strategy.entropy:.2f}",
                *(scores if len(heads) == len(jurors) else [" ".join(scores)]),
                f"{scored.cost:.3f}" if scored else "",
                value,
                asking,
                "winner" if won else "leads" if led else "",
            ]
            table.add_row(*map(plain, cells), style="bold green" if won else None)
        return table


# control characters, which a terminal executes, except newlines and tabs
_CONTROLS = {n: "\N{REPLACEMENT CHARACTER}" for n in (*range(32), *range(127, 160)) if chr(n) not in "\n\t"}


def printable(text: str) -> str:
    """`text` with control characters replaced. Tasks, plans and answers are untrusted."""
    return text.translate(_CONTROLS)


def plain(text: str, style: str = "") -> Text:
    """`text` as rich text to be shown as it is: markup and control characters have no effect."""
    return Text(printable(text), style=style)


def price_of(price: float) -> str:
    """A price in US dollars per million tokens, with two decimals, or more if it has more."""
    return f"{price:.2f}" if round(price, 2) == price else f"{price:g}"


def award_view(award: Award, outcome: Outcome | None, reason: str, run: Mapping[str, object]) -> RenderableType:
    """One auction explained bid by bid: the table, every plan, the lessons used, the outcome."""
    parts: list[RenderableType] = [
        plain(award.task.text, style="bold"),
        plain("  ".join(f"{key} {value}" for key, value in run.items() if isinstance(value, str | int)), "dim"),
        Text(),
        AuctionTable(award.ranked, winner=award.winner, sat_out=award.sat_out),
        Text(),
        plain(f"Why: {reason}."),
    ]
    for scored in award.ranked:
        bid = scored.bid
        mark = " – winner" if scored == award.winner else ""
        parts += [Text(), plain(f"{bid.agent}, {bid.phase} bid{mark}", style="bold"), plain(bid.strategy.text)]
    for agent, lessons in award.lessons.items():
        if lessons:
            parts += [Text(), Text(f"Lessons {agent} had", style="bold"), *map(lesson_line, lessons)]
    if outcome:
        parts += [Text(), Text(f"Outcome: {outcome.status}", style="bold"), plain(outcome.answer)]
        parts += [plain(f"note: {note}", style="yellow") for note in outcome.notes]
    return Group(*parts)


def lesson_line(lesson: Lesson) -> Text:
    """A lesson on one line."""
    task = shortened(lesson.task, 60)
    return plain(f"  {lesson.similarity:.2f}  {task}  ({lesson.winner} over {lesson.loser}, {lesson.auction})")


def shortened(text: str, length: int) -> str:
    """`text` on one line of at most `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def cost_line(auction: Sum, work: Sum | None) -> str:
    """Tokens, seconds and dollars on one line. `work` is None if there was no work."""
    if work is None:
        return f"auction {auction.tokens} tokens, {auction.seconds:.1f} s · ${auction.dollars:.6f}"
    share = auction.tokens / ((auction.tokens + work.tokens) or 1)
    return (
        f"auction {auction.tokens} tokens ({share:.0%}), {auction.seconds:.1f} s · "
        f"work {work.tokens} tokens, {work.seconds:.1f} s · ${auction.dollars + work.dollars:.6f}"
    )


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(plain(str(cell)) for cell in row))
    stdout_console().print(table)


def stdout_console() -> Console:
    """A console on stdout. Without a terminal it is wide enough for tables."""
    return Console(width=console_width(), no_color=not colour_wanted())


def stderr_console() -> Console:
    """A console on stderr. Without a terminal it is wide enough for tables."""
    return Console(stderr=True, width=console_width(sys.stderr), no_color=not colour_wanted())


def console_width(stream: TextIO | None = None) -> int | None:
    """None on a terminal, which rich measures; 140 columns for a file or pipe."""
    return None if (stream or sys.stdout).isatty() else 140
