"""Auctions as tables for a terminal: live ones, recorded ones, traced ones, all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge_sale.ledger import Sum
from edge_sale.types import Award, Bid, Lesson, Outcome, Scored

Row = Bid | Scored


def auction_table(
    rows: Sequence[Row],
    *,
    winner: Scored | None = None,
    leader: Scored | None = None,
    sat_out: Mapping[str, str] | None = None,
) -> Table:
    """Every bid with its price, plan tokens, entropy, scores by juror, C, V and C - V."""
    bids = [row.bid if isinstance(row, Scored) else row for row in rows]
    jurors = list(dict.fromkeys(juror for bid in bids for juror in bid.scores))
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("agent", no_wrap=True)
    for name in ("$/Mt", "tokens", "entropy"):
        table.add_column(name, justify="right", no_wrap=True)
    for juror in jurors:
        table.add_column(f"by {juror}", justify="right", no_wrap=True)
    for name in ("C", "V", "C−V"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for row, bid in zip(rows, bids, strict=True):
        scored = row if isinstance(row, Scored) else None
        won = winner is not None and scored == winner
        led = leader is not None and scored == leader and winner is None
        table.add_row(
            bid.agent + (" (refined)" if bid.phase == "refined" else ""),
            f"{bid.price:.2f}",
            str(bid.strategy.tokens),
            f"{bid.strategy.entropy:.2f}",
            *(f"{bid.scores[juror]:.1f}" if juror in bid.scores else "–" for juror in jurors),
            *((f"{scored.cost:.3f}", f"{scored.value:.3f}", f"{scored.asking:.3f}") if scored else ("", "", "")),
            "winner" if won else "leads" if led else "",
            style="bold green" if won else None,
        )
    for agent, reason in (sat_out or {}).items():
        table.add_row(agent, "", "", "", *([""] * len(jurors)), "", "", "", f"sat out: {reason}", style="dim")
    return table


def award_view(
    award: Award, outcome: Outcome | None, reason: str, run: Mapping[str, object]
) -> RenderableType:
    """One auction explained bid by bid: the table, every plan, the lessons used, the outcome."""
    parts: list[RenderableType] = [
        Text(award.task.text, style="bold"),
        Text("  ".join(f"{key} {value}" for key, value in run.items() if isinstance(value, str | int)), style="dim"),
        Text(),
        auction_table(award.ranked, winner=award.winner, sat_out=award.sat_out),
        Text(),
        Text(f"Why: {reason}."),
    ]
    for scored in award.ranked:
        bid = scored.bid
        mark = " – winner" if scored == award.winner else ""
        parts += [Text(), Text(f"{bid.agent}, {bid.phase} bid{mark}", style="bold"), Text(bid.strategy.text)]
    for agent, lessons in award.lessons.items():
        if lessons:
            parts += [Text(), Text(f"Lessons {agent} had", style="bold"), *map(lesson_line, lessons)]
    if outcome:
        parts += [Text(), Text(f"Outcome: {outcome.status}", style="bold"), Text(outcome.answer)]
        parts += [Text(f"note: {note}", style="yellow") for note in outcome.notes]
    return Group(*parts)


def lesson_line(lesson: Lesson) -> Text:
    """A lesson in one line."""
    task = " ".join(lesson.task.split())
    short = task if len(task) <= 60 else task[:59] + "…"
    return Text(f"  {lesson.similarity:.2f}  {short}  ({lesson.winner} over {lesson.loser}, {lesson.auction})")


def cost_line(auction: Sum, work: Sum | None) -> str:
    """What was spent, in a line; the work is left out where there was none."""
    line = f"auction {auction.tokens} tokens, {auction.seconds:.1f} s"
    if work is None:
        return f"{line}, ${auction.dollars:.6f}"
    share = auction.tokens / ((auction.tokens + work.tokens) or 1)
    return (
        f"{line} · work {work.tokens} tokens, {work.seconds:.1f} s · "
        f"${auction.dollars + work.dollars:.6f} · auction {share:.0%} of tokens"
    )
