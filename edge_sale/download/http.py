"""Send requests to the Hugging Face hub, or to the mirror that HF_ENDPOINT names.

Only this module and remote/client.py send bytes off the machine; the package client that package_client.py starts sends
its own. Every request, each redirect included, is in the egress log before it leaves.

Endpoint, proxies and their exceptions come from the usual environment variables (HF_ENDPOINT, HTTPS_PROXY, NO_PROXY).
The hub's token goes to the hub's own origin alone, never along a redirect to another one. A saved login goes to
huggingface.co alone, HF_TOKEN also to the mirror that HF_ENDPOINT names, and neither goes unencrypted to another
machine. The hub library's `build_hf_headers` is not used: it may itself call the hub, and it sends a saved login to a
mirror too. Its shared client is not used either: it adds a header after a request was counted.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge_sale import __version__
from edge_sale.catalog.cards import Source
from edge_sale.environment import forced_offline, hub_token_given
from edge_sale.remote.egress_log import record

CONNECT_SECONDS = 10.0
MAX_REDIRECTS = 8
BLOCK = 1 << 20  # bytes read from a connection at a time
LONGEST_JSON = 32 << 20  # bytes of an answer that is kept in memory
HUB = "huggingface.co"


class SourceFailed(Exception):
    """Why one source did not give the files. The card's next source is tried."""


@dataclass(frozen=True, slots=True)
class Network:
    """How requests leave: where they are logged, why they are sent, and how many seconds a server may be silent."""

    egress_log: Path
    reason: str
    offline: bool = False
    patience: float = 30.0

    def check_open(self) -> None:
        """Raise SourceFailed where nothing may leave. Called before any client is imported."""
        closed = SourceFailed("offline is set (--offline, offline in config.toml, EDGE_SALE_OFFLINE or HF_HUB_OFFLINE)")
        if self.offline or forced_offline():
            raise closed
        from huggingface_hub import constants

        if constants.HF_HUB_OFFLINE:
            raise closed

    def log(self, host: str, what: str, size: int | None) -> None:
        """Write a request to the egress log, before it is sent. Raises EgressFault."""
        record(self.egress_log, host, what, size, self.reason)


def file_url(source: Source, name: str) -> str:
    """Where the hub, or the mirror that HF_ENDPOINT names, has a file of the source's repository."""
    from huggingface_hub import hf_hub_url

    return hf_hub_url(source.repo, name, subfolder=source.folder or None, revision=source.revision)


def get_json(network: Network, path: str) -> Any:
    """The hub's JSON answer to a GET of `path`, which begins with "/". Raises SourceFailed."""
    network.check_open()
    from huggingface_hub import constants

    try:
        response, _ = send(network, f"{constants.ENDPOINT}{path}", {"Accept": "application/json"})
        try:
            if response.status_code != 200:
                raise SourceFailed(explain_status(response.status_code))
            data = b""
            for chunk in response.iter_raw():
                data += chunk
                if len(data) > LONGEST_JSON:
                    raise SourceFailed(f"the answer is longer than {LONGEST_JSON >> 20} MiB")
            return json.loads(data)
        finally:
            response.close()
    except http_errors() as error:
        raise SourceFailed(str(error) or type(error).__name__) from error
    except ValueError as error:
        raise SourceFailed(f"the hub's answer is not JSON: {error}") from error


def explain_status(status: int) -> str:
    """What an answer without a file means."""
    if status in (401, 403):
        return f"answer {status}: it asks for a login or for its licence to be accepted (hf auth login)"
    return f"answer {status}" + (": there is no such file" if status == 404 else "")


def send(network: Network, url: str, headers: Mapping[str, str]) -> tuple[Any, Mapping[str, str]]:
    """The streaming answer to a GET, and the X-Linked-* headers of the hub's own host on the way to it.

    Redirects are followed one by one, so that each is logged before it is sent, and their bodies are not read.
    """
    network.check_open()
    client = shared_client()
    token = _token(url)
    own = {"User-Agent": f"edge-sale/{__version__}", "Accept-Encoding": "identity"}
    own |= {"Authorization": f"Bearer {token}"} if token else {}
    timeout = (CONNECT_SECONDS, network.patience, network.patience, CONNECT_SECONDS)  # connect, read, write, pool
    request = client.build_request("GET", url, headers={**headers, **own}, timeout=timeout)
    hub_host = request.url.netloc
    linked: dict[str, str] = {}
    for _ in range(MAX_REDIRECTS):
        size = len(b"GET  HTTP/1.1\r\n\r\n") + len(request.url.raw_path)
        size += sum(len(k) + len(v) + 4 for k, v in request.headers.raw)
        host = request.url.netloc.decode("ascii")
        network.log(host, f"GET {request.url.path}", size)
        response = client.send(request, stream=True)
        if request.url.netloc == hub_host:  # another host has no say in what the file is
            linked |= {k: v for k, v in response.headers.items() if k.lower().startswith("x-linked-")}
        following = response.next_request  # without the token, where it goes to another origin
        if following is None:
            return response, linked
        response.close()
        if request.url.scheme == "https" and following.url.scheme != "https":
            raise SourceFailed(f"{host} redirects to an unencrypted address")
        request = following
    raise SourceFailed(f"more than {MAX_REDIRECTS} redirects")


def read_body(response: Any, patience: float) -> Iterator[bytes]:
    """An answer's bytes as they come; ends early where the server does.

    The HTTP client parses 64 KiB at a time, at two thirds of curl's speed. So the rest of a plain answer whose length
    is known is read from its connection (the client's `network_stream`), which is closed afterwards.
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


def http_errors() -> tuple[Any, ...]:
    """What the HTTP client raises where a request fails."""
    client = _http()
    core = importlib.import_module(client.__name__.replace("httpx", "httpcore"))  # `read_body` reads from it
    return client.HTTPError, client.InvalidURL, core.TimeoutException, core.NetworkError, core.ProtocolError


def _http() -> Any:
    """httpx or httpx2: the version of the hub library decides."""
    from huggingface_hub.errors import HfHubHTTPError

    return importlib.import_module(HfHubHTTPError.__bases__[0].__module__.partition(".")[0])


@cache
def shared_client() -> Any:
    """The HTTP client of this process. Raises SourceFailed where a proxy that is named cannot be used."""
    try:
        return _http().Client(follow_redirects=False)
    except (ImportError, ValueError) as error:  # a SOCKS proxy without its package, or an unknown scheme
        raise SourceFailed(f"the proxy that the environment names cannot be used: {error}") from error


def _token(url: str) -> str | None:
    """The user's token, where `url` may have it."""
    from huggingface_hub import constants, get_token

    parts = urlsplit(url)
    host = parts.hostname or ""
    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN or not (host == HUB or hub_token_given()):
        return None
    if parts.scheme != "https" and host not in ("127.0.0.1", "::1", "localhost"):
        return None
    return get_token()
