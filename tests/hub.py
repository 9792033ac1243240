"""Small real files, a hub on loopback that misbehaves on demand, and pulls in processes of their own."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


def write_gguf(path: Path, values: int = 2048) -> Path:
    """Write a GGUF by the gguf package, with scalars, strings, arrays and two tensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(64)
    writer.add_rope_freq_base(10000.0)
    writer.add_causal_attention(True)
    writer.add_token_list(["a", "é", "zebra"])
    writer.add_token_types([1, 1, 3])
    writer.add_tensor("token_embd.weight", np.arange(values, dtype=np.float32).reshape(-1, 32))
    writer.add_tensor("output_norm.weight", np.ones(7, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def card_text(name: str, files: dict[str, bytes], sources: str, make: str = "", **changes: str) -> str:
    """A model card as a user writes it."""
    top = {
        "title": '"Tiny"',
        "role": '"chat"',
        "licence": '"MIT"',
        "parameters": "2048",
        "context": "64",
        "architecture": '"llama"',
        "price": "0.01",
    } | changes
    lines = [f'name = "{name}"', *(f"{key} = {value}" for key, value in top.items())]
    for file, data in files.items():
        lines += ["[[files]]", f'name = "{file}"', f"bytes = {len(data)}", f'sha256 = "{sha256(data)}"']
    return "\n".join([*lines, sources, make]) + "\n"


HUB = '[[sources]]\nkind = "hub"\nrepo = "someone/tiny"\nrevision = "main"\n'
WHEEL = (
    '[[sources]]\nkind = "wheel"\npackage = "tiny-weights"\nversion = "1.0"\nfolder = "tiny_weights"\nbytes = 9000\n'
)


@dataclass
class Seen:
    """One request as the server received it."""

    path: str
    headers: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes of the request: its line and its headers."""
        return len(f"GET {self.path} HTTP/1.1\r\n\r\n") + sum(len(k) + len(v) + 4 for k, v in self.headers.items())


@dataclass
class Hub:
    """A hub that serves `files` by path. Each of its `faults` spoils one request."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[tuple[str, Any]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    etag: str = '"v1"'
    vouch: bool = False  # say sha256 and size of a file before its bytes, as the hub does
    stalled: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        hub = self.hub
        hub.seen.append(Seen(self.path, {k.lower(): v for k, v in self.headers.items()}))
        fault, value = hub.faults.pop(0) if hub.faults else ("", None)
        self.close_connection = True
        if fault == "redirect":
            return self.answer(302, b"", {"Location": value})
        if fault == "status" or self.path not in hub.files:
            return self.answer(value or 404, b"no")
        if fault == "hang":
            hub.stalled.set()
            self.connection.settimeout(20)
            self.connection.recv(1)  # returns when the client hangs up
            return hub.hung_up.set()
        data = hub.files[self.path]
        if fault == "wrong":
            data = bytes(byte ^ 0xFF for byte in data)
        if fault == "longer":
            data += b"more"
        if fault == "shorter":
            data = data[:-value]
        if fault == "flip":
            data = data[:value] + bytes([data[value] ^ 1]) + data[value + 1 :]
        if fault == "drop":
            return None
        begin, wanted = 0, self.headers.get("Range", "")
        same = self.headers.get("If-Range", hub.etag) == hub.etag
        if wanted and same and fault != "ignore-range":
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            if begin >= len(data) or fault == "416":
                return self.answer(416, b"")
        headers = {"ETag": hub.etag}
        if hub.vouch:
            said = hub.files[self.path] if fault != "lie" else b"another"
            headers |= {"X-Linked-Etag": f'"{sha256(said)}"', "X-Linked-Size": str(len(said))}
        if begin and fault == "wrong-start":
            begin -= min(begin, value)
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        body = data[begin:]
        if fault == "slow":
            self.answer(206 if begin else 200, b"", headers, length=len(body))
            for start in range(0, len(body), 1 + len(body) // 4):
                self.wfile.write(body[start : start + 1 + len(body) // 4])
                self.wfile.flush()
                time.sleep(0.01)
            return None
        if fault in ("cut", "stall"):
            self.answer(206 if begin else 200, body[:value], headers, length=len(body))
            if fault == "stall":
                hub.stalled.set()
                hub.go_on.wait(20)
            return None
        return self.answer(206 if begin else 200, body, headers)

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def serve() -> Iterator[Hub]:
    hub = Hub()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield hub
    hub.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


hub = pytest.fixture(serve, name="hub")
other_host = pytest.fixture(serve, name="other_host")

SCRIPT = """
import json, sys
from pathlib import Path
from edge_sale.catalog import cards
from edge_sale.download import pull
from edge_sale.errors import EdgeSaleError

card, home = cards.read_model(Path(sys.argv[1])), Path(sys.argv[2])
more = json.loads(sys.argv[3])
notes, stages = [], []
out = {"notes": notes, "stages": stages}
try:
    path = pull.pull(
        card, models_dir=home / "models", egress_log=home / "egress.jsonl", notice=notes.append,
        progress=lambda stage, done, total: stages.append([stage, done, total]), **more,
    )
    out["path"] = str(path)
except EdgeSaleError as error:
    out["error"], out["kind"] = str(error), type(error).__name__
print(json.dumps(out))
"""


@dataclass
class Puller:
    """Runs pulls as a shell does: each in another process, with its own environment."""

    home: Path
    environment: dict[str, str]

    def start(self, card: Path, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, str(card), str(self.home), json.dumps(more)]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def end(self, child: subprocess.Popen[str]) -> dict[str, Any]:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        assert err == "", "the library prints nothing"
        return json.loads(out)

    def pull(self, card: Path, **more: Any) -> dict[str, Any]:
        return self.end(self.start(card, **more))

    def folder(self, name: str = "tiny") -> Path:
        return self.home / "models" / name

    def egress(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / "egress.jsonl").read_text().splitlines()]


@pytest.fixture
def puller(tmp_path: Path, hub: Hub) -> Puller:
    """Pulls that reach the loopback hub, and no package index."""
    links = tmp_path / "links"
    links.mkdir()
    own = ("PIP_", "HF_", "UV_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": "hf_secret",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(links),
    }
    return Puller(tmp_path / "home", environment)


@pytest.fixture
def tiny(tmp_path: Path, hub: Hub) -> tuple[Path, bytes]:
    """A card of a model that is used as it is pulled, and the bytes that the hub serves for it."""
    data = write_gguf(tmp_path / "source" / "tiny.gguf").read_bytes()
    hub.files["/someone/tiny/resolve/main/tiny.gguf"] = data
    card = tmp_path / "tiny.toml"
    card.write_text(card_text("tiny", {"tiny.gguf": data}, HUB))
    return card, data
