"""docs/cli.md is what the commands say of themselves now."""

from __future__ import annotations

import cli_docs

OUT_OF_DATE = "docs/cli.md is out of date; write it anew with: .venv/bin/python scripts/cli_docs.py"


def test_the_page_is_what_the_commands_say_now():
    """The committed page equals the page that scripts/cli_docs.py makes from today's help texts."""
    current = cli_docs.PAGE.read_text(encoding="utf-8") == cli_docs.page()
    assert current, OUT_OF_DATE


def test_every_command_has_a_section():
    """Each command and subcommand stands on the page under a heading of its own."""
    headings = {line.lstrip("#").strip() for line in cli_docs.page().splitlines() if line.startswith("#")}
    wanted = {context.command_path for context in cli_docs.commands(cli_docs.context_of(cli_docs.cli, "edge-sale"))}
    assert sorted(wanted - headings) == []
    assert len(wanted) > 40
