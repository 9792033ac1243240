"""Get a card's files from the Hugging Face hub, several at a time, each from the byte where it broke off.

The hub library's own `hf_hub_download` (2.4) is not used. Our tests show what would be lost with it:

- It deletes what it has of a file when a download fails, and cannot find it again after a kill: the next pull starts
  at byte 0. Within one call it goes on only from the last whole block of 10 MB.
- It writes whatever a server sends to the disk, and checks the length at the end.
- It does not compare a sha256. A hub that changed its file is noticed by nobody.
- It sends up to three requests for one file (which agent calls, HEAD, GET), and needs headers that a plain mirror does
  not send.
- It sends a saved login to a mirror, and a token unencrypted to another machine.
- Where hf_xet is installed, bytes leave through a client of its own that the egress log cannot see.
"""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any

from edge_sale.catalog import staging
from edge_sale.catalog.cards import FileSpec, Source
from edge_sale.download import http
from edge_sale.download.http import SourceFailed
from edge_sale.download.job import PullJob
from edge_sale.download.partial import Part

PROGRESS_BYTES = 1 << 20  # between two reports of progress
TRIES = 3  # in a row that bring no new byte


def fetch(job: PullJob, source: Source, missing: list[FileSpec]) -> None:
    """Bring the missing files into `job.incoming`, verified. Raises SourceFailed for the first that fails."""
    parts = [Part.of(spec, job.incoming) for spec in missing]
    job.check_room(sum(part.spec.bytes - part.size for part in parts))
    staging.abreast(
        [partial(_fetch_file, job, http.file_url(source, part.spec.name), part) for part in parts], job.stop
    )


def _fetch_file(job: PullJob, url: str, part: Part) -> None:
    resumed = part.size > 0
    _download(job, url, part)
    why = job.keep(part.path, part.wanted)
    if why and resumed:  # the bytes of the earlier pull may be the wrong ones
        job.notice(f"{why}; starting over")
        part.drop()
        _download(job, url, part)
        why = job.keep(part.path, part.wanted)
    part.done()
    if why:
        raise SourceFailed(why)


def _download(job: PullJob, url: str, part: Part) -> None:
    """Fill the part to the card's bytes, with another request after each break, while they bring something."""
    failures, total, name = 0, part.spec.bytes, part.spec.name
    while (before := part.size) < total:
        try:
            why = _request_rest(job, url, part)
        except http.http_errors() as error:
            why = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
        if (now := part.size) >= total:
            return
        failures = 0 if now > before else failures + 1
        if not now or failures >= TRIES:
            raise SourceFailed(why if not now else f"{why} (at {now} of {total} bytes; kept)")
        job.notice(f"{name}: {why}; resuming at {now} of {total} bytes")
        time.sleep(0.5 * failures)


def _request_rest(job: PullJob, url: str, part: Part) -> str:
    """Send one request for the rest and append its answer. Return what ended it before the last byte, if anything."""
    response, linked = http.send(job.network, url, part.request())
    try:
        start = part.begins(response.status_code, response.headers)
        if part.size and start is None:
            part.drop()  # the server does not continue what was begun; without the part, it sends the whole file
            return _request_rest(job, url, part)
        if response.status_code not in (200, 206) or start is None:
            raise SourceFailed(http.explain_status(response.status_code))
        _check_length(part.spec, start, response.headers.get("content-length", ""))
        part.remember(response.headers, linked)
        if not part.wanted.sha256:
            name = part.spec.name
            raise SourceFailed(f"neither the card nor the hub says the sha256 of {name}; add it to a card of your own")
        return _append(job, part, response, start)
    finally:
        response.close()


def _check_length(spec: FileSpec, start: int, length: str) -> None:
    if length.isdigit() and start + int(length) != spec.bytes:
        raise SourceFailed(f"{spec.name} there has {start + int(length)} bytes, the card says {spec.bytes}")


def _append(job: PullJob, part: Part, response: Any, start: int) -> str:
    at, reported, spec = start, 0, part.spec
    with part.path.open("ab" if start else "wb", buffering=0) as file:  # unbuffered: a kill loses nothing of it
        for block in http.read_body(response, job.network.patience):
            at += len(block)
            if at > spec.bytes:
                file.truncate(0)
                raise SourceFailed(f"{spec.name} there goes on after the card's {spec.bytes} bytes")
            file.write(block)
            if at - reported >= PROGRESS_BYTES or at == spec.bytes:
                reported = at
                job.progress(f"downloading {spec.name}", at, spec.bytes)
            if job.stop.is_set():
                return "stopped"
    return "the server ended early"
