"""The way out: what may leave, and the one log of everything that does (`egress.jsonl`).

Both modules that can open a connection, `remote/client.py` and `download/http.py`, write here
first and send then: where the line cannot be written, nothing is sent. A line is one JSON object:

    {"time": …, "host": …, "what": "GET /…", "bytes": …, "reason": …}     pulls
    … with "id", "remote", "task", "sha256" (of the body), "body" (its bytes), "expected" (cost)
    and, where the user keeps them, "payload"                              requests to a remote
    {"time": …, "answers": id, "status": …, "tokens_in": …, "tokens_out": …, "cost": …}

`bytes` counts the request line, the headers and the body as they are written to the connection,
before encryption. Covered is what edge-sale sends. Not covered: the lookup of a host's name, TLS
and TCP themselves, and what a package client, or a proxy on the way of a pull, adds.

Money is the log's too, since it is kept where memory is off: a request counts at its expected cost
until its answer says better, so one that was cut off by a crash is never free.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_sale.errors import EgressFault, NotSent
from edge_sale.types import RequestContext

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A request as it stands ready: nothing of it has left yet. `expected` is its cost at most."""

    remote: str
    host: str
    what: str
    body: bytes
    size: int  # bytes of the whole request
    expected: float

    @property
    def digest(self) -> str:
        """sha256 of the body."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that remotes may cost, in the configured currency; None: no bound."""

    task: float | None = None
    day: float | None = None
    month: float | None = None

    def refusal(self, lines: Sequence[Line], task: str, expected: float, now: float) -> str:
        """Why a request of this expected cost would pass a bound, in words; empty where it would not."""
        today = datetime.fromtimestamp(now)
        midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
        spent: dict[str, Callable[[], float]] = {
            "task": lambda: spending(line for line in costing(lines) if line.get("task") == task),
            "day": lambda: spending(costing(lines), midnight.timestamp()),
            "month": lambda: spending(costing(lines), midnight.replace(day=1).timestamp()),
        }
        for name, sum_of in spent.items():
            bound: float | None = getattr(self, name)
            if bound is not None and (already := sum_of()) + expected > bound:
                return (
                    f"it may cost {expected:.6f}, and {already:.6f} of this {name}'s {bound:g} are spent; "
                    f"per_{name} in [escalate] of config.toml is the bound"
                )
        return ""


@dataclass(slots=True)
class EgressGate:
    """What a request to a remote passes, in this order: open at all, affordable, agreed to, logged.

    `closed` says why nothing may leave; `agree` gives why this request may not, or nothing. `task` and
    `reason` are of the errand at hand. Raises NotSent or EgressFault; then nothing has left.
    """

    log: Path
    closed: Callable[[], str]
    agree: Callable[[OutboundRequest], str] = lambda outbound: ""
    budget: Budget = Budget()
    keep: bool = False  # payloads in the log
    context: RequestContext = field(default_factory=RequestContext)
    _agreed: set[tuple[str, str]] = field(default_factory=set)

    def check(self) -> None:
        """Raises NotSent where the egress gate is closed. Called before any client is imported."""
        if why := self.closed():
            raise NotSent(f"nothing leaves this machine: {why}")

    def let_out(self, outbound: OutboundRequest) -> str:
        """The id under which the request is logged; it may be sent when this returns."""
        self.check()
        if why := self.budget.refusal(read(self.log), self.context.task, outbound.expected, time.time()):
            raise NotSent(f"over budget, so nothing was sent to {outbound.remote!r}: {why}")
        known = (self.context.task, outbound.digest)
        if known not in self._agreed:  # the same bytes once more, after a failed try, were agreed to already
            if why := self.agree(outbound):
                raise NotSent(f"nothing was sent to {outbound.remote!r}: {why}")
            self._agreed.add(known)
        line = {
            "id": secrets.token_hex(6),
            "remote": outbound.remote,
            "task": self.context.task,
            "sha256": outbound.digest,
            "body": len(outbound.body),
            "expected": outbound.expected,
        }
        if self.keep:
            line["payload"] = outbound.body.decode("utf-8", "replace")
        with _locked(self.log):  # what others spent meanwhile counts too
            if why := self.budget.refusal(read(self.log), self.context.task, outbound.expected, time.time()):
                raise NotSent(f"over budget, so nothing was sent to {outbound.remote!r}: {why}")
            record(self.log, outbound.host, outbound.what, outbound.size, self.context.reason, **line)
        return str(line["id"])

    def answered(self, id_: str, **what: Any) -> str:
        """Adds what came of a request: status, tokens, cost. Gives why it could not be noted, or nothing.

        Not raised: what was answered is paid for by now, and without the note it counts at its expected cost.
        """
        try:
            _append(self.log, {"time": round(time.time(), 3), "answers": id_, **what})
        except EgressFault as fault:
            return str(fault)
        return ""


