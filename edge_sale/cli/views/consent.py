"""Ask the user before a request leaves: show its exact payload, its size and what it may cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import click

from edge_sale.remote.egress import OutboundRequest


def asker(currency: str) -> Callable[[OutboundRequest], str]:
    """A function that asks the user about a request. It returns why the request may not leave, or an empty text.

    Without a terminal there is no one to ask, and the request may not leave.
    """

    def ask(outbound: OutboundRequest) -> str:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            from edge_sale.remote_setup import no_terminal

            return no_terminal(outbound)
        from edge_sale.cli.views.tables import printable

        click.echo(f"\nTo {outbound.remote!r} at {outbound.host} this would be sent, word for word:\n", err=True)
        click.echo(printable(payload(outbound.body.decode("utf-8", "replace"))), err=True)
        click.echo(
            f"\n{outbound.size} bytes with headers, {len(outbound.body)} of them shown above; "
            f"it may cost up to {outbound.expected:.6f} {currency}.",
            err=True,
        )
        try:
            return "" if click.confirm("Send this?", default=False, err=True) else "you said no"
        except click.Abort as stop:  # the client would take an Exception for a broken connection
            raise KeyboardInterrupt from stop

    return ask


def payload(body: str) -> str:
    """A request's body for reading: its JSON indented, and line ends in texts shown as line ends."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False).replace("\\n", "\n    ")
    except ValueError:
        return body
