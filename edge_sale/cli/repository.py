"""`--repo`: a folder opened for agents, and what they changed there shown, approved and taken over."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge_sale.errors import EdgeSaleError

if TYPE_CHECKING:
    from edge_sale.agents.workspace import Workspace
    from edge_sale.events import Changed
    from edge_sale.settings import Settings
    from edge_sale.types import Outcome, Task

F = TypeVar("F", bound=Callable[..., Any])
STALE = 24 * 3600  # seconds after which a private copy that a crash left behind is removed
FILES = 12  # names of files that bidders are told


def repo_options(command: F) -> F:
    """What `run` and `chat` have in common."""
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


@contextmanager
def opened(root: Path, settings: Settings, check: str | None, allow: Sequence[str]) -> Iterator[Workspace]:
    """The folder as agents find it; its private copies are gone afterwards. Raises TaskError, SandboxMissing."""
    from edge_sale.agents.workspace import Workspace, guide
    from edge_sale.sandbox.command import Place, run_command
    from edge_sale.settings import variable
    from edge_sale.workspace.private_copy import discard, private_copy
    from edge_sale.workspace.tools import WorkingCopy

    path = variable("PATH") or ""
    settings.work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in settings.work_dir.iterdir():
        with suppress(FileNotFoundError):  # another run tidies up too
            if time.time() - left.stat().st_mtime > STALE:
                discard(left)
    scratch = Path(tempfile.mkdtemp(dir=settings.work_dir))

    def begin() -> WorkingCopy:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)  # another run may have taken it for left over
        os.utime(scratch)
        copy = private_copy(root, Path(tempfile.mkdtemp(dir=scratch)), allow, settings.places)
        return WorkingCopy(copy, settings.sandbox, path=path)

    try:
        first = begin()  # whatever is wrong with the folder is said before the auction, not after it
        try:
            if check is not None:  # no sandbox: raises now
                run_command("true", Place(first.copy.root, first.copy.folder, path), mode=settings.sandbox)
            workspace = Workspace(
                begin,
                check,
                guide(first.copy.root),
                root=first.copy.root,
                left_out=first.copy.left_out,
                files=tuple(first.copy.files),
            )
        finally:
            first.copy.close()
        yield workspace
    finally:
        discard(scratch)


def told(task_text: str, workspace: Workspace) -> tuple[str, ...]:
    """Names of the files that bidders are told of: those that the task names first, then by depth."""
    return tuple(sorted(workspace.files, key=lambda n: (Path(n).name not in task_text, n.count("/"), n))[:FILES])


def conclude(
    task: Task, outcome: Outcome, workspace: Workspace, settings: Settings, *, yes: bool, dry_run: bool, show: bool
) -> Changed:
    """Shows the changes, asks where there is somebody to ask, and takes them over or leaves them.

    Raises nothing where they cannot be taken over: that is said, and the patch is still the answer.
    """
    from edge_sale.events import Changed
    from edge_sale.workspace.undo_log import ChangedSince, UndoLog

    changes = workspace.changes.get(outcome.agent, ())
    files = tuple(change.path for change in changes)
    if show and outcome.answer:
        printed(outcome.answer)

    def left(why: str, *, failed: bool = False) -> Changed:
        return Changed(files, "", why, failed)

    if not changes:
        return left("no file was changed")
    if dry_run:
        return left("dry run: nothing was applied")
    bad = outcome.status == "failed"
    if yes and bad:
        return left("nothing was applied: the work failed (--dry-run prints its patch)", failed=True)
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return left("nothing was applied: no terminal to ask on; --yes applies, --dry-run prints the patch")
        if not show:  # nobody says yes to what was not seen
            printed(outcome.answer, err=True)
        warning = "The work FAILED. " if bad else ""
        count = f"{len(files)} file{'s' * (len(files) != 1)}"
        try:
            agreed = click.confirm(f"{warning}Apply to {count} in {workspace.root}?", default=not bad, err=True)
        except click.Abort:  # ^C: the work is done and recorded by now, so it stops nothing but this
            click.echo("", err=True)
            agreed = False
        if not agreed:
            return left("nothing was applied: you said no")
    try:
        applied = UndoLog(settings.undo_dir).apply(workspace.root, changes, task.text)
    except ChangedSince as since:
        return left(str(since), failed=True)
    except EdgeSaleError as error:
        return left(f"the changes were not applied: {error}", failed=True)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return left(f"the changes were not applied: {where}{error.strerror or error}", failed=True)
    return Changed(files, applied.id, "applied; take it back with: edge-sale undo")


def printed(patch: str, *, err: bool = False) -> None:
    """A patch on stdout, or stderr: its very bytes for programs, coloured and without control characters for people.

    `git apply` knows no locale: what is to be written to a file is UTF-8, whatever a terminal here would want.
    """
    from edge_sale.cli.views.tables import printable
    from edge_sale.settings import colour_wanted

    if not (sys.stderr if err else sys.stdout).isatty():
        click.echo(patch.encode("utf-8", "surrogateescape"), nl=False, err=err)
        return
    colours = {"+": "green", "-": "red", "@": "cyan", "d": "bold"}
    for line in printable(patch).splitlines():
        colour = colours.get(line[:1], "") if colour_wanted() else ""
        style: dict[str, Any] = {"bold": True} if colour == "bold" else {"fg": colour or None}
        click.secho(line, err=err, **style)


def refuse_without_repo(repo: Path | None, **given: object) -> None:
    """Options that mean nothing without --repo are a mistake that somebody should hear of."""
    if repo is None and (unused := [name for name, value in given.items() if value]):
        raise click.UsageError(f"--{unused[0].replace('_', '-')} needs --repo DIR")
    if given.get("yes") and given.get("dry_run"):
        raise click.UsageError("--yes and --dry-run exclude each other")
