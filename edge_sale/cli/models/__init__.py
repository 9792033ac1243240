"""`edge-sale models`: the models to choose from, which are on this machine, and what changes them."""

from __future__ import annotations

from importlib import import_module

import click

# command -> (module of edge_sale.cli.models, its function)
COMMANDS = {
    "ls": ("ls", "ls"),
    "search": ("search", "search"),
    "show": ("show", "show"),
    "add": ("add", "add"),
    "rm": ("rm", "rm"),
    "verify": ("verify", "verify"),
    "export": ("bundles", "export"),
    "import": ("bundles", "import_"),
    "optimise": ("optimise", "optimise"),
}


class Models(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, function = COMMANDS[name]
        command: click.Command = getattr(import_module(f"edge_sale.cli.models.{module}"), function)
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
        from edge_sale.cli.models.ls import list_models

        list_models(as_json, fits)
