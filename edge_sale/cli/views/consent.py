"""Asking before anything leaves: the exact payload, its size and what it may cost, then yes or no."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import click

from edge_sale.remote.egress import OutboundRequest


def asker(currency: str) -> Callable[[OutboundRequest], str]:
    """Gives why a request may not leave, or nothing where the user says yes. Where there is no one to ask: no."""

    def ask(outbound: OutboundRequest) -> str:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            from edge_sale.remote_setup import no_terminal

            return no_terminal(outbound)
        from edge_sale.cli.views.tables import printable

        click.echo(f"\nTo {outbound.remote!r} at {outbound.host} would go, word for word:\n", err=True)
        click.echo(printable(payload(outbound.body.decode("utf-8", "replace"))), err=True)
        click.echo(
            f"\n{outbound.size} bytes with headers, {len(outbound.body)} of them shown above; "
            f"it may cost up to {outbound.expected:.6f} {currency}.",
            err=True,
        )
        try:
            return "" if click.confirm("Send this?", default=False, err=True) else "you said no"
        except click.Abort as stop:  # as an Exception a client would take it for a broken connection
            raise KeyboardInterrupt from stop

    return ask


def payload(body: str) -> str:
    """A request's body to be read: its JSON indented, with the lines of texts as lines."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False).replace("\\n", "\n    ")
    except ValueError:
        return body
