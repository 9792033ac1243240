"""`edge-sale chat`: a session of turns, each an auction, or one agent's where it is pinned."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.cli.options import held_to, offline_option, settings_with
from edge_sale.cli.repository import conclude, opened, refuse_without_repo, repo_options, told
from edge_sale.errors import EdgeSaleError

if TYPE_CHECKING:
    from edge_sale.agents.workspace import Workspace
    from edge_sale.auction.ledger import Ledger
    from edge_sale.auction.market import Market, Sale
    from edge_sale.events import Changed
    from edge_sale.sessions import Session
    from edge_sale.settings import Settings


@click.command()
@repo_options
@click.option("-c", "--continue", "resume", is_flag=True, help="Go on with the last session here.")
@click.option("-a", "--agent", "agents", multiple=True, metavar="NAME", help="Only this agent; repeatable.")
@click.option("-p", "--pool", metavar="NAME", help="Agents to invite (see: edge-sale pools).")
@click.option("--check", metavar="COMMAND", help="With --repo: a command whose exit status judges.")
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), help="Where checks and commands run.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Repeat a session: same seed, same draws.")
@click.option("--no-memory", is_flag=True, help="Neither recall past auctions nor record these turns.")
@offline_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object on stdout for each turn.")
@click.option("-q", "--quiet", is_flag=True, help="Answers and nothing else.")
def chat(**options: Any) -> None:
    """Talk: each turn is sold to an agent, and sees the last ones.

    Turns come from the terminal, or a line each from a pipe. /help lists what else can be typed.

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
    **changes: Any,
) -> None:
    if as_json and quiet:
        raise click.UsageError("--json and --quiet exclude each other")
    refuse_without_repo(repo, yes=yes, dry_run=dry_run, allow=allow, check=check)
    settings = settings_with(no_refine=False, full_auction=False, **changes)

    from edge_sale import sessions
    from edge_sale.cli.run import offer
    from edge_sale.workspace.private_copy import sound

    if repo is not None:
        repo = sound(repo)
        settings = held_to(settings, repo)
    session = (sessions.last if resume else sessions.new)(settings.sessions_dir, str(repo or ""))
    session.kept = settings.remember
    with ExitStack() as stack:
        workspace = stack.enter_context(opened(repo, settings, check, allow)) if repo else None
        talk = Talk(settings, session, workspace, agents, yes, dry_run, as_json, quiet)
        offer(talk.parts(), ask=not as_json)
        talk.greet(resume)
        for line in lines(session):
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


def lines(session: Session) -> Iterator[str]:
    """What is typed, a turn a line, until the end; ^C clears the line, ^D ends."""
    if not sys.stdin.isatty():
        for data in sys.stdin.buffer:
            try:
                line = data.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                not_text(error)
                continue
            if line:
                yield line
        return
    try:
        import readline  # noqa: F401 - input() edits its line and knows the last ones
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
            not_text(error)
            continue
        if line:
            yield line


def not_text(error: UnicodeDecodeError) -> None:
    """Says of a line that it is left out: what is around it can be answered all the same."""
    click.echo(f"edge-sale: a line is not UTF-8 text (byte {error.start}), so it is left out", err=True)


