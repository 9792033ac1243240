"""The command line: one file a command, loaded when it is asked for, and one door for errors.

Exit codes: 0 done, 1 the user's to mend (or the answer failed its check), 2 usage,
3 our bug (a crash file is written), 130 stopped with ^C.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from typing import NoReturn

import click

from edge_sale import __version__
from edge_sale.errors import EdgeSaleError

# name -> module of edge_sale.cli that holds a click command of that name
COMMANDS = {
    "run": "run",
    "bid": "run",
    "pull": "pull",
    "models": "models",
    "pools": "models",
    "history": "history",
    "show": "history",
    "trace": "trace",
    "config": "config",
    "completion": "completion",
}


class Lazy(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"edge_sale.cli.{COMMANDS[name]}"), name)
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="edge-sale")
def cli() -> None:
    """Sell tasks to small local models.

    Agents bid for each task with a short plan, a jury of the agents scores the plans, and
    the bid with the least cost minus value does the work. Everything runs on this machine.

    \b
    edge-sale pull                            get the starter pool's models
    edge-sale run "Write a haiku on rain."    hold the auction, do the work
    edge-sale show                            why the last winner won
    """


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits with its code: the only place where errors become text."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        code = cli.main(args, prog_name="edge-sale", standalone_mode=False)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        error.show()
        code = 2 if isinstance(error, click.UsageError) else 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("edge-sale: stopped; nothing of this run was recorded", err=True)
        code = 130
    except BrokenPipeError:  # the reader of our output has gone, as in `edge-sale history | head`
        sys.stderr.close()
        code = 1
    except EdgeSaleError as error:
        click.echo(f"edge-sale: {error}", err=True)
        code = 1
    except Exception as error:
        click.echo(f"edge-sale: this is a bug of ours: {type(error).__name__}: {error}", err=True)
        click.echo(f"edge-sale: the details are in {_crash_file(args)}; please report it", err=True)
        code = 3
    sys.exit(code if isinstance(code, int) else 0)


def _crash_file(args: Sequence[str]) -> str:
    """Where the traceback was written: to a file of the user's, and nowhere else."""
    from edge_sale.settings import load

    now = datetime.now()
    text = f"edge-sale {__version__}, Python {sys.version}\n{args}\n\n{traceback.format_exc()}"
    try:
        folder = load().crash_dir
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{now:%Y-%m-%dT%H-%M-%S}.txt"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
    except (OSError, EdgeSaleError):
        click.echo(text, err=True)
        return "the lines above"
    return str(file)
