"""The egress log (`egress.jsonl`): one line for everything that edge-sale sends off this machine.

Both modules that can open a connection, `remote/client.py` and `download/http.py`, write a line first and send
afterwards. Where the line cannot be written, nothing is sent. A line is one JSON object:

    {"time": …, "host": …, "what": "GET /…", "bytes": …, "reason": …}     pulls of models
    … with "id", "remote", "task", "sha256" (of the body), "body" (its bytes), "expected" (cost)
    and, where the user keeps them, "payload"                              requests to a remote
    {"time": …, "answers": id, "status": …, "tokens_in": …, "tokens_out": …, "cost": …}

`bytes` counts the request line, the headers and the body as they are written to the connection, before encryption.
The log covers what edge-sale sends. It does not cover the lookup of a host's name, TLS and TCP themselves, or what a
package client, or a proxy on the way of a pull, adds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_sale.errors import EgressFault

LOCK_SECONDS = 30


def record(log: Path, host: str, what: str, size: int | None, reason: str, **more: Any) -> None:
    """Append the line of a request, before its bytes leave. `size` None: not known. Raises EgressFault."""
    line = {"time": round(time.time(), 3), "host": host, "what": what, "bytes": size, "reason": reason}
    _append(log, line | more)


def record_answer(log: Path, request_id: str, **facts: Any) -> None:
    """Append what became of the request with this id. Raises EgressFault."""
    _append(log, {"time": round(time.time(), 3), "answers": request_id, **facts})


def read(log: Path) -> list[dict[str, Any]]:
    """Return every request in the log, oldest first, with its answer merged in.

    A line that a full disk or a kill cut short is left out. Where it is a request, nothing was sent. Where it is an
    answer, its request counts at the expected cost. Raises EgressFault for any other line that is not one of this
    log's, because a budget cannot be kept on half a log.
    """
    try:
        texts = log.read_bytes().split(b"\n")  # not splitlines: a text may hold other line ends
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EgressFault(f"{log}: cannot be read, so nothing is sent: {error}") from error
    lines: list[dict[str, Any]] = []
    by_id: dict[str, dict[str, Any]] = {}
    for number, text in enumerate(texts, start=1):
        if (number == len(texts) and not text) or (text.startswith(b"{") and not text.rstrip().endswith(b"}")):
            continue
        try:
            line = json.loads(text)
            if "answers" in line:
                by_id.get(line["answers"], {}).update({k: v for k, v in line.items() if k not in ("time", "answers")})
                continue
            float(line["time"])
        except (ValueError, KeyError, TypeError) as error:
            raise EgressFault(
                f"{log}, line {number}: is not a line of the egress log; nothing is sent while it stands there "
                "(move the file aside to begin a new one)"
            ) from error
        lines.append(line)
        if "id" in line:
            by_id[line["id"]] = line
    return lines


@contextmanager
def locked(log: Path) -> Iterator[None]:
    """Hold the log against other processes, between reading what was spent and writing the next request."""
    import filelock

    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{log}.lock", timeout=LOCK_SECONDS):
            yield
    except filelock.Timeout as error:
        raise EgressFault(f"{log}: another process has held it for {LOCK_SECONDS} s, so nothing is sent") from error
    except OSError as error:
        raise EgressFault(f"{log}: cannot be locked, so nothing is sent: {error.strerror or error}") from error


def _append(log: Path, line: Mapping[str, Any]) -> None:
    data = f"{json.dumps(line, ensure_ascii=False)}\n".encode("utf-8", "replace")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _write_whole(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EgressFault(f"{log}: cannot be written, so nothing is sent: {error.strerror or error}") from error


def _write_whole(descriptor: int, data: bytes) -> None:
    """Write the whole line or nothing of it. After a line that was cut short, begin on a new line."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data
    written = 0
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:])
    except OSError:
        if os.fstat(descriptor).st_size == size + written:  # no other process has written meanwhile
            os.ftruncate(descriptor, size)
        raise
