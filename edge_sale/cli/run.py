"""`edge-sale run` and `edge-sale bid`: the main job, and its first half alone."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.cli.documents import answer_from, docs_option
from edge_sale.cli.options import held_to, settings_with, task_options, task_text
from edge_sale.cli.repository import conclude, opened, refuse_without_repo, repo_options, told
from edge_sale.errors import MemoryFault

if TYPE_CHECKING:
    from edge_sale.assemble import MarketPlan


@click.command()
@task_options
@click.option(
    "--check",
    metavar="PYTHON",
    help="Python to run after the answer's code; exit 0 passes: 'assert f(2) == 4'. With --repo a command.",
)
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), help="Where checks and commands run.")
@repo_options
@docs_option
def run(docs: Path | None, **options: Any) -> None:
    """Hold an auction for TASK; the winner does it.

    TASK is an argument, a file (-f) or a pipe. The answer goes to stdout, everything else to stderr.

    \b
    edge-sale run "Write a Python function that reverses the words of a sentence."
    edge-sale run -f task.txt --json | jq .answer
    edge-sale run "Write is_even(n) in Python." --check "assert is_even(4) and not is_even(3)"
    edge-sale run --docs ~/notes "when was the budget granted?"
    edge-sale run --repo . --check "pytest -q" "Fix the test that fails."
    """
    if docs is not None:
        answer_from(docs, **options)
        return
    _sell(execute=True, **options)


@click.command()
@task_options
def bid(**options: Any) -> None:
    """Hold the auction for TASK and stop there.

    \b
    edge-sale bid "Explain recursion to a child."
    """
    _sell(execute=False, check=None, sandbox=None, repo=None, yes=False, dry_run=False, allow=(), **options)


def _sell(
    *,
    execute: bool,
    task: str | None,
    file: Path | None,
    agents: tuple[str, ...],
    domain: str | None,
    check: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    trace: Path | None,
    repo: Path | None,
    yes: bool,
    dry_run: bool,
    allow: tuple[str, ...],
    **changes: Any,
) -> None:
    refuse_without_repo(repo, yes=yes, dry_run=dry_run, allow=allow)
    if as_json and quiet:
        raise click.UsageError("--json and --quiet exclude each other")
    settings = settings_with(**changes)
    if repo is not None:
        from edge_sale.workspace.private_copy import sound

        settings = held_to(settings, sound(repo))

    from edge_sale import assemble
    from edge_sale.agents.answers import syntax_fault
    from edge_sale.cli.views.consent import asker
    from edge_sale.cli.views.screen import listeners
    from edge_sale.events import Noted

    if repo is not None and domain is not None:
        raise click.UsageError("--domain says what kind of answer is wanted; with --repo it is a patch")
    if check is not None and repo is None:
        if fault := syntax_fault(check):
            raise click.UsageError(f"--check is not Python ({fault}), so no answer could pass it")
        domain = domain or "python"
    wanted = assemble.new_task(task_text(task, file), domain="repo" if repo else domain or "", check=check)
    if check is not None and repo is None:
        from edge_sale.sandbox.python import run_python

        run_python("", mode=settings.sandbox)  # no sandbox: raises before the auction, not after it
    parts = assemble.plan(settings, agents)
    offer(parts, ask=not as_json)
    with ExitStack() as stack:
        workspace = stack.enter_context(opened(repo, settings, check, allow)) if repo else None
        hear = stack.enter_context(listeners(as_json=as_json, quiet=quiet, verbose=verbose, trace=trace))
        hear.loading(parts.pool.title)
        if workspace:
            wanted = replace(wanted, repo=True, files=told(wanted.text, workspace))
            for line in workspace.left_out:
                hear(Noted(line))
        for note in parts.notes:
            hear(Noted(note))
        try:
            sale = assemble.market(parts, asker(settings.currency), workspace).solve(wanted, hear, execute=execute)
        except MemoryFault as fault:
            raise MemoryFault(f"{fault}; to do without the memory: --no-memory") from fault
        failed = sale.outcome is not None and sale.outcome.status == "failed"
        if workspace and sale.outcome:
            show = not (as_json or quiet)
            changed = conclude(wanted, sale.outcome, workspace, settings, yes=yes, dry_run=dry_run, show=show)
            hear(changed)
            failed |= changed.failed
        hear.end(sale)
    if failed:
        raise click.exceptions.Exit(1)


def offer(parts: MarketPlan, *, ask: bool) -> None:
    """On a terminal, offers to pull what is missing; elsewhere the market says how to."""
    if not parts.missing or not ask or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    names = ", ".join(parts.missing)
    if click.confirm(f"Not on this machine yet: {names}. Pull now?", default=True, err=True):
        from edge_sale.cli.pull import pull_models

        pull_models(parts.missing, parts.settings, force=False)
