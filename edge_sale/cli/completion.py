"""`edge-sale completion`: tab completion for the user's shell."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    edge-sale completion bash >> ~/.bashrc
    edge-sale completion zsh  >> ~/.zshrc
    edge-sale completion fish > ~/.config/fish/completions/edge-sale.fish
    """
    from click.shell_completion import get_completion_class

    from edge_sale.cli import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "edge-sale", "_EDGE_SALE_COMPLETE").source())
