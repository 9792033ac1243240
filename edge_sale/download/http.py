"""All of the catalogue's bytes that leave the machine leave here: to a hub, or by a package client.

With remote/client.py the only module that sends; each request is written to the egress log
before it leaves.

Endpoint, proxies and their exceptions come from the usual environment variables (HF_ENDPOINT,
HTTPS_PROXY, NO_PROXY). A token of the Hugging Face hub goes to the hub's own origin alone, never
along a redirect; a saved login goes to huggingface.co alone, HF_TOKEN also to the mirror that
HF_ENDPOINT names, and neither in the clear to another machine. The hub library's
`build_hf_headers` is not used: it may itself call the hub to ask which agents it knows, and
tells it which one is running.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sale import __version__
from edge_sale.catalog.cards import Source
from edge_sale.remote.egress_log import record
from edge_sale.settings import child_environment, forced_offline, hub_token_given

CONNECT_S = 10.0
MAX_REDIRECTS = 8
BLOCK = 1 << 20  # bytes read off a connection at a time
ANSWER = 32 << 20  # bytes of an answer that is kept in memory
HUB = "huggingface.co"


class OutOfReach(Exception):
    """Why one source did not give the files; the next one is tried."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How to send: where that is written down, why it is done, and how long a server may be silent."""

    egress_log: Path
    reason: str
    offline: bool = False
    patience: float = 30.0  # seconds

    def check(self) -> None:
        """Raises OutOfReach where nothing may leave."""
        closed = OutOfReach("offline is set (--offline, offline in config.toml, EDGE_SALE_OFFLINE or HF_HUB_OFFLINE)")
        if self.offline or forced_offline():  # before any client is imported
            raise closed
        from huggingface_hub import constants

        if constants.HF_HUB_OFFLINE:
            raise closed


def file_url(source: Source, name: str) -> str:
    """Where the hub, or the mirror that HF_ENDPOINT names, has a file of the source's repository."""
    from huggingface_hub import hf_hub_url

    return hf_hub_url(source.repo, name, subfolder=source.folder or None, revision=source.revision)


def ask(wire: Wire, path: str) -> Any:
    """The hub's JSON answer to a GET of `path`, which begins with "/". Raises OutOfReach."""
    from huggingface_hub import constants

    try:
        response, _ = send(wire, f"{constants.ENDPOINT}{path}", {"Accept": "application/json"})
        try:
            if response.status_code != 200:
                raise OutOfReach(refusal(response.status_code))
            return json.loads(_bounded(response))
        finally:
            response.close()
    except http_errors() as error:
        raise OutOfReach(str(error) or type(error).__name__) from error
    except ValueError as error:
        raise OutOfReach(f"the hub's answer is not JSON: {error}") from error


def _bounded(response: Any) -> bytes:
    data = b""
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > ANSWER:
            raise OutOfReach(f"the answer is longer than {ANSWER >> 20} MiB")
    return data


def refusal(status: int) -> str:
    """What an answer that is no file means."""
    if status in (401, 403):
        return f"answer {status}: it asks for a login or for its licence to be accepted (hf auth login)"
    return f"answer {status}" + (": there is no such file" if status == 404 else "")


