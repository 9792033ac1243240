"""`edge-sale doctor`: check this machine and the setup; each line is ok or names a way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import click

from edge_sale.cli.doctor_machine import Check, disk, llama, memory, python
from edge_sale.cli.doctor_setup import database, models, network, sandbox
from edge_sale.settings import Settings, load

CHECKS: list[Callable[[Settings], list[Check]]] = [python, llama, memory, disk, sandbox, database, models, network]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def doctor(as_json: bool) -> None:
    """Check this machine: llama.cpp, memory, models, sandbox.

    Each line is ok, or says what to do. The exit code is 1 if something does not work. Nothing is sent.

    \b
    edge-sale doctor
    edge-sale doctor --json | jq '.[] | select(.state != "ok")'
    """
    from edge_sale.errors import EdgeSaleError

    settings = load()
    checks = [check for checked in CHECKS for check in checked(settings)]
    bad = [check.name for check in checks if check.state == "bad"]
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
        if bad:
            raise click.exceptions.Exit(1)
        return
    for check in checks:
        click.echo(f"{check.state:<4}  {check.name:<10}  {check.found}")
        if check.way_out:
            click.echo(f"{'':<4}  {'':<10}  -> {check.way_out}")
    if bad:
        raise EdgeSaleError(f"{', '.join(bad)}: does not work yet; the lines above say what to do")