def record(log: Path, host: str, what: str, sent: int | None, reason: str, **more: Any) -> None:
    """Appends a line, before the bytes leave; `sent` None: not known. Raises EgressFault."""
    line = {"time": round(time.time(), 3), "host": host, "what": what, "bytes": sent, "reason": reason}
    _append(log, line | more)


def read(log: Path) -> list[dict[str, Any]]:
    """Every line of the log, answers folded into the requests they belong to, oldest first.

    Raises EgressFault naming the line that is none: a budget cannot be kept on half a log. A line that a full disk or
    a kill cut short is left out: of a request it means that nothing was sent, of an answer that the request counts
    at its expected cost.
    """
    try:
        texts = log.read_bytes().split(b"\n")  # other ends of lines may stand within a text
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EgressFault(f"{log}: cannot be read, so nothing is sent: {error}") from error
    lines: list[dict[str, Any]] = []
    waiting: dict[str, dict[str, Any]] = {}
    for number, text in enumerate(texts, start=1):
        if (number == len(texts) and not text) or (text.startswith(b"{") and not text.rstrip().endswith(b"}")):
            continue
        try:
            line = json.loads(text)
            if "answers" in line:
                waiting.get(line["answers"], {}).update({k: v for k, v in line.items() if k not in ("time", "answers")})
                continue
            float(line["time"])
        except (ValueError, KeyError, TypeError) as error:
            raise EgressFault(
                f"{log}, line {number}: is not a line of the egress log; nothing is sent while it stands there "
                "(move the file aside to begin a new one)"
            ) from error
        lines.append(line)
        if "id" in line:
            waiting[line["id"]] = line
    return lines


def costing(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines that cost something: requests to remotes."""
    return (line for line in lines if "remote" in line)


def spending(lines: Iterator[Line], since: float = 0.0) -> float:
    """What these requests cost; one without an answer counts as much as was expected."""
    return sum(float(line.get("cost", line["expected"])) for line in lines if line["time"] >= since)


@contextmanager
def _locked(log: Path) -> Iterator[None]:
    import filelock

    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{log}.lock", timeout=30):
            yield
    except filelock.Timeout as error:
        raise EgressFault(f"{log}: another process has held it for 30 s, so nothing is sent") from error
    except OSError as error:
        raise EgressFault(f"{log}: cannot be locked, so nothing is sent: {error.strerror or error}") from error


def _append(log: Path, line: Mapping[str, Any]) -> None:
    data = f"{json.dumps(line, ensure_ascii=False)}\n".encode("utf-8", "replace")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _write(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EgressFault(f"{log}: cannot be written, so nothing is sent: {error.strerror or error}") from error


def _write(descriptor: int, data: bytes) -> None:
    """Writes a line whole, or not at all; behind one that was cut short it begins on a line of its own."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data
    written = 0
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:])
    except OSError:
        if os.fstat(descriptor).st_size == size + written:  # nobody else has written meanwhile
            os.ftruncate(descriptor, size)
        raise
