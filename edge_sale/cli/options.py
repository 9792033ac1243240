"""Options that several commands share, and how they become a task and settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from edge_sale.environment import stay_offline
from edge_sale.errors import EdgeSaleError, TaskError
from edge_sale.policy import Escalation, for_run
from edge_sale.settings import Settings, load

F = TypeVar("F", bound=Callable[..., Any])


def _offline(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted:
        stay_offline()


# eager: takes effect before any other option is read, for this process and its children
offline_option = click.option(
    "--offline", is_flag=True, is_eager=True, expose_value=False, callback=_offline, help="Send nothing, pull nothing."
)

LARGEST_TASK = 4 * 2**20  # bytes: more than any context takes; a wrong file must not fill the memory


def _single_argument(ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> str | None:
    """The task, if it is one argument. Raises UsageError for several words without quotes."""
    if len(words) > 1:
        example = f'edge-sale {ctx.info_name} "{" ".join(words)}"'
        raise click.UsageError(f"the task is one argument, so put it in quotes: {example}", ctx)
    return words[0] if words else None


def task_options(command: F) -> F:
    """Add the options of `run` and `bid` to a command."""
    for option in reversed(
        (
            click.argument("task", nargs=-1, metavar="[TASK]", callback=_single_argument),
            click.option(
                "-f",
                "--file",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="Read the task from FILE; - is standard input.",
            ),
            click.option(
                "-p",
                "--pool",
                metavar="NAME",
                help="Pool of agents that may bid (see: edge-sale pools).",
                shell_complete=_pools,
            ),
            click.option(
                "-a",
                "--agent",
                "agents",
                multiple=True,
                metavar="NAME",
                help="Only this agent may bid; repeatable.",
                shell_complete=_agents,
            ),
            click.option(
                "--seed",
                type=click.IntRange(min=0),
                metavar="N",
                help="Make the run repeatable: same seed, same draws.",
            ),
            click.option(
                "--domain",
                type=click.Choice(["python", "text"]),
                help="Kind of answer; default: guessed from the task.",
            ),
            click.option("--no-memory", is_flag=True, help="Neither recall past auctions nor record this one."),
            click.option("--private", is_flag=True, help="Do not record this task; past auctions are still recalled."),
            click.option("--no-refine", is_flag=True, help="Let no agent refine its bid."),
            click.option(
                "--full-auction",
                is_flag=True,
                help="Request every bid and score, even if it cannot change the winner.",
            ),
            click.option(
                "--escalate", type=click.Choice(["never", "ask", "auto"]), help="Whether the fallback may be used."
            ),
            click.option(
                "--thrift",
                type=click.FloatRange(0, 1),
                metavar="N",
                help="0: use the fallback for any gain, 1: only after failed checks.",
            ),
            offline_option,
            click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
            click.option("-q", "--quiet", is_flag=True, help="Print the answer and nothing else."),
            click.option("-v", "--verbose", is_flag=True, help="Print every event on stderr, one per line."),
            click.option(
                "--trace",
                type=click.Path(path_type=Path, dir_okay=False),
                help="Write every event to FILE as JSON lines.",
            ),
        )
    ):
        command = option(command)
    return command


def resolved_folder(folder: Path) -> Path:
    """The folder's absolute path. Raises EdgeSaleError for the home of an unknown user and for a loop of links."""
    try:
        return folder.expanduser().resolve()
    except (RuntimeError, OSError) as error:
        raise EdgeSaleError(f"{folder}: no such folder ({error})") from error


def settings_with(
    *,
    pool: str | None,
    seed: int | None,
    no_memory: bool,
    no_refine: bool,
    private: bool = False,
    full_auction: bool,
    sandbox: str | None = None,
    escalate: Escalation | None = None,
    thrift: float | None = None,
) -> Settings:
    """The user's settings, overridden by the command line."""
    return for_run(
        load(),
        pool=pool,
        seed=seed,
        memory=not no_memory,
        record=not private,
        refine=not no_refine,
        full_auction=full_auction,
        sandbox=sandbox,
        escalate=escalate,
        thrift=thrift,
    )


def task_text(task: str | None, file: Path | None) -> str:
    """The task's text from the argument, a file or a pipe. Raises TaskError, and UsageError if there is none."""
    if task is not None and file is not None:
        raise click.UsageError("give the task either as an argument or with --file, not both")
    if file is not None and str(file) != "-":
        try:
            with file.open("rb") as stream:
                data = _bounded(stream, str(file))
        except OSError as error:
            raise TaskError(f"{file}: cannot be read: {error.strerror}") from error
        return _decoded(data, str(file))
    if task is None or task == "-":
        if task is None and file is None and sys.stdin.isatty():
            raise click.UsageError('no task; say what you want done: edge-sale run "Sort a list in Python."')
        return _decoded(_bounded(sys.stdin.buffer, "standard input"), "standard input")
    try:
        task.encode("utf-8")
    except UnicodeEncodeError as error:  # the shell passes on bytes that are not UTF-8
        raise TaskError("the task is not UTF-8 text; give it in a file with --file") from error
    return task


def _bounded(stream: IO[bytes], name: str) -> bytes:
    """The bytes of a stream, which stays open: stdin is used later. Raises TaskError above LARGEST_TASK bytes."""
    data = stream.read(LARGEST_TASK + 1)
    if len(data) > LARGEST_TASK:
        raise TaskError(f"{name}: over {LARGEST_TASK // 2**20} MiB; a task is text that fits a model's context")
    return data


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskError(f"{name}: is not UTF-8 text (byte {error.start})") from error


def _pools(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from edge_sale.catalog.cards import load as load_cards

    try:
        settings = load()
        names = {*load_cards(settings.cards_dir).pools, *settings.pools}
    except EdgeSaleError:  # a message would appear in the line that is being typed
        return []
    return sorted(name for name in names if name.startswith(incomplete))


def _agents(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from edge_sale.catalog.cards import load as load_cards
    from edge_sale.catalog.pools import agents

    try:
        settings = load()
        names = agents(load_cards(settings.cards_dir), settings)
    except EdgeSaleError:
        return []
    return sorted(name for name in names if name.startswith(incomplete))
