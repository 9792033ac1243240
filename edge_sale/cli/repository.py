"""`--repo`: options for work in a folder, and what becomes of the changes: shown, approved, applied."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge_sale.cli.views.patch import print_patch
from edge_sale.errors import EdgeSaleError

if TYPE_CHECKING:
    from edge_sale.api import OpenMarket
    from edge_sale.events import Changed
    from edge_sale.types import Outcome, Task

F = TypeVar("F", bound=Callable[..., Any])


def repo_options(command: F) -> F:
    """The options for work in a folder, which `run` and `chat` share."""
    for option in reversed(
        (
            click.option(
                "--repo",
                type=click.Path(path_type=Path, file_okay=False),
                metavar="DIR",
                help="Work in this folder, on a private copy.",
            ),
            click.option("-y", "--yes", is_flag=True, help="With --repo: apply the changes without asking."),
            click.option("--dry-run", is_flag=True, help="With --repo: print the patch, apply nothing."),
            click.option(
                "--allow", multiple=True, metavar="FILE", help="With --repo: a file such as .env that may be read."
            ),
        )
    ):
        command = option(command)
    return command


def conclude(market: OpenMarket, task: Task, outcome: Outcome, *, yes: bool, dry_run: bool, show: bool) -> Changed:
    """Shows the changes, asks where there is a terminal, and applies them or leaves them.

    Raises nothing where they cannot be applied: the event says so, and the patch is still the answer.
    """
    from edge_sale.events import Changed
    from edge_sale.workspace.undo_log import ChangedSince

    assert market.workspace is not None
    files = tuple(change.path for change in market.workspace.changes.get(outcome.agent, ()))
    if show and outcome.answer:
        print_patch(outcome.answer)

    def left(why: str, *, failed: bool = False) -> Changed:
        return Changed(files, "", why, failed)

    if not files:
        return left("no file was changed")
    if dry_run:
        return left("dry run: nothing was applied")
    bad = outcome.status == "failed"
    if yes and bad:
        return left("nothing was applied: the work failed (--dry-run prints its patch)", failed=True)
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return left("nothing was applied: no terminal to ask on; --yes applies, --dry-run prints the patch")
        if not show:  # nobody can agree to changes that were not shown
            print_patch(outcome.answer, err=True)
        if not _agreed(len(files), market.workspace.root, bad):
            return left("nothing was applied: you said no")
    try:
        return market.apply(task, outcome)
    except ChangedSince as since:
        return left(str(since), failed=True)
    except EdgeSaleError as error:
        return left(f"the changes were not applied: {error}", failed=True)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return left(f"the changes were not applied: {where}{error.strerror or error}", failed=True)


def _agreed(count: int, root: Path, bad: bool) -> bool:
    warning = "The work FAILED. " if bad else ""
    question = f"{warning}Apply to {count} file{'s' * (count != 1)} in {root}?"
    try:
        return click.confirm(question, default=not bad, err=True)
    except click.Abort:  # ^C: the work is done and recorded by now, so ^C only means no
        click.echo("", err=True)
        return False


def refuse_without_repo(repo: Path | None, **given: object) -> None:
    """Refuses options that mean nothing without --repo, and those that exclude each other."""
    if repo is None and (unused := [name for name, value in given.items() if value]):
        raise click.UsageError(f"--{unused[0].replace('_', '-')} needs --repo DIR")
    if given.get("yes") and given.get("dry_run"):
        raise click.UsageError("--yes and --dry-run exclude each other")
