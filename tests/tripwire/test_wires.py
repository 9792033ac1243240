"""The wires are up: each is touched on purpose, and each lets pass what it should."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_sale import settings
from tests.tripwire import home, wire

FAR = "192.0.2.1"  # TEST-NET-1: nobody answers there, should the wire be down


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection((FAR, 80), timeout=0.1),
        lambda: socket.create_connection(("example.invalid", 443), timeout=0.1),
        lambda: socket.getaddrinfo("example.invalid", 443),
        lambda: socket.gethostbyname("example.invalid"),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (FAR, 53)),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect((FAR, 53)),
        lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("2001:db8::1", 53)),
        lambda: socket.socket().bind(("0.0.0.0", 0)),
        lambda: socket.socket().bind(("", 0)),
    ],
)
def test_this_process_cannot_leave_the_machine(reach, refusals):
    """Connecting, resolving, sending and listening beyond loopback are refused and written down."""
    with pytest.raises(wire.Tripped):
        reach()
    assert len(refusals.take()) == 1


def test_a_refusal_that_is_forgiven_is_still_seen(refusals):
    """Code that swallows every exception does not hide that it reached for the network."""
    try:
        socket.create_connection((FAR, 80), timeout=0.1)
    except Exception:
        pass
    assert FAR in refusals.take()[0]


@pytest.mark.parametrize("library", ["urllib.request", "requests", "socket"])
def test_a_child_python_cannot_leave_the_machine(library, refusals):
    """Programs that the tests start stand behind the same wire."""
    calls = {
        "urllib.request": f"urllib.request.urlopen('http://{FAR}/', timeout=1)",
        "requests": f"requests.get('http://{FAR}/', timeout=1)",
        "socket": f"socket.create_connection(('{FAR}', 80), 1)",
    }
    done = subprocess.run([sys.executable, "-c", f"import {library}; {calls[library]}"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Tripped" in done.stderr
    assert FAR in refusals.take()[0]


def test_loopback_is_open_here_and_in_children():
    """Real servers on this machine can be used by tests."""
    for host, family in (("127.0.0.1", socket.AF_INET), ("localhost", socket.AF_INET)):
        with socket.create_server(("127.0.0.1", 0), family=family) as server:
            threading.Thread(target=lambda s=server: s.accept()[0].sendall(b"hello")).start()
            code = f"import socket; print(socket.create_connection(({host!r}, {server.getsockname()[1]})).recv(9))"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "b'hello'\n", done.stderr


def test_unix_sockets_are_open():
    """Sockets that have no host are not the network."""
    a, b = socket.socketpair()
    with a, b:
        a.sendall(b"x")
        assert b.recv(1) == b"x"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", b"localhost", None])
def test_local_hosts(host):
    """All of 127/8, ::1 and the name localhost are this machine."""
    assert wire.local(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example.org", "127.0.0.1.nip.io"])
def test_far_hosts(host):
    """Every address, private networks, and names that only look local are not."""
    assert not wire.local(host)


def test_home_is_the_tests_own():
    """Nothing that the product asks for a folder points at the real home, except the pulled models."""
    own = Path(os.environ["HOME"]).parent
    now = settings.load()
    for path in (Path.home(), now.config_file, now.memory_file, now.egress_log, now.crash_dir):
        assert path.is_relative_to(own)
    without = {name: value for name, value in os.environ.items() if not name.startswith("EDGE_SALE_")}
    for path in (settings.load(without).config_file, settings.load(without).models_dir):
        assert path.is_relative_to(own)


def test_the_home_wire_sees_every_change(tmp_path):
    """New, changed and removed files are told; the catalogue's stamps beside models are not."""
    data = tmp_path / "edge-sale"
    models = data / "models"
    (models / "m").mkdir(parents=True)
    for name in ("gone", "grown", "same", "models/m/m.gguf"):
        (data / name).write_text("x")
    before = home.snapshot([data], models)
    (data / "gone").unlink()
    (data / "grown").write_text("xx")
    (data / "made").write_text("x")
    (models / "m/m.gguf").write_text("xx")
    (models / "m/m.json").write_text("a stamp")
    assert home.changes(before, home.snapshot([data], models)) == [
        f"gone: {data}/gone",
        f"changed: {data}/grown",
        f"new: {data}/made",
        f"changed: {models}/m/m.gguf",
    ]


def test_a_session_that_touches_the_real_home_or_the_network_fails(tmp_path):
    """A whole pytest run over a test that writes to the real config folder ends red, and names the file.

    So does a test that reaches for the network and forgives the refusal.
    """
    root = Path(__file__).parents[2]
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "test_bad.py").write_text(
        "import socket\n"
        "from pathlib import Path\n"
        f"def test_home():\n    Path({str(real)!r}, 'config.toml').write_text('')\n"
        "def test_network():\n"
        "    try:\n"
        f"        socket.create_connection(({FAR!r}, 80), 0.1)\n"
        "    except Exception:\n"
        "        pass\n"
    )
    environment = {**os.environ, "EDGE_SALE_HOME": str(real), "PYTHONPATH": str(root)}
    environment.pop(wire.LOG)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path)]

    def run(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, "-k", name], cwd=tmp_path, env=environment, capture_output=True, text=True)

    done = run("test_home")
    assert done.returncode == 1
    assert "1 passed" in done.stdout
    assert f"TRIPWIRE new: {real}/config.toml" in done.stdout
    done = run("test_network")
    assert done.returncode == 1
    assert "1 passed, 1 deselected, 1 error" in done.stdout
