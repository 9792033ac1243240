"""Whole sessions inside network namespaces send nothing, as seen from outside of Python.

One namespace has only loopback. The other has a default route into a link that does not answer and whose packets the
kernel counts. strace sees every connect and every name lookup, whatever library makes it. Each has a control: a
request made on purpose, which must be seen. Nothing can get further than the namespace.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.cli.kit import CONFIG, new_home

ROOT = Path(__file__).parents[2]
UNSHARE = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]
LOOPBACK = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up"
# no ARP and no IPv6, so that the link carries what programs send and nothing of the kernel's own
SINK = (
    LOOPBACK
    + """
ip link add v0 type veth peer name v1
ip link set v0 arp off up; ip link set v1 arp off up
ip address add 192.0.2.2/24 dev v0; ip route add default dev v0
"""
)
COUNT = "ip -s -j link show v0"
REMOTE = '[remotes.far]\nurl = "http://192.0.2.9/v1"\nmodel = "m"\nprice_in = 3\nprice_out = 9\n'
REQUEST = """
import socket
for ask in (lambda: socket.create_connection(("192.0.2.1", 80), 0.3),
            lambda: socket.getaddrinfo("edge-sale.example", 80)):
    try:
        ask()
    except OSError as error:
        print(error)
"""


@dataclass(frozen=True)
class Seen:
    """What one session did: its output, the connections and lookups that strace saw, and the packets on the link."""

    output: str
    connects: list[str]
    lookups: list[str]
    packets: int


@cache
def why_not() -> str:
    """Why network namespaces cannot be used here. Empty where they can."""
    for name in ("unshare", "ip", "strace"):
        if not shutil.which(name):
            return f"{name} is not installed"
    done = subprocess.run([*UNSHARE, "bash", "-ec", SINK], capture_output=True, text=True)
    if done.returncode:
        return f"no network namespace with a link of its own here: {done.stderr.strip()[-200:]}"
    done = subprocess.run([*UNSHARE, "strace", "-f", "true"], capture_output=True, text=True)
    return "" if done.returncode == 0 else "strace may not trace here"


@pytest.fixture(autouse=True)
def namespaces() -> None:
    if why := why_not():
        pytest.skip(why)


def session(setup: str, commands: Sequence[Sequence[str]], folder: Path, home: Path, **changes: str) -> Seen:
    """Run the commands one after the other in a namespace of their own. `folder` is for this session alone."""
    folder.mkdir(exist_ok=True)
    log = folder / "strace.txt"
    traced = f"strace -f -qq -A -e trace=connect,sendto,sendmsg,sendmmsg -o {log}"
    lines = [f'{traced} {" ".join(map(quoted, command))} || echo "exit $?"' for command in commands]
    sink = setup == SINK
    script = "\n".join([setup, *lines, f"{COUNT} > {folder}/count.json" if sink else ""])
    kept = {k: v for k, v in os.environ.items() if k != "EDGE_SALE_TRIPWIRE_LOG"}  # what is tested is the kernel's view
    done = subprocess.run(
        [*UNSHARE, "bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=home,
        stdin=subprocess.DEVNULL,
        env={**kept, "PYTHONPATH": str(ROOT), "EDGE_SALE_HOME": str(home), **changes},
    )
    calls = [line for line in log.read_text().splitlines() if re.search(r"sa_family=AF_INET6?,", line)]
    packets = 0
    if sink:
        packets = json.loads((folder / "count.json").read_text())[0]["stats64"]["tx"]["packets"]
    far = [call for call in calls if not re.search(r'inet_addr\("127\.|"::1"', call)]
    lookups = [call for call in calls if re.search(r"sin6?_port=htons\(53\)", call)]
    return Seen(done.stdout + done.stderr, far, lookups, packets)


def quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def edge(*words: str) -> list[str]:
    return [sys.executable, "-m", "edge_sale", *words]


FULL = [
    edge("run", "Write a function that doubles every number.", "--seed", "1", "-a", "junior", "-a", "lists"),
    edge(
        "run",
        "Write a function that sorts a list.",
        "--seed",
        "2",
        "-a",
        "junior",
        "--trace",
        "t.jsonl",
        "--check",
        "assert False",
        "--sandbox",
        "none",
    ),
    edge("bid", "Write a function that reverses a list.", "--seed", "3", "-a", "junior", "--json"),
    *(
        edge(*words)
        for words in (
            ("history",),
            ("show",),
            ("trace", "t.jsonl"),
            ("models",),
            ("pools",),
            ("config",),
            ("remote", "list"),
            ("egress",),
            ("costs",),
            ("--version",),
            ("--help",),
            ("completion", "bash"),
        )
    ),
]


@pytest.mark.parametrize("setup", [LOOPBACK, SINK], ids=["loopback", "sink"])
def test_control_a_request_is_seen(setup: str, tmp_path: Path) -> None:
    """The control: strace and the link's packet count both see a connection and a lookup that are made on purpose."""
    seen = session(setup, [[sys.executable, "-c", REQUEST]], tmp_path, new_home(tmp_path / "home"))
    assert any('inet_addr("192.0.2.1")' in call for call in seen.connects)
    assert seen.lookups != []
    assert seen.packets > 0 or setup == LOOPBACK


@pytest.mark.parametrize("setup", [LOOPBACK, SINK], ids=["loopback", "sink"])
def test_a_full_session_sends_nothing(setup: str, tmp_path: Path) -> None:
    """Every command but pull, with a remote and without consent: 0 packets, 0 lookups, 0 connections to other hosts."""
    home = new_home(tmp_path / "home", CONFIG + REMOTE)
    seen = session(setup, FULL, tmp_path, home)
    assert "def " in seen.output and "Traceback" not in seen.output
    assert "there is no terminal to ask on" in seen.output  # the fallback was wanted, and held back
    assert (seen.connects, seen.lookups, seen.packets) == ([], [], 0)


def test_offline_sends_nothing_where_the_policy_would(tmp_path: Path) -> None:
    """With policy auto the same run sends; with --offline it does not."""
    task = (
        "run",
        "Write a function that doubles every number.",
        "--seed",
        "1",
        "-a",
        "junior",
        "--escalate",
        "auto",
        "--check",
        "assert False",
        "--sandbox",
        "none",
    )
    home = new_home(tmp_path / "home", CONFIG + REMOTE + "seconds = 2\n")
    sent = session(SINK, [edge(*task)], tmp_path / "sent", home)
    assert any("192.0.2.9" in call for call in sent.connects) and sent.packets > 0
    kept = session(SINK, [edge(*task, "--offline")], tmp_path / "kept", home)
    assert (kept.connects, kept.lookups, kept.packets) == ([], [], 0)
    assert "Traceback" not in kept.output