@dataclass(slots=True)
class Talk:
    """A session at work: its market, made anew where other agents are pinned."""

    settings: Settings
    session: Session
    workspace: Workspace | None
    pinned: tuple[str, ...]
    yes: bool
    dry_run: bool
    as_json: bool
    quiet: bool
    market: Market | None = None
    last: Sale | None = None
    spent: list[Ledger] = field(default_factory=list)

    def parts(self) -> Any:
        from edge_sale import assemble

        return assemble.plan(self.settings, self.pinned)

    def say(self, text: str) -> None:
        click.echo(text, err=True)

    def greet(self, resumed: bool) -> None:
        if self.as_json or self.quiet or not sys.stdin.isatty():
            return
        turns = f"going on after {len(self.session.turns)} turns" if resumed else "a new session"
        where = f" in {self.workspace.root}" if self.workspace else ""
        self.say(f"{turns}{where}; /help for what can be typed, ^D to end")
        for line in self.workspace.left_out if self.workspace else ():
            self.say(f"note: {line}")

    def turn(self, line: str) -> bool:
        """One line: a command or a task. False where it ends the session."""
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
        from edge_sale import assemble
        from edge_sale.cli.views.consent import asker
        from edge_sale.cli.views.screen import as_document, listeners

        task = assemble.new_task(
            text, domain="repo" if self.workspace else "", check=self.workspace.check if self.workspace else None
        )
        task = replace(task, earlier=self.session.earlier())
        if self.workspace:
            task = replace(task, repo=True, files=told(text, self.workspace))
        with listeners(as_json=False, quiet=self.quiet or self.as_json, verbose=False, trace=None) as hear:
            if self.market is None:
                parts = self.parts()
                hear.loading(parts.pool.title)
                self.market = assemble.market(parts, asker(self.settings.currency), self.workspace)
            sale = self.market.solve(task, hear)
            changed: Changed | None = None
            if self.workspace and sale.outcome:
                show = not (self.as_json or self.quiet)
                changed = conclude(
                    task, sale.outcome, self.workspace, self.settings, yes=self.yes, dry_run=self.dry_run, show=show
                )
                hear(changed)
            if not self.as_json:
                hear.end(sale)
        self.last = sale
        self.spent.append(sale.ledger)
        answer = sale.outcome.answer if sale.outcome else ""
        kept = "; ".join(sale.outcome.notes)[:600] if self.workspace and sale.outcome else answer
        applied = changed.applied if changed else ""
        agent = sale.outcome.agent if sale.outcome else ""
        self.session.add(text, kept, auction=task.id, agent=agent, applied=applied)
        if self.as_json:
            more = {"files": list(changed.files), "applied": applied or None} if changed else {}
            click.echo(json.dumps({**as_document(sale), **more, "session": self.session.id}))


def _undo(talk: Talk, rest: str) -> None:
    from edge_sale.workspace.undo_log import UndoLog

    if talk.workspace is None:
        raise EdgeSaleError("this session changes no files; /undo is for edge-sale chat --repo DIR")
    entry = UndoLog(talk.settings.undo_dir).undo(rest, talk.workspace.root)
    talk.say(f"undone: {', '.join(change.path for change in entry.changes)} (edge-sale undo --redo puts it back)")


def _redo(talk: Talk, rest: str) -> None:
    from edge_sale.workspace.undo_log import UndoLog

    if talk.workspace is None:
        raise EdgeSaleError("this session changes no files; /redo is for edge-sale chat --repo DIR")
    entry = UndoLog(talk.settings.undo_dir).redo(rest, talk.workspace.root)
    talk.say(f"put back: {', '.join(change.path for change in entry.changes)}")


def _why(talk: Talk, rest: str) -> None:
    from edge_sale.auction.hold import reason
    from edge_sale.cli.views.tables import award_view, stderr_console

    if talk.last is None:
        raise EdgeSaleError("nothing was sold in this session yet; earlier ones: edge-sale history")
    sale = talk.last
    stderr_console().print(award_view(sale.award, sale.outcome, reason(sale.award), sale.run))


def _agents(talk: Talk, rest: str) -> None:
    from edge_sale.catalog.cards import load
    from edge_sale.catalog.pools import pool_agents

    pool = pool_agents(load(talk.settings.cards_dir), talk.settings)
    for agent in pool.agents:
        mark = "*" if not talk.pinned or agent.name in talk.pinned else " "
        talk.say(f"{mark} {agent.name:<12} {agent.price:>6g} $/Mt  {agent.about}")
    talk.say("/agent NAME pins one, /agent alone invites all again")


def _agent(talk: Talk, rest: str) -> None:
    before = talk.pinned
    talk.pinned = tuple(rest.split())
    try:
        talk.parts()
    except EdgeSaleError:
        talk.pinned = before
        raise
    talk.market = None
    talk.say(f"from now on: {', '.join(talk.pinned) or 'an auction of all'}")


def _cost(talk: Talk, rest: str) -> None:
    from edge_sale.auction.ledger import Ledger
    from edge_sale.cli.views.tables import cost_line

    ledger = Ledger([entry for one in talk.spent for entry in one.entries])
    talk.say(f"{len(talk.spent)} turns: {cost_line(ledger.auction, ledger.work)}")


def _help(talk: Talk, rest: str) -> None:
    for name, about in HELP.items():
        talk.say(f"/{name:<14} {about}")


COMMANDS: dict[str, Callable[[Talk, str], None]] = {
    "undo": _undo,
    "redo": _redo,
    "why": _why,
    "agents": _agents,
    "agent": _agent,
    "cost": _cost,
    "help": _help,
}
HELP = {
    "undo": "take back the last change to files",
    "redo": "put it back",
    "why": "why the last winner won",
    "agents": "who may bid",
    "agent [NAME]": "pin an agent, or invite all again",
    "cost": "what this session cost",
    "quit": "end; edge-sale chat -c goes on from here",
}
