"""Tables as Markdown, drawn by rich."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """A Markdown table. The columns with an index in `right` are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.MARKDOWN)
    for i, name in enumerate(head):
        table.add_column(Text(_escaped(name)), justify="right" if i in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_escaped(cell)) for cell in row))
    console = Console(file=io.StringIO(), width=100_000, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(table)
    lines = [line.strip() for line in captured.get().splitlines() if line.strip()]
    rules = lines[1].split("|")[1:-1]  # box.MARKDOWN draws no alignment
    lines[1] = "|" + "|".join(f"{rule[:-1]}:" if i in right else rule for i, rule in enumerate(rules)) + "|"
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
