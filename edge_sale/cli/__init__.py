"""The command line. Each command is a module that is imported when it is called; `main` reports all errors.

Exit codes:

    0    done
    1    an error that the user can fix, or an answer that failed its check
    2    wrong usage
    3    a bug in edge-sale; a crash file is written
    129  ended by SIGHUP
    130  stopped with ^C
    143  ended by SIGTERM

An error is one line on stderr. With `--json` it is also one JSON document on stdout: {"error": …, "exit": …}.
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

# command -> the module of edge_sale.cli that defines it
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

# command -> the first sentence of its help, so that `edge-sale --help` imports no command; a test holds them equal
SUMMARIES = {
    "run": "Hold an auction for TASK; the winner does it.",
    "bid": "Hold the auction for TASK and stop there.",
    "index": "Index a folder of documents for questions with run --docs.",
    "pull": "Pull the models of a pool, or one model.",
    "models": "List models that have a card, and which are here.",
    "pools": "List pools, agents and prices; * is in use.",
    "doctor": "Check this machine: llama.cpp, memory, models, sandbox.",
    "chat": "Hold a conversation; each turn is a task of its own.",
    "undo": "Undo the last change that an agent made to your files.",
    "history": "List recorded auctions, newest first.",
    "show": "Explain an auction bid by bid: why its winner won.",
    "good": "Say that an answer was right; the market learns from it.",
    "bad": "Say that an answer was wrong; no agent copies its plan.",
    "fit": "Fit the weights to recorded outcomes.",
    "signals": "Print how well each signal tells right work from wrong.",
    "memory": "Look into the auction memory, export it, or make it forget.",
    "trace": "Replay the auction that --trace wrote to FILE.",
    "tune": "Measure how each MODEL runs fastest here, and remember it.",
    "remote": "Add, test, list and remove remote models.",
    "egress": "List what left this machine, newest first.",
    "costs": "Show what remotes cost, and what was saved.",
    "bench": "Measure whether an auction pays, on your models and tasks.",
    "config": "Show the settings in force, and where files are.",
    "completion": "Print the completion script for SHELL.",
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

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
            hint = f"did you mean {near[0]!r}?" if near else f"commands: {', '.join(COMMANDS)}"
            ctx.fail(f"no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="edge-sale")
@click.option("--offline", is_flag=True, help="Send nothing, pull nothing.")
def cli(offline: bool) -> None:
    """Run each task on the small local model whose plan offers the best value for its cost.

    The models bid for the task with short plans, score each other's plans, and the winner does the
    work. Everything runs on this machine, unless you add a remote model as a fallback.

    \b
    edge-sale run "Sort a list in Python."    print the winner's answer
    edge-sale show                            explain why it won
    edge-sale pull                            download the models of the starter pool
    """
    if offline:
        from edge_sale.environment import stay_offline

        stay_offline()


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code. This is the only place where errors become text."""
    args = list(sys.argv[1:] if argv is None else argv)
    code, failure, details = 0, "", {}  # type: int, str, dict[str, object]
    try:
        _install_signal_handlers()
        _check_streams()
        with _report_old_names():
            done = cli.main(args, prog_name="edge-sale", standalone_mode=False)
        code = done if isinstance(done, int) else 0
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        code, failure = 2 if isinstance(error, click.UsageError) else 1, error.format_message()
        error.show()
    except (click.Abort, KeyboardInterrupt):
        auctioned = args[:1] in (["run"], ["bid"])
        code, failure = 130, "stopped; nothing of this run was recorded" if auctioned else "stopped"
    except BrokenPipeError:  # the reader of stdout is gone, as in `edge-sale history | head`
        null = os.open(os.devnull, os.O_WRONLY)  # else Python reports the broken pipe again at exit
        os.dup2(null, 1)
        os.dup2(null, 2)
        code = 1
    except EdgeSaleError as error:
        code, failure, details = 1, str(error), dict(error.details)
    except OSError as error:
        if error.errno not in MACHINE_ERRORS:
            code, failure = 3, _report_bug(error, args)
        else:
            where = f"{error.filename}: " if error.filename else ""
            code, failure = 1, f"{where}{error.strerror}"
    except Exception as error:
        code, failure = 3, _report_bug(error, args)
    if failure:
        _report(failure, code, details, as_json="--json" in args)
    sys.exit(code)


@contextmanager
def _report_old_names() -> Iterator[None]:
    """Show each old name that is found in the user's files as one line on stderr, once a command."""
    shown: set[str] = set()

    with warnings.catch_warnings():
        default = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if not issubclass(category, OldName):
                default(message, category, *rest, **more)
            elif str(message) not in shown:
                shown.add(str(message))
                click.echo(f"edge-sale: {message}", err=True)

        warnings.simplefilter("always", OldName)
        warnings.showwarning = show
        yield


# errors of the machine, such as a full disk or a folder without write permission, are not bugs
MACHINE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR}


def _report(failure: str, code: int, details: dict[str, object], *, as_json: bool) -> None:
    """Print the failure on stderr, unless click has printed it already, and with `as_json` as JSON on stdout."""
    try:
        if code != 2:
            click.echo(f"edge-sale: {failure}", err=True)
        if as_json:
            click.echo(json.dumps({"error": failure, "exit": code, **details}, ensure_ascii=False))
    except OSError:
        pass  # the streams are closed; the exit code remains


def _install_signal_handlers() -> None:
    """Let SIGTERM and SIGHUP end the program as ^C does: child processes and temporary files are removed.

    A signal that is ignored, as under nohup, or has another handler stays so. Outside the main thread nothing changes.
    """

    def end(number: int, frame: object) -> NoReturn:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)  # a second signal would interrupt the clean-up
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        return
    known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handled = [each for each in known if signal.getsignal(each) is signal.SIG_DFL]
    for each in handled:
        signal.signal(each, end)


def _check_streams() -> None:
    """Replace a closed stdin or stderr by the null device. Raises EdgeSaleError if stdout is closed.

    Otherwise the next file that is opened, such as the auction memory, would get the free file descriptor, and
    whatever is printed would be written into it.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - stays open until the end
    if sys.stdout is None:
        raise EdgeSaleError("stdout is closed; redirect it to a file or to /dev/null")
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # not every locale has every character


def _report_bug(error: Exception, args: Sequence[str]) -> str:
    """The message for a bug in edge-sale; the details go to a crash file."""
    return (
        f"bug in edge-sale: {type(error).__name__}: {error}; please report it with the details in {_crash_file(args)}"
    )


def _crash_file(args: Sequence[str]) -> str:
    """Write the traceback to a file that only the user can read; its path. If that fails, print it on stderr."""
    from edge_sale.settings import load

    now = datetime.now()
    text = f"edge-sale {__version__}, Python {sys.version}\n{args}\n\n{traceback.format_exc()}"
    try:
        folder = load().crash_dir
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{now:%Y-%m-%dT%H-%M-%S}.txt"
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        file.chmod(0o600)
    except Exception:  # the first error is the one to report
        click.echo(text, err=True)
        return "the lines above"
    return str(file)
