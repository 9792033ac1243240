#!/usr/bin/env python3
"""Writes docs/cli.md, the reference of every command, from the commands' own help texts: scripts/cli_docs.py

Run it with the checkout's Python after a help text has changed: `.venv/bin/python scripts/cli_docs.py`.
tests/docs/test_cli_page.py fails while the page and the help texts differ.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "cli.md"
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

import click  # noqa: E402 - the checkout's edge_sale comes first

from edge_sale.cli import cli  # noqa: E402

INTRODUCTION = """\
# Command line

<!-- Made by scripts/cli_docs.py from the help texts of the commands. Change those, then run it again. -->

Every command explains itself with `--help`. This page is the same text on one page.
"""

EXIT_CODES = """\
## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | something that you can put right, a task that was refused, or an answer that failed its check |
| 2 | wrong usage: an unknown command or option, or a missing argument |
| 3 | a bug in edge-sale; a crash file is written on this machine and its path is printed |
| 130 | stopped with ^C |
| 143, 129 | ended by SIGTERM or SIGHUP |

With `--json`, a failure is one JSON document on stdout (`{"error": ..., "exit": ...}`) beside the line on stderr.
"""


def page() -> str:
    """The whole page, as it should stand in docs/cli.md."""
    top = context_of(cli, "edge-sale")
    parts = [INTRODUCTION, overview(top), "## edge-sale", *body(top)]
    for context in commands(top):
        depth = context.command_path.count(" ")
        parts += [f"{'#' * (1 + depth)} {context.command_path}", *body(context)]
    return "\n\n".join(part.strip("\n") for part in [*parts, EXIT_CODES]) + "\n"


def commands(parent: click.Context) -> Iterator[click.Context]:
    """Every command below `parent`, each group before its own commands, hidden ones left out."""
    group = parent.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is None or command.hidden:
            continue
        context = context_of(command, name, parent)
        yield context
        yield from commands(context)


def context_of(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, parent, name, **command.context_settings)


def overview(top: click.Context) -> str:
    """A line for each command, linked to its section."""
    return "\n".join(
        f"- [`{context.command_path}`](#{context.command_path.replace(' ', '-')}): {summary(context.command)}"
        for context in commands(top)
        if context.command_path.count(" ") == 1
    )


def summary(command: click.Command) -> str:
    """The first sentence of a command's help."""
    return command.get_short_help_str(limit=10_000)


def body(context: click.Context) -> list[str]:
    """Usage, help, examples, options and subcommands of one command, as Markdown blocks."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    blocks = [f"```text\n{usage}\n```", *paragraphs(command.help or "")]
    options = [
        record
        for param in command.get_params(context)
        if isinstance(param, click.Option) and (record := param.get_help_record(context))
    ]
    if options:
        blocks.append("Options:\n\n" + "\n".join(f"- `{names}`: {' '.join(text.split())}" for names, text in options))
    inner = [each for each in commands(context) if each.parent is context]
    if inner and context.parent is not None:
        blocks.append("Commands:\n\n" + "\n".join(f"- `{each.info_name}`: {summary(each.command)}" for each in inner))
    return blocks


def paragraphs(text: str) -> Iterator[str]:
    """A help text as Markdown: paragraphs on one line, and what click is told not to wrap as code."""
    for paragraph in inspect.cleandoc(text).split("\f")[0].split("\n\n"):
        if paragraph.startswith("\b\n"):
            lines = paragraph.removeprefix("\b\n")
            language = "sh" if lines.startswith(("edge-sale", "./")) else "text"
            yield f"```{language}\n{inspect.cleandoc(lines)}\n```"
        elif paragraph.strip():
            yield " ".join(paragraph.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    click.echo(f"{PAGE.relative_to(ROOT)}: {len(list(commands(context_of(cli, 'edge-sale'))))} commands")
