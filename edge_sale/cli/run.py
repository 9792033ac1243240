"""`edge-sale run` and `edge-sale bid`: the main job, and its first half alone."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.cli.options import settings_with, task_options, task_text
from edge_sale.cli.repository import conclude, refuse_without_repo, repo_options
from edge_sale.errors import MemoryFault

if TYPE_CHECKING:
    from edge_sale.assemble import MarketPlan
    from edge_sale.catalog.cards import ModelCard
    from edge_sale.policy import Escalation
    from edge_sale.settings import Settings

# options of `run` that go with --docs; any other one that is given is refused
WITH_DOCS = ("pool", "seed", "no_memory", "no_refine", "full_auction", "escalate", "thrift")


@click.command()
@task_options
@click.option(
    "--check",
    metavar="PYTHON",
    help="Python to run after the answer's code; exit 0 passes: 'assert f(2) == 4'. With --repo a command.",
)
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), help="Where checks and commands run.")
@repo_options
@click.option(
    "--docs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Answer from the documents in DIR, citing file and line; indexed first where they changed.",
)
def run(**options: Any) -> None:
    """Hold an auction for TASK; the winner does it.

    TASK is an argument, a file (-f) or a pipe. The answer goes to stdout, everything else to stderr.

    \b
    edge-sale run "Write a Python function that reverses the words of a sentence."
    edge-sale run -f task.txt --json | jq .answer
    edge-sale run "Write is_even(n) in Python." --check "assert is_even(4) and not is_even(3)"
    edge-sale run --docs ~/notes "when was the budget granted?"
    edge-sale run --repo . --check "pytest -q" "Fix the test that fails."
    """
    _run_task(execute=True, **options)


@click.command()
@task_options
def bid(**options: Any) -> None:
    """Hold the auction for TASK and stop there.

    \b
    edge-sale bid "Explain recursion to a child."
    """
    _run_task(
        execute=False, check=None, sandbox=None, repo=None, docs=None, yes=False, dry_run=False, allow=(), **options
    )


def _run_task(
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
    docs: Path | None,
    yes: bool,
    dry_run: bool,
    allow: tuple[str, ...],
    **wishes: Any,
) -> None:
    if as_json and quiet:
        raise click.UsageError("--json and --quiet exclude each other")
    if docs is not None:
        given = {"check": check, "repo": repo, "yes": yes, "dry_run": dry_run, "allow": allow, "domain": domain}
        _refuse_with_docs({**given, **wishes})
    refuse_without_repo(repo, yes=yes, dry_run=dry_run, allow=allow)
    settings, notes = _settings(repo, docs, **wishes)

    from edge_sale import assemble
    from edge_sale.api import open_plan
    from edge_sale.cli.views.consent import asker
    from edge_sale.cli.views.progress import counted
    from edge_sale.cli.views.screen import listeners

    if repo is not None and domain is not None:
        raise click.UsageError("--domain says what kind of answer is wanted; with --repo it is a patch")
    if check is not None and repo is None:
        _refuse_bad_check(check, settings)
    text = task_text(task, file)
    if repo is None:
        assemble.new_task(text)  # an empty task is refused before anything is pulled or indexed
    plan = assemble.plan(settings, agents)
    offer(plan, ask=not as_json, reads=assemble.pools_embedder(settings) if docs else None)
    with ExitStack() as stack:
        market = stack.enter_context(
            open_plan(
                plan,
                repo=repo,
                docs=docs,
                check=check if repo else None,
                allow=allow,
                consent=asker(settings.currency),
                notes=notes,
                shown=lambda name: counted(name, show=not (as_json or quiet)),
            )
        )
        screen = stack.enter_context(listeners(as_json=as_json, quiet=quiet, verbose=verbose, trace=trace))
        screen.loading(plan.pool.title)
        wanted = market.task(text, check=check, domain=domain or "")
        try:
            sale = market.sell(wanted, screen, execute=execute)
        except MemoryFault as fault:
            raise MemoryFault(f"{fault}; to do without the memory: --no-memory") from fault
        failed = sale.outcome is not None and sale.outcome.status == "failed"
        if market.workspace and sale.outcome:
            show = not (as_json or quiet)
            changed = conclude(market, wanted, sale.outcome, yes=yes, dry_run=dry_run, show=show)
            screen(changed)
            failed |= changed.failed
        screen.end(sale)
    if failed:
        raise click.exceptions.Exit(1)


def _settings(
    repo: Path | None, docs: Path | None, *, escalate: Escalation | None = None, **wishes: Any
) -> tuple[Settings, tuple[str, ...]]:
    """The settings of this run, held back by the folder that it is about; and what to tell the user of that."""
    settings = settings_with(escalate=escalate, **wishes)
    if repo is not None:
        from edge_sale.policy import held_to
        from edge_sale.workspace.private_copy import project_folder

        return held_to(settings, project_folder(repo)), ()
    if docs is not None:
        from edge_sale.documents import indexes
        from edge_sale.policy import for_documents

        return for_documents(settings, indexes.resolved_folder(docs), may_leave=escalate in ("ask", "auto"))
    return settings, ()


def _refuse_with_docs(given: dict[str, Any]) -> None:
    if odd := [name for name, value in given.items() if value and name not in WITH_DOCS]:
        raise click.UsageError(f"--docs answers in words; it goes without --{odd[0].replace('_', '-')}")


def _refuse_bad_check(check: str, settings: Settings) -> None:
    """Refuses a check that no answer could pass, before the auction. Raises UsageError, SandboxMissing."""
    from edge_sale.agents.answers import syntax_fault
    from edge_sale.sandbox.python import run_python

    if fault := syntax_fault(check):
        raise click.UsageError(f"--check is not Python ({fault}), so no answer could pass it")
    run_python("", mode=settings.sandbox)


def offer(plan: MarketPlan, *, ask: bool, reads: ModelCard | None = None) -> None:
    """On a terminal, offers to pull the models that are missing; elsewhere the market says how to.

    `reads` is the embedder of documents, where there are some.
    """
    missing = (replace(plan, embedder=reads) if reads else plan).missing
    if not missing or not ask or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if click.confirm(f"Not on this machine yet: {', '.join(missing)}. Pull now?", default=True, err=True):
        from edge_sale.cli.pull import pull_models

        pull_models(missing, plan.settings, force=False)
