"""The egress gate: every request to a remote passes it, or nothing of the request leaves this machine."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_sale.errors import EgressFault, NotSent
from edge_sale.remote import egress_log
from edge_sale.remote.budget import Budget
from edge_sale.types import RequestContext


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A request that is ready to be sent, of which nothing has left yet."""

    remote: str
    host: str
    what: str  # method and path
    body: bytes
    size: int  # bytes of the whole request
    expected: float  # the most that it may cost

    @property
    def digest(self) -> str:
        """sha256 of the body."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(slots=True)
class EgressGate:
    """Checks a request to a remote in this order: is anything allowed out, is it affordable, does the user agree.

    Then the gate writes the request to the egress log. `closed` returns why nothing may leave, and `consent` why this
    request may not; an empty text allows it. `context` says for which task and why a request leaves. Raises NotSent
    or EgressFault; then nothing has left.
    """

    log: Path
    closed: Callable[[], str]
    consent: Callable[[OutboundRequest], str] = lambda outbound: ""
    budget: Budget = field(default_factory=Budget)
    keep_payload: bool = False  # write the request bodies to the log
    context: RequestContext = field(default_factory=RequestContext)
    _consented: set[tuple[str, str]] = field(default_factory=set)

    def check_open(self) -> None:
        """Raise NotSent where nothing may leave. Called before any client is imported."""
        if why := self.closed():
            raise NotSent(f"nothing leaves this machine: {why}")

    def authorise(self, outbound: OutboundRequest) -> str:
        """Check and log a request. When this returns the request's id, it may be sent."""
        self.check_open()
        self._check_budget(outbound)
        # a retry sends the same bytes for the same task: the user is asked once
        asked_for = (self.context.task, outbound.digest)
        if asked_for not in self._consented:
            if why := self.consent(outbound):
                raise NotSent(f"nothing was sent to {outbound.remote!r}: {why}")
            self._consented.add(asked_for)
        line = {
            "id": secrets.token_hex(6),
            "remote": outbound.remote,
            "task": self.context.task,
            "sha256": outbound.digest,
            "body": len(outbound.body),
            "expected": outbound.expected,
        }
        if self.keep_payload:
            line["payload"] = outbound.body.decode("utf-8", "replace")
        with egress_log.locked(self.log):
            self._check_budget(outbound)  # again: other processes may have spent meanwhile
            egress_log.record(self.log, outbound.host, outbound.what, outbound.size, self.context.reason, **line)
        return str(line["id"])

    def record_answer(self, request_id: str, **facts: Any) -> str:
        """Log what became of a request: status, tokens, cost. Return why that failed, or an empty text.

        A failure is not raised: the answer is paid for by now, and without the line it counts at its expected cost.
        """
        try:
            egress_log.record_answer(self.log, request_id, **facts)
        except EgressFault as fault:
            return str(fault)
        return ""

    def _check_budget(self, outbound: OutboundRequest) -> None:
        lines = egress_log.read(self.log)
        if why := self.budget.refusal(lines, self.context.task, outbound.expected, time.time()):
            raise NotSent(f"over budget, so nothing was sent to {outbound.remote!r}: {why}")
