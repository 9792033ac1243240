"""Endpoints on loopback: a recorder that keeps every byte it is sent, and many ways of answering badly."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def chunk(text: str = "", *, end: str | None = None, **more: object) -> bytes:
    """One chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": end}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def usage(read: int = 12, written: int = 3) -> bytes:
    """The last chunk, with the token counts."""
    counts = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": counts}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def good(text: str = "def f(x):\n    return x\n") -> bytes:
    """A whole answer in three chunks: 12 tokens read and 3 written."""
    third = len(text) // 3
    pieces = (text[:third], text[third : 2 * third], text[2 * third :])
    return HEAD + b"".join(map(chunk, pieces)) + chunk(end="stop") + usage() + DONE


def refusal(status: int, message: str = "no", headers: str = "", code: str = "") -> bytes:
    """An error as OpenAI's endpoints word it."""
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}"
    return head.encode() + b"Connection: close\r\n\r\n" + body


@dataclass
class Recorder:
    """A server that keeps, for each connection, every byte that came, and answers by `play`."""

    play: Callable[[socket.socket, bytes], None]
    requests: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            data = b""
            try:
                while not whole(data) and (more := connection.recv(65536)):
                    data += more
                if data:
                    self.requests.append(data)
                    self.play(connection, data)
            except OSError:
                pass  # the other side went away, as it should from a bad answer


def whole(data: bytes) -> bool:
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return False
    lines = [line.lower() for line in head.split(b"\r\n")]
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
    return len(body) >= length


def saying(answer: bytes | Callable[[], bytes]) -> Callable[[socket.socket, bytes], None]:
    """A play that sends one answer."""

    def play(connection: socket.socket, data: bytes) -> None:
        connection.sendall(answer if isinstance(answer, bytes) else answer())

    return play


@contextmanager
def recorder(play: Callable[[socket.socket, bytes], None]) -> Iterator[Recorder]:
    """A recorder, listening on a free port of loopback."""
    this = Recorder(play)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        this.port = server.getsockname()[1]

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=this.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield this
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


# --- the ways of answering badly ---------------------------------------------

SLOW = 3.0  # seconds that a slow server goes on for; clients in these tests wait for half a second


def slow_headers(connection: socket.socket, data: bytes) -> None:
    end = time.monotonic() + SLOW
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while time.monotonic() < end:  # a byte now and then: no pause between two is ever long
        connection.sendall(b"X")
        time.sleep(0.05)


def stalled(connection: socket.socket, data: bytes) -> None:
    connection.sendall(HEAD + chunk("one ") + chunk("two "))
    time.sleep(SLOW)


def cut(connection: socket.socket, data: bytes) -> None:
    head = HEAD.replace(b"Connection: close", b"Transfer-Encoding: chunked")
    piece = chunk("one ")
    connection.sendall(head + f"{len(piece):x}\r\n".encode() + piece + b"\r\n" + b'40\r\ndata: {"id"')


def long_line(connection: socket.socket, data: bytes) -> None:
    connection.sendall(HEAD + b"data: ")
    for _ in range(100):
        connection.sendall(b"x" * 2**20)


BOMB = gzip.compress(b"\0" * (64 << 20), 9)  # 64 KB that say 64 MB


def bomb(connection: socket.socket, data: bytes) -> None:
    head = HEAD.replace(b"Connection", f"Content-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\nConnection".encode())
    connection.sendall(head + BOMB)


def endless(connection: socket.socket, data: bytes) -> None:
    connection.sendall(HEAD)
    while True:
        connection.sendall(chunk("word " * 2000))
