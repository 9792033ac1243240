"""`edge-sale chat`: a session of turns. Each turn is an auction, or goes to the agent that is pinned."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from edge_sale.cli.chat_commands import COMMANDS
from edge_sale.cli.chat_session import Talk
from edge_sale.cli.options import offline_option, settings_with
from edge_sale.cli.repository import refuse_without_repo, repo_options
from edge_sale.errors import EdgeSaleError


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
    """Hold a conversation; each turn is a task of its own.

    The agent that does a turn sees the last ones.

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
                if not turn(talk, line):
                    break
            except KeyboardInterrupt:
                talk.say("stopped; nothing of this turn was recorded")
                if not sys.stdin.isatty():
                    raise
            except EdgeSaleError as error:
                if not sys.stdin.isatty():
                    raise
                talk.say(f"edge-sale: {error}")


def turn(talk: Talk, line: str) -> bool:
    """One line: a command or a task. False where it ends the session."""
    if not line.startswith("/"):
        talk.sell(line)
        return True
    name, _, rest = line[1:].partition(" ")
    if name in ("quit", "exit", "q"):
        return False
    if name not in COMMANDS:
        talk.say(f"no /{name}; there are: {', '.join('/' + known for known in COMMANDS)}")
        return True
    COMMANDS[name](talk, rest.strip())
    return True


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
