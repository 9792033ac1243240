"""A chat at work: the market, the session on disk, and what the turns cost."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from edge_sale.cli.repository import conclude

if TYPE_CHECKING:
    from edge_sale.api import OpenMarket
    from edge_sale.auction.ledger import Ledger
    from edge_sale.auction.market import Sale
    from edge_sale.events import Changed
    from edge_sale.sessions import Session


@dataclass(slots=True)
class Talk:
    """A session at work. Its market is another one after other agents are pinned."""

    market: OpenMarket
    session: Session
    pinned: tuple[str, ...]
    yes: bool
    dry_run: bool
    as_json: bool
    quiet: bool
    last: Sale | None = None
    spent: list[Ledger] = field(default_factory=list)

    def say(self, text: str) -> None:
        click.echo(text, err=True)

    def greet(self, resumed: bool) -> None:
        if self.as_json or self.quiet or not sys.stdin.isatty():
            return
        workspace = self.market.workspace
        turns = f"going on after {len(self.session.turns)} turns" if resumed else "a new session"
        where = f" in {workspace.root}" if workspace else ""
        self.say(f"{turns}{where}; /help for what can be typed, ^D to end")

    def sell(self, text: str) -> None:
        """One turn as a task of its own."""
        from edge_sale.cli.views.screen import listeners
        from edge_sale.result import result_of

        workspace = self.market.workspace
        task = self.market.task(text, earlier=self.session.earlier())
        with listeners(as_json=False, quiet=self.quiet or self.as_json, verbose=False, trace=None) as screen:
            screen.loading(self.market.plan.pool.title)
            sale = self.market.sell(task, screen)
            changed: Changed | None = None
            if workspace and sale.outcome:
                show = not (self.as_json or self.quiet)
                changed = conclude(self.market, task, sale.outcome, yes=self.yes, dry_run=self.dry_run, show=show)
                screen(changed)
            if not self.as_json:
                screen.end(sale)
        self.last = sale
        self.spent.append(sale.ledger)
        answer = sale.outcome.answer if sale.outcome else ""
        kept = "; ".join(sale.outcome.notes)[:600] if workspace and sale.outcome else answer
        agent = sale.outcome.agent if sale.outcome else ""
        self.session.add(text, kept, auction=task.id, agent=agent, applied=changed.applied if changed else "")
        if self.as_json:
            document = result_of(sale, changed=changed).to_json()
            click.echo(json.dumps({**document, "session": self.session.id}))