def send(wire: Wire, url: str, headers: Mapping[str, str]) -> tuple[Any, Mapping[str, str]]:
    """The streaming answer to a GET, and what the hub's own host said on the way to it.

    Redirects are followed by hand so that each hop is logged first.
    """
    from huggingface_hub import get_session

    wire.check()
    token = _token(url)
    own = {"User-Agent": f"edge-sale/{__version__}", "Accept-Encoding": "identity"}
    own |= {"Authorization": f"Bearer {token}"} if token else {}
    try:
        client = get_session()
    except (ImportError, ValueError) as error:  # of SOCKS, or of a scheme that nobody knows
        raise OutOfReach(f"the proxy that the environment names cannot be used: {error}") from error
    wait = (CONNECT_S, wire.patience, wire.patience, CONNECT_S)  # connect, read, write, pool
    request = client.build_request("GET", url, headers={**headers, **own}, timeout=wait)
    home = request.url.netloc
    vouched: dict[str, str] = {}
    for _ in range(MAX_REDIRECTS):
        sent = len(request.url.raw_path) + 16 + sum(len(k) + len(v) + 4 for k, v in request.headers.raw)
        where = request.url.netloc.decode("ascii")
        record(wire.egress_log, where, f"GET {request.url.path}", sent, wire.reason)
        response = client.send(request, stream=True, follow_redirects=False)
        if request.url.netloc == home:  # where it sends us on to has no say in what the file is
            vouched |= {k: v for k, v in response.headers.items() if k.lower().startswith("x-linked-")}
        if response.next_request is None:
            return response, vouched
        response.close()
        if request.url.scheme == "https" and response.next_request.url.scheme != "https":
            raise OutOfReach(f"{where} sends on to an unencrypted address")
        request = response.next_request  # without the token, where the origin is another
    raise OutOfReach(f"more than {MAX_REDIRECTS} redirects")


def body(response: Any, patience: float) -> Iterator[bytes]:
    """An answer's bytes as they come; ends early where the server does.

    The HTTP client parses 64 KiB at a time, at two thirds of curl's speed. So the rest of a plain answer whose
    length is known is read off its connection (the client's `network_stream`), which is closed behind it.
    """
    chunks = response.iter_raw()
    first = next(chunks, b"")
    yield first
    length = response.headers.get("content-length", "")
    stream = response.extensions.get("network_stream")
    plain = response.http_version.startswith("HTTP/1.") and "transfer-encoding" not in response.headers
    if stream is None or not plain or not length.isdigit():
        yield from chunks
        return
    left = int(length) - len(first)
    while left > 0 and (block := stream.read(min(left, BLOCK), timeout=patience)):
        left -= len(block)
        yield block


def _token(url: str) -> str | None:
    """The user's token, where `url` may have it."""
    from urllib.parse import urlsplit

    from huggingface_hub import constants, get_token

    parts = urlsplit(url)
    host = parts.hostname or ""
    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN or not (host == HUB or hub_token_given()):
        return None
    if parts.scheme != "https" and host not in ("127.0.0.1", "::1", "localhost"):
        return None
    return get_token()


def http_errors() -> tuple[Any, ...]:
    """What the hub library's HTTP client raises: httpx's or httpx2's, its version decides."""
    from huggingface_hub.errors import HfHubHTTPError

    http_error = HfHubHTTPError.__bases__[0]
    client = importlib.import_module(http_error.__module__.partition(".")[0])
    core = importlib.import_module(client.__name__.replace("httpx", "httpcore"))  # what `body` reads from
    return http_error, client.InvalidURL, core.TimeoutException, core.NetworkError, core.ProtocolError


# --- a package client --------------------------------------------------------


def run_client(wire: Wire, command: list[str], requirement: str, scratch: Path, on_size: Callable[[int], None]) -> None:
    """Runs the ordinary package client in `scratch`; `on_size` hears what lies there, and may raise.

    Raises OutOfReach with what the client said. Its requests are its own: the log has one line for all.
    """
    wire.check()
    folder = str(scratch)
    environment = child_environment(TMPDIR=folder, TEMP=folder, TMP=folder)
    said = scratch / "said"
    record(wire.egress_log, "package index via pip", requirement, None, wire.reason)
    with said.open("wb") as out:
        # no shell; package and version come from a checked card
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
    try:
        while child.poll() is None:
            on_size(sum(_size(Path(at, name)) for at, _, names in os.walk(scratch) for name in names))
            time.sleep(0.2)
    finally:
        _stop(child)
    if child.returncode != 0:
        lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        told = [line for line in lines if line.lower().startswith("error")] or lines or ["it said nothing"]
        raise OutOfReach(f"{Path(command[0]).name} ended with {child.returncode}: {told[-1].strip()[:300]}")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _stop(child: subprocess.Popen[bytes]) -> None:
    """The child is gone when this returns, whatever ended the waiting."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
