"""A wire across the network: any Python socket that would leave this machine is refused and logged.

Covers this process and every Python started from it (see sitecustomize.py beside), whatever library
makes the call. Does not cover programs that are not Python, and sockets that C code opens itself.
"""

import ipaddress
import socket
import sys
from pathlib import Path

LOG = "EDGE_SALE_TRIPWIRE_LOG"  # environment variable: the file that refusals are written to

# audit event -> the host or the address among its arguments
ADDRESSED = {
    "socket.connect": lambda sock, address: address,
    "socket.bind": lambda sock, address: address,
    "socket.sendto": lambda sock, address: address,
    "socket.sendmsg": lambda sock, address: address,
    "socket.getaddrinfo": lambda host, *_: host,
    "socket.gethostbyname": lambda host: host,
    "socket.gethostbyaddr": lambda host: host,
    "socket.getnameinfo": lambda address: address,
}


class Tripped(RuntimeError):
    """Not an OSError on purpose: code that forgives network errors does not forgive this one."""


def local(host: object) -> bool:
    """Whether a host, as the socket module takes it, is this machine."""
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    if host in (None, "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def far(event: str, args: tuple) -> object:
    """The host beyond this machine that an audit event is about, or None."""
    if event not in ADDRESSED:
        return None
    target = ADDRESSED[event](*args)
    if isinstance(target, tuple):
        family = getattr(args[0], "family", socket.AF_INET)
        if family not in (socket.AF_INET, socket.AF_INET6):
            return None
        target = target[0]
    elif event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        return None  # a path (AF_UNIX), or a datagram on a socket that is connected already
    return None if local(target) else target


def install(log: Path) -> None:
    """Puts the wire up in this process, for good: an audit hook cannot be taken away."""

    def hook(event: str, args: tuple) -> None:
        if event.startswith("socket.") and (host := far(event, args)) is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{event} {host!r} in {' '.join(sys.argv)[:200]!r}\n")
            raise Tripped(f"{event} to {host!r}: tests stay on this machine")

    sys.addaudithook(hook)
