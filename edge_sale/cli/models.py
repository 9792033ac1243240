"""`edge-sale models` and `edge-sale pools`: what there is to choose from, what is here, what fits."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import click

from edge_sale.environment import model_caches
from edge_sale.settings import load

# name -> module of edge_sale.cli that holds the command as `name_`
MORE = {
    "add": "models_more",
    "rm": "models_more",
    "verify": "models_more",
    "export": "models_more",
    "import": "models_more",
    "optimise": "models_optimise",
}


class Models(click.Group):
    """Lists models where no command is given; the others are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *MORE]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in MORE:
            return super().get_command(ctx, name)
        command: click.Command = getattr(import_module(f"edge_sale.cli.{MORE[name]}"), f"{name}_")
        return command


@click.group(cls=Models, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
@click.option("--fits", is_flag=True, help="Only what fits into the memory that is free now.")
@click.pass_context
def models(ctx: click.Context, as_json: bool, fits: bool) -> None:
    """List models that have a card, and which are here.

    \b
    edge-sale models
    edge-sale models --fits
    edge-sale models --json | jq ".[] | select(.pulled) | .name"
    """
    if ctx.invoked_subcommand is None:
        _list(as_json, fits)


@models.command("ls")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
@click.option("--fits", is_flag=True, help="Only what fits into the memory that is free now.")
def ls(as_json: bool, fits: bool) -> None:
    """List models that have a card, and which are here.

    \b
    edge-sale models ls
    """
    _list(as_json, fits)


@models.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--hub", is_flag=True, help="Ask the hub too: your words leave this machine.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def search(words: tuple[str, ...], hub: bool, as_json: bool) -> None:
    """Find models by name: cards, other programs' files, the hub.

    Cards and the caches of Ollama, LM Studio, llama.cpp and the hub library are on this machine.
    What is found can be pulled (a card) or added (the rest).

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
        row(found.whose, found.name, str(found.path), found.bytes, f"edge-sale models add {found}")
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


@models.command()
@click.argument("name")
@click.option("--fit", is_flag=True, help="What it needs of memory, beside what is free.")
@click.option("--context", type=click.IntRange(min=1), metavar="N", help="Tokens of context for --fit.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(name: str, fit: bool, context: int | None, as_json: bool) -> None:
    """Show what is known of a model; with --fit, whether it fits.

    \b
    edge-sale models show smollm2-135m
    edge-sale models show smollm2-135m --fit --context 8192
    """
    from edge_sale.catalog import cards
    from edge_sale.cli.models_show import details, fit_of, print_details, print_fit

    settings = load()
    card = cards.load(settings.cards_dir).model(name)
    known = details(card, settings.models_dir)
    if fit or context:
        known["fit"] = fit_of(card, settings, context)
    if as_json:
        click.echo(json.dumps(known, indent=2))
        return
    print_details(known)
    if fit or context:
        print_fit(known["fit"])


def _list(as_json: bool, fits: bool) -> None:
    from edge_sale.catalog import cards, installed
    from edge_sale.cli.models_show import check_of, parameters, roughly_fits
    from edge_sale.hardware.memory import free

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    absent = set(installed.missing(catalogue.models.values(), settings.models_dir))
    room = free(gpus=False) if fits else None
    rows: list[dict[str, Any]] = [
        {
            "name": card.name,
            "title": card.title,
            "role": card.role,
            "kind": card.kind,
            "parameters": card.parameters,
            "bytes": card.bytes,
            "context": card.context,
            "price": card.price,
            "licence": card.licence,
            "sha256": check_of(card, settings.models_dir),
            "pulled": card.name not in absent,
        }
        for card in sorted(catalogue.models.values(), key=lambda card: card.name)
        if room is None or roughly_fits(card, room)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from edge_sale.catalog.memory_fit import size
    from edge_sale.cli.views.tables import price_of, print_table

    print_table(
        ["model", "what", "size", "pull", "context", "$/Mt", "licence", "sha256", "here"],
        [
            [
                row["name"],
                row["title"],
                parameters(row["parameters"]),
                size(row["bytes"]) if row["bytes"] else "",
                str(row["context"]),
                price_of(row["price"]),
                row["licence"],
                row["sha256"],
                "yes" if row["pulled"] else f"edge-sale pull {row['name']}",
            ]
            for row in rows
        ],
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def pools(as_json: bool) -> None:
    """List pools, agents and prices; * is in use.

    \b
    edge-sale pools
    edge-sale run "Write a haiku on rain." --pool starter
    """
    from dataclasses import asdict, replace

    from edge_sale.catalog import cards
    from edge_sale.catalog.pools import in_use, pool_agents

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    current = in_use(catalogue, settings)
    names = sorted({*catalogue.pools, *settings.pools})
    found = [pool_agents(catalogue, replace(settings, pool=name)) for name in names]
    if as_json:
        click.echo(json.dumps([asdict(pool) for pool in found], indent=2))
        return
    from edge_sale.cli.views.tables import price_of, print_table

    print_table(
        ["pool", "agent", "model", "works by", "$/Mt", "judges by", "about"],
        [
            [
                pool.name + (" *" if pool.name == current else ""),
                agent.name,
                agent.model,
                agent.work,
                price_of(agent.price),
                agent.jury,
                agent.about,
            ]
            for pool in found
            for agent in pool.agents
        ],
    )
