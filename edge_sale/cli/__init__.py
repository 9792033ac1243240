"""The command line: one file a command, loaded when it is asked for, and one door for errors.

Exit codes: 0 done, 1 the user's to mend (or the answer failed its check), 2 usage,
3 our bug (a crash file is written), 130 stopped with ^C, 143 and 129 ended by SIGTERM and
SIGHUP. With `--json` a failure is one JSON document too: {"error": …, "exit": …} on stdout,
beside the line on stderr.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from edge_sale import __version__
from edge_sale.errors import EdgeSaleError
from edge_sale.legacy_names import OldName

# name -> module of edge_sale.cli that holds a click command of that name
COMMANDS = {
    "run": "run",
    "bid": "run",
    "index": "index",
    "pull": "pull",
    "models": "models",
    "pools": "pools",
    "doctor": "doctor",
    "chat": "chat",
    "undo": "undo",
    "history": "history",
    "show": "history",
    "good": "feedback",
    "bad": "feedback",
    "fit": "fit",
    "signals": "signals",
    "memory": "memory",
    "trace": "trace",
    "tune": "tune",
    "remote": "remote",
    "egress": "egress",
    "costs": "egress",
    "bench": "bench",
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
            ctx.fail(f"no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="edge-sale")
@click.option("--offline", is_flag=True, help="Send nothing, pull nothing.")
def cli(offline: bool) -> None:
    """Sell tasks to small local models.

    Agents bid for each task with a short plan, a jury of the agents scores the plans, and
    the bid with the least cost minus value does the work. Everything runs on this machine,
    but for a remote that you may add as a fallback.

    \b
    edge-sale pull                            get the starter pool's models
    edge-sale run "Sort a list in Python."    hold the auction, do the work
    edge-sale show                            why the last winner won
    """
    if offline:
        from edge_sale.environment import stay_offline

        stay_offline()


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits with its code: the only place where errors become text."""
    args = list(sys.argv[1:] if argv is None else argv)
    code, failure, details = 0, "", {}  # type: int, str, dict[str, object]
    try:
        _heed_signals()
        _fill_streams()
        with _old_names_told():
            done = cli.main(args, prog_name="edge-sale", standalone_mode=False)
        code = done if isinstance(done, int) else 0
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        code, failure = 2 if isinstance(error, click.UsageError) else 1, error.format_message()
        error.show()
    except (click.Abort, KeyboardInterrupt):
        sold = args[:1] in (["run"], ["bid"])
        code, failure = 130, "stopped; nothing of this run was recorded" if sold else "stopped"
    except BrokenPipeError:  # the reader of our output has gone, as in `edge-sale history | head`
        null = os.open(os.devnull, os.O_WRONLY)  # or Python complains of it once more at exit
        os.dup2(null, 1)
        os.dup2(null, 2)
        code = 1
    except EdgeSaleError as error:
        code, failure, details = 1, str(error), dict(error.details)
    except OSError as error:
        if error.errno not in OF_THE_MACHINE:
            code, failure = 3, _bug(error, args)
        else:
            where = f"{error.filename}: " if error.filename else ""
            code, failure = 1, f"{where}{error.strerror}"
    except Exception as error:
        code, failure = 3, _bug(error, args)
    if failure:
        _tell(failure, code, details, as_json="--json" in args)
    sys.exit(code)


@contextmanager
def _old_names_told() -> Iterator[None]:
    """Show each old name that is found in the user's files as one line on stderr, once a command."""
    told: set[str] = set()

    with warnings.catch_warnings():
        default = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if not issubclass(category, OldName):
                default(message, category, *rest, **more)
            elif str(message) not in told:
                told.add(str(message))
                click.echo(f"edge-sale: {message}", err=True)

        warnings.simplefilter("always", OldName)
        warnings.showwarning = show
        yield


# a full disk, a folder that may not be written to and their like are not bugs of ours
OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR}


def _tell(failure: str, code: int, details: dict[str, object], *, as_json: bool) -> None:
    """The failure in one line on stderr (click has shown its own) and, for programs, as JSON on stdout."""
    try:
        if code != 2:
            click.echo(f"edge-sale: {failure}", err=True)
        if as_json:
            click.echo(json.dumps({"error": failure, "exit": code, **details}, ensure_ascii=False))
    except OSError:
        pass  # nobody is there to read it; the exit code still tells


def _heed_signals() -> None:
    """SIGTERM, and SIGHUP when the terminal is closed, end the program the way ^C does: what it started and wrote goes.

    Left as they are where somebody else decides: ignored, as under nohup, or outside the main thread.
    """

    def end(number: int, frame: object) -> NoReturn:
        for again in heeded:
            signal.signal(again, signal.SIG_IGN)  # a second one would cut the tidying short
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        return
    known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    heeded = [each for each in known if signal.getsignal(each) is signal.SIG_DFL]
    for each in heeded:
        signal.signal(each, end)


def _fill_streams() -> None:
    """Refuses to work for a closed stdout; a closed stdin or stderr becomes the null device.

    Otherwise the next file that is opened, such as the auction memory, would get the free
    number and be written into by whatever prints.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open as long as we run
    if sys.stdout is None:
        raise EdgeSaleError("stdout is closed, so the answer has nowhere to go")
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # not every locale has every sign


def _bug(error: Exception, args: Sequence[str]) -> str:
    """What to say of an error that nobody meant, with where its details are."""
    what = f"this is a bug of ours: {type(error).__name__}: {error}"
    return f"{what}; the details are in {_crash_file(args)}; please report it"


def _crash_file(args: Sequence[str]) -> str:
    """Where the traceback was written: to a file of the user's, and nowhere else."""
    from edge_sale.settings import load

    now = datetime.now()
    text = f"edge-sale {__version__}, Python {sys.version}\n{args}\n\n{traceback.format_exc()}"
    try:
        folder = load().crash_dir
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{now:%Y-%m-%dT%H-%M-%S}.txt"
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        file.chmod(0o600)
    except Exception:  # whatever it is, the first error is the one to tell
        click.echo(text, err=True)
        return "the lines above"
    return str(file)
