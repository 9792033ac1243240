"""`edge-sale egress` and `edge-sale costs`: what left this machine, and what it cost."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from edge_sale.errors import UnknownName
from edge_sale.settings import load


@click.command()
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many requests.")
@click.option("--show", "id_", metavar="ID", help="Show one request in full, with its payload where it was kept.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def egress(limit: int, id_: str | None, as_json: bool) -> None:
    """List what left this machine, newest first.

    Every request is logged before it is sent: pulls of models, and requests to remotes.

    \b
    edge-sale egress -n 5
    edge-sale egress --json | jq "map(.bytes) | add"
    """
    from edge_sale.cli.views.consent import payload
    from edge_sale.remote.egress_log import read

    settings = load()
    lines = read(settings.egress_log)
    if id_ is not None:
        found = [line for line in lines if id_ and str(line.get("id", "")).startswith(id_)]
        if not found:
            known = [str(line["id"]) for line in lines[-10:] if "id" in line]
            raise UnknownName("request", id_, known, "edge-sale egress")
        for line in found:
            if as_json:
                click.echo(json.dumps(line, indent=2, ensure_ascii=False))
                continue
            for key, value in line.items():
                if key != "payload":
                    click.echo(f"{key:<10} {_when(value) if key == 'time' else value}")
            unkept = "payload    not kept (keep_payload in [escalate])"
            click.echo(payload(line["payload"]) if "payload" in line else unkept)
        return
    newest = lines[: -limit - 1 : -1]
    if as_json:
        click.echo(json.dumps(newest, indent=2, ensure_ascii=False))
        return
    if not newest:
        click.echo("nothing has left this machine", err=True)
        return
    from edge_sale.cli.views.tables import print_table

    print_table(
        ["when", "id", "host", "what", "bytes", "sha256 of the body", settings.currency, "reason"],
        [
            [
                _when(line["time"]),
                str(line.get("id", "")),
                str(line["host"]),
                str(line["what"]),
                "?" if line["bytes"] is None else str(line["bytes"]),
                str(line.get("sha256", ""))[:16],
                _cost(line),
                str(line["reason"]),
            ]
            for line in newest
        ],
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def costs(as_json: bool) -> None:
    """Show what remotes cost, and what was saved.

    The comparison is with sending every recorded task to the remote at the remote's prices. Where the
    remote did the work, its own token count is used, else the task and the answer that was given.
    Local tokens, those of the auctions included, count at their agents' declared prices.

    \b
    edge-sale costs
    edge-sale costs --json | jq .saved
    """
    from edge_sale.memory.costs import compare
    from edge_sale.remote.budget import requests_to_remotes, total_cost
    from edge_sale.remote.config import fallback
    from edge_sale.remote.egress_log import read

    settings = load()
    lines = read(settings.egress_log)
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    paid = {
        "today": total_cost(requests_to_remotes(lines), today.timestamp()),
        "month": total_cost(requests_to_remotes(lines), today.replace(day=1).timestamp()),
        "ever": total_cost(requests_to_remotes(lines)),
    }
    against = fallback(settings)
    sums = compare(settings.memory_file, against)
    document: dict[str, Any] = {
        "currency": settings.currency,
        "paid_to_remotes": paid,
        "budget": {"task": settings.per_task, "day": settings.per_day, "month": settings.per_month},
        **sums.to_json(),
        "against": against.name if against else None,
    }
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for name, bound in (("today", settings.per_day), ("month", settings.per_month), ("ever", None)):
        of = f" of {bound:g}" if bound is not None else ""
        click.echo(f"paid to remotes, {name:<7} {paid[name]:>12.6f} {settings.currency}{of}")
    click.echo(f"\n{sums.tasks} recorded tasks, {sums.escalated} of them done by a remote")
    for name, value in (("auctions", sums.auction), ("local work", sums.local), ("work by remotes", sums.remote)):
        click.echo(f"{name:<24} {value:>12.6f} {settings.currency}")
    if against is None or sums.everything is None:
        click.echo("no remote to compare with; add one with: edge-sale remote add", err=True)
        return
    click.echo(f"{'all of it by ' + against.name:<24} {sums.everything:>12.6f} {settings.currency}")
    click.echo(f"{'saved':<24} {sums.saved:>12.6f} {settings.currency}")


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"


def _cost(line: dict[str, Any]) -> str:
    if "remote" not in line:
        return ""
    return f"{line['cost']:.6f}" if "cost" in line else f"≤ {line['expected']:.6f}"
