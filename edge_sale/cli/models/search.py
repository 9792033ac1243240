"""`edge-sale models search`: find models by name, here and on the hub."""

from __future__ import annotations

import json
from typing import Any

import click

from edge_sale.environment import model_caches
from edge_sale.settings import load


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--hub", is_flag=True, help="Ask the hub too: your words leave this machine.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def search(words: tuple[str, ...], hub: bool, as_json: bool) -> None:
    """Find models by name: cards, other programs' files, the hub.

    Looks at cards, and at the files of Ollama, LM Studio, llama.cpp and the hub library on this machine.
    A card can be pulled; anything else can be added.

    \b
    edge-sale models search qwen
    edge-sale models search coder 7b --hub
    """
    from edge_sale.catalog import caches, cards

    settings = load()
    lower = [word.lower() for word in words]
    rows: list[dict[str, Any]] = []

    def row(where: str, name: str, what: str, size: int, command: str) -> None:
        if all(word in f"{name} {what}".lower() for word in lower):
            rows.append({"where": where, "name": name, "what": what, "bytes": size, "command": command})

    for card in cards.load(settings.cards_dir).models.values():
        repos = " ".join(source.repo for source in card.sources)
        row("card", card.name, f"{card.title} {repos}".strip(), card.bytes, f"edge-sale pull {card.name}")
    for found in caches.find(model_caches()):
        row(found.program, found.name, str(found.path), found.bytes, f"edge-sale models add {found}")
    if hub:
        from edge_sale.download.repository import search as search_hub

        for repo, downloads in search_hub(" ".join(words), settings.egress_log, bool(settings.closed)):
            what, command = f"{downloads} downloads", f"edge-sale models add {repo}"
            rows.append({"where": "hub", "name": repo, "what": what, "bytes": 0, "command": command})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo(f"nothing here is called {' '.join(words)!r}" + ("" if hub else "; ask the hub too with --hub"))
        return
    from edge_sale.catalog.memory_fit import size
    from edge_sale.cli.views.tables import print_table

    print_table(
        ["where", "model", "what", "size", "get it with"],
        [[r["where"], r["name"], r["what"], size(r["bytes"]) if r["bytes"] else "", r["command"]] for r in rows],
    )
