"""`edge-sale chat`: a session of turns. Each turn is an auction, or goes to the agent that is pinned."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.cli.options import offline_option, settings_with
from edge_sale.cli.repository import conclude, refuse_without_repo, repo_options
from edge_sale.errors import EdgeSaleError

if TYPE_CHECKING:
    from edge_sale.api import OpenMarket
    from edge_sale.auction.ledger import Ledger
    from edge_sale.auction.market import Sale
    from edge_sale.events import Changed
    from edge_sale.sessions import Session


@click.command()
@repo_options
@click.option("-c", "--continue", "resume", is_flag=True, help="Continue the last session in this folder.")
@click.option("-a", "--agent", "agents", multiple=True, metavar="NAME", help="Only this agent bids; repeatable.")
@click.option("-p", "--pool", metavar="NAME", help="Pool of agents that may bid (see: edge-sale pools).")
@click.option("--check", metavar="COMMAND", help="With --repo: a command whose exit status judges.")
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), help="Where checks and commands run.")
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Same seed, same draws: makes a session repeatable."
)
@click.option("--no-memory", is_flag=True, help="Neither recall past auctions nor record these turns.")
@offline_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object on stdout for each turn.")
@click.option("-q", "--quiet", is_flag=True, help="Print answers and nothing else.")
def chat(**options: Any) -> None:
    """Hold a conversation. Each turn is a task of its own; its agent sees the last turns.

    Turns come from the terminal, or a line each from a pipe. /help lists the other commands.

    \b
    edge-sale chat
    edge-sale chat --repo . --check "pytest -q"
    edge-sale chat --repo . -c
    printf 'What is 2 + 2?\\nAnd doubled?\\n' | edge-sale chat --json
    """
    _chat(**options)


def _chat(
    *,
    repo: Path | None,
    yes: bool,
    dry_run: bool,
    allow: tuple[str, ...],
    resume: bool,
    agents: tuple[str, ...],
    check: str | None,
    as_json: bool,
    quiet: bool,
    **wishes: Any,
) -> None:
    if as_json and quiet:
        raise click.UsageError("--json and --quiet exclude each other")
    refuse_without_repo(repo, yes=yes, dry_run=dry_run, allow=allow, check=check)
    settings = settings_with(no_refine=False, full_auction=False, **wishes)

    from edge_sale import assemble, sessions
    from edge_sale.api import open_plan
    from edge_sale.cli.run import offer
    from edge_sale.cli.views.consent import asker
    from edge_sale.policy import held_to
    from edge_sale.workspace.private_copy import project_folder

    if repo is not None:
        repo = project_folder(repo)
        settings = held_to(settings, repo)
    session = (sessions.last if resume else sessions.new)(
        settings.sessions_dir, str(repo or ""), on_disk=settings.remember
    )
    plan = assemble.plan(settings, agents)
    with open_plan(plan, repo=repo, check=check, allow=allow, consent=asker(settings.currency)) as market:
        talk = Talk(market, session, agents, yes, dry_run, as_json, quiet)
        offer(plan, ask=not as_json)
        talk.greet(resume)
        for line in lines():
            try:
                if not talk.turn(line):
                    break
            except KeyboardInterrupt:
                talk.say("stopped; nothing of this turn was recorded")
                if not sys.stdin.isatty():
                    raise
            except EdgeSaleError as error:
                if not sys.stdin.isatty():
                    raise
                talk.say(f"edge-sale: {error}")


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

    def turn(self, line: str) -> bool:
        """One line: a command or a task. False where it ends the session."""
        from edge_sale.cli.chat_commands import COMMANDS

        if not line.startswith("/"):
            self.sell(line)
            return True
        name, _, rest = line[1:].partition(" ")
        if name in ("quit", "exit", "q"):
            return False
        if name not in COMMANDS:
            self.say(f"no /{name}; there are: {', '.join('/' + known for known in COMMANDS)}")
            return True
        COMMANDS[name](self, rest.strip())
        return True

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


def lines() -> Iterator[str]:
    """What is typed, a turn a line, until the end. ^C clears the line, ^D ends."""
    if not sys.stdin.isatty():
        for data in sys.stdin.buffer:
            try:
                line = data.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                _not_text(error)
                continue
            if line:
                yield line
        return
    try:
        import readline  # noqa: F401 - with it input() edits its line and recalls earlier ones
    except ImportError:
        pass
    while True:
        try:
            line = input("\n> ").strip()
        except EOFError:
            click.echo("", err=True)
            return
        except KeyboardInterrupt:
            click.echo("  (^D or /quit ends)", err=True)
            continue
        except UnicodeDecodeError as error:
            _not_text(error)
            continue
        if line:
            yield line


def _not_text(error: UnicodeDecodeError) -> None:
    """Says that a line is left out; the lines around it can still be answered."""
    click.echo(f"edge-sale: a line is not UTF-8 text (byte {error.start}), so it is left out", err=True)
