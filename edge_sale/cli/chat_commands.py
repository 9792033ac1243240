"""What can be typed in a chat besides a task: `/undo`, `/why` and the rest. A plain table; a new one is one entry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_sale.cli.chat_session import Talk
from edge_sale.errors import EdgeSaleError

if TYPE_CHECKING:
    from edge_sale.workspace.undo_log import UndoLog


def undo(talk: Talk, rest: str) -> None:
    log, root = _applied_changes(talk, "undo")
    entry = log.undo(rest, root)
    talk.say(f"undone: {', '.join(change.path for change in entry.changes)} (edge-sale undo --redo applies it again)")


def redo(talk: Talk, rest: str) -> None:
    log, root = _applied_changes(talk, "redo")
    entry = log.redo(rest, root)
    talk.say(f"applied again: {', '.join(change.path for change in entry.changes)}")


def _applied_changes(talk: Talk, command: str) -> tuple[UndoLog, Path]:
    """The log of applied changes, and the folder of this chat. Raises EdgeSaleError where it has none."""
    from edge_sale.workspace.undo_log import UndoLog

    if talk.market.workspace is None:
        raise EdgeSaleError(f"this session changes no files; /{command} is for edge-sale chat --repo DIR")
    return UndoLog(talk.market.plan.settings.undo_dir), talk.market.workspace.root


def why(talk: Talk, rest: str) -> None:
    from edge_sale.auction.hold import reason
    from edge_sale.cli.views.tables import award_view, stderr_console

    if talk.last is None:
        raise EdgeSaleError("nothing was sold in this session yet; earlier ones: edge-sale history")
    sale = talk.last
    stderr_console().print(award_view(sale.award, sale.outcome, reason(sale.award), sale.run))


def agents(talk: Talk, rest: str) -> None:
    from edge_sale.catalog.cards import load
    from edge_sale.catalog.pools import pool_agents

    settings = talk.market.plan.settings
    pool = pool_agents(load(settings.cards_dir), settings)
    for agent in pool.agents:
        mark = "*" if not talk.pinned or agent.name in talk.pinned else " "
        talk.say(f"{mark} {agent.name:<12} {agent.price:>6g} $/Mt  {agent.about}")
    talk.say("/agent NAME pins one, /agent alone invites all again")


def agent(talk: Talk, rest: str) -> None:
    pinned = tuple(rest.split())
    talk.market = talk.market.invite(pinned)
    talk.pinned = pinned
    talk.say(f"from now on: {', '.join(talk.pinned) or 'an auction of all'}")


def cost(talk: Talk, rest: str) -> None:
    from edge_sale.auction.ledger import Ledger
    from edge_sale.cli.views.tables import cost_line

    ledger = Ledger([entry for one in talk.spent for entry in one.entries])
    talk.say(f"{len(talk.spent)} turns: {cost_line(ledger.auction, ledger.work)}")


def help_(talk: Talk, rest: str) -> None:
    for name, about in HELP.items():
        talk.say(f"/{name:<14} {about}")


COMMANDS: dict[str, Callable[[Talk, str], None]] = {
    "undo": undo,
    "redo": redo,
    "why": why,
    "agents": agents,
    "agent": agent,
    "cost": cost,
    "help": help_,
}
HELP = {
    "undo": "undo the last change to files",
    "redo": "apply it again",
    "why": "show why the last winner won",
    "agents": "list who may bid",
    "agent [NAME]": "pin an agent, or invite all again",
    "cost": "show what this session cost",
    "quit": "end the session; edge-sale chat -c continues it",
}
