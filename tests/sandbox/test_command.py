"""Commands of agents: the escape lists of Codex's and Anthropic's sandboxes done again, each beside a control.

A control runs the same thing where it is allowed, bare or inside the copy, and must be seen to succeed:
otherwise a program that is not installed would pass for one that was held back.
"""

import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_sale import sandbox
from edge_sale.errors import SandboxMissing
from edge_sale.sandbox import seatbelt
from edge_sale.sandbox.command import Place, command_level, output_of, run_command
from edge_sale.sandbox.git_config import without_passwords
from edge_sale.sandbox.tool_chains import tool_chains
from tests.sandbox.test_python import surviving

wrapped = pytest.mark.skipif(command_level().startswith("missing"), reason=f"sandbox {command_level()}")
PYTHON = sys.executable
SPARE = 2.0


@pytest.fixture
def place(tmp_path):
    """A repository with its private copy. A folder `home` beside it holds the user's own files."""
    root, copy, home = tmp_path / "project", tmp_path / "copy", tmp_path / "home"
    for folder in (root, copy, home):
        folder.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / "a.txt").write_text("the user's\n")
    (copy / "a.txt").write_text("a copy\n")
    (home / "secret").write_text("s3cret")
    return Place(root, copy, os.environ["PATH"])


class Yes(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"HTTP/1.0 200 OK\r\n\r\nreached")


@pytest.fixture
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Yes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


MODES = [pytest.param("bwrap", marks=wrapped), "none"]
BOTH = [pytest.param("bwrap", False, marks=wrapped), ("none", True)]


@pytest.mark.parametrize("mode", MODES)
def test_a_command_stands_in_the_copy(place, mode):
    """A command reads and writes the copy, and the user's folder stays unchanged."""
    ran = run_command("cat a.txt; echo new > b.txt; exit 3", place, mode=mode)
    assert (ran.exit_code, ran.stdout) == (3, "a copy\n")
    assert (place.copy / "b.txt").read_text() == "new\n"
    assert sorted(path.name for path in place.root.iterdir()) == [".git", "a.txt"]


@wrapped
def test_a_command_believes_to_be_in_the_users_folder(place):
    """The copy stands at the folder's own path, so absolute paths and installed projects work."""
    assert run_command("pwd", place).stdout == f"{place.root}\n"
    assert run_command(f"cat {place.root}/a.txt", place).stdout == "a copy\n"


SENDERS = {
    "curl": "curl -s -m 3 http://127.0.0.1:{port}/",
    "bash": "exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3",
    "python": PYTHON + " -c \"import socket; print(socket.create_connection(('127.0.0.1', {port}), 3).recv(99))\"",
    "node": "node -e \"require('http').get('http://127.0.0.1:{port}/', r => r.on('data', d => console.log(''+d)))\"",
    "perl": "perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(\"127.0.0.1:{port}\")->getline'",
    "wget": "wget -q -T 3 -O - http://127.0.0.1:{port}/",
    "nc": "nc -w 2 127.0.0.1 {port} </dev/null",
}


@pytest.mark.parametrize("name", SENDERS)
@pytest.mark.parametrize("mode, expected", BOTH)
def test_nothing_reaches_a_server(place, server, name, mode, expected):
    """No program reaches even this machine's own servers; bare, those that are here do."""
    ran = run_command(SENDERS[name].format(port=server), place, seconds=10, mode=mode)
    there = name == "bash" or subprocess.run(["which", SENDERS[name].split()[0]], capture_output=True).returncode == 0
    said = ran.stdout + ran.stderr
    heard = "reached" in said or "200 OK" in said
    assert heard is (expected and there)


@wrapped
def test_no_name_is_looked_up(place):
    """There is no resolver to ask: only names of this machine's own are known."""
    code = "import socket; print(socket.gethostbyname({!r}))"
    assert run_command(f'{PYTHON} -c "{code.format("localhost")}"', place).stdout == "127.0.0.1\n"
    assert run_command(f'{PYTHON} -c "{code.format("example.com")}"', place, seconds=20).exit_code == 1


@pytest.mark.parametrize("mode, expected", BOTH)
def test_unix_sockets_of_the_machine_are_out_of_reach(place, mode, expected, tmp_path):
    """A service's socket file, such as docker's, is not visible; bare, the service answers."""
    path = str(tmp_path / "home/service.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        code = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({path!r}); print('connected')"
        ran = run_command(f'{PYTHON} -c "{code}"', place, mode=mode)
    assert ("connected" in ran.stdout) is expected


@pytest.mark.parametrize("mode, expected", BOTH)
def test_abstract_sockets_are_out_of_reach(place, mode, expected):
    """Sockets without a file belong to the network's namespace, and are not seen either."""
    name = f"\0edge-sale-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        code = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect(chr(0) + {name[1:]!r}); print('connected')"
        ran = run_command(f'{PYTHON} -c "{code}"', place, mode=mode)
    assert ("connected" in ran.stdout) is expected


@wrapped
@pytest.mark.parametrize("family", ["AF_INET, socket.SOCK_RAW, 1", "AF_PACKET, socket.SOCK_RAW"])
def test_raw_sockets_are_refused(place, family):
    """Without capabilities no packet is made by hand; an ordinary socket can be made."""
    code = "import socket; socket.socket(socket.{}); print('made')"
    assert run_command(f'{PYTHON} -c "{code.format("AF_INET")}"', place).stdout == "made\n"
    assert "made" not in run_command(f'{PYTHON} -c "{code.format(family)}"', place).stdout


@pytest.mark.parametrize("mode, expected", BOTH)
def test_files_outside_are_not_read(place, mode, expected, tmp_path):
    """The user's own file is not visible, neither by its path nor through /proc; bare, it is."""
    path = tmp_path / "home/secret"
    for way in (
        f"cat {path}",
        f"cat /proc/self/root{path}",
        f"cat {place.root}/../home/secret",
        f"ln -s {path} l; cat l",
    ):
        assert ("s3cret" in run_command(way, place, mode=mode).stdout) is expected, way


@pytest.mark.parametrize("mode, expected", BOTH)
def test_files_outside_are_not_written(place, mode, expected, tmp_path):
    """A file outside the copy is not made, by its path, through a link, or through a parent folder."""
    for number, way in enumerate(("{0}", "link/../{0}", "/proc/self/root{0}")):
        made = tmp_path / f"home/made{number}"
        run_command(f"ln -sfn {tmp_path}/home link; echo x > {way.format(made)}; true", place, mode=mode)
        assert made.exists() is (expected and "link/" not in way), way


@wrapped
@pytest.mark.parametrize("path", ["/made", "/usr/made", "/etc/passwd", "/dev/made", "/proc/sys/kernel/core_pattern"])
def test_the_system_is_read_only(place, path):
    """Even the superuser cannot write to the system; the copy and /tmp can be written."""
    ran = run_command(f"echo x > /tmp/x && echo x > x && echo ok; echo x >> {path}", place)
    assert ran.stdout == "ok\n" and ran.exit_code != 0


@wrapped
@pytest.mark.parametrize("path", [".git/config", ".git/hooks/post-commit", ".git/HEAD", ".git/index.lock"])
def test_git_is_read_only(place, path):
    """The repository's own files can be read, and nothing in them is changed."""
    before = {file: file.read_bytes() for file in (place.root / ".git").rglob("*") if file.is_file()}
    ran = run_command(f"git status --short >/dev/null && echo read; echo x >> {path}", place)
    assert ran.stdout == "read\n" and "Read-only file system" in ran.stderr
    assert {file: file.read_bytes() for file in (place.root / ".git").rglob("*") if file.is_file()} == before


@wrapped
def test_git_cannot_be_moved_away(place):
    """Neither moving `.git` nor putting a link in its place gives access to it."""
    ran = run_command("mv .git g; rm -rf .git; ln -sfn /tmp .git; ls .git | head -1", place)
    assert (place.root / ".git/HEAD").exists() and "HEAD" in run_command("ls .git", place).stdout
    assert ran.stdout != ""


@wrapped
def test_passwords_in_gits_configuration_are_not_shown(place):
    """`.git/config` loses everything that logs in anywhere, and keeps where the repository comes from."""
    config = place.root / ".git/config"
    subprocess.run(["git", "-C", str(place.root), "remote", "add", "o", "https://me:s3cret@host/x.git"], check=True)
    assert "s3cret" in config.read_text()
    seen = run_command("cat .git/config; git remote -v", place).stdout
    assert "s3cret" not in seen and "https://host/x.git" in seen
    assert "AUTHORIZATION" not in without_passwords("[http]\n\textraheader = AUTHORIZATION: basic abc\n")
    told = without_passwords(
        '[sendemail]\n smtpPass = hidden\n[hub]\n oauthtoken = hidden\n[http "x"] extraheader = hidden\n'
        '[remote "o"] url = https://me:hidden@host/x\n[core] bare = false\n[remote "p"] token = hidden\n'
    )
    assert "hidden" not in told and "https://host/x" in told and "bare = false" in told


@pytest.mark.parametrize("mode", MODES)
def test_the_users_environment_is_not_passed_on(place, mode, monkeypatch):
    """Keys in environment variables are not visible; PATH is."""
    monkeypatch.setenv("EDGE_SALE_TEST_TOKEN", "s3cret")
    said = run_command("env", place, mode=mode).stdout
    assert "s3cret" not in said and "PATH=" in said


@wrapped
def test_other_processes_are_not_seen_or_touched(place):
    """No other process of the machine, such as this test's, is visible to be traced or killed."""
    ran = run_command(f"ls -d /proc/[0-9]* | wc -l; kill -0 {os.getpid()} && echo reached", place)
    assert int(ran.stdout.split()[0]) < 12 and "reached" not in ran.stdout
    assert "reached" in run_command("kill -0 $$ && echo reached", place).stdout


@wrapped
def test_no_user_namespace_is_made(place):
    """A namespace of its own would give it capabilities again, and a larger part of the kernel to attack."""
    assert run_command("unshare --help", place).exit_code == 0
    assert run_command("unshare -U true", place).exit_code != 0
    assert "NoNewPrivs:\t1" in run_command("cat /proc/self/status", place).stdout
    assert "CapEff:\t0000000000000000" in run_command("cat /proc/self/status", place).stdout


@wrapped
def test_nothing_is_typed_into_the_terminal(place):
    """There is no terminal to push characters into (TIOCSTI, CVE-2017-5226): the session is a new one."""
    code = "import fcntl, termios; fcntl.ioctl(open('/dev/tty'), termios.TIOCSTI, b'x'); print('typed')"
    ran = run_command(f'{PYTHON} -c "{code}"', place)
    assert ran.exit_code == 1 and "typed" not in ran.stdout


@wrapped
def test_no_descriptor_is_inherited(place, tmp_path):
    """A file that this process holds open is not open in the sandbox."""
    with (tmp_path / "home/secret").open() as held:
        os.set_inheritable(held.fileno(), True)
        said = run_command("ls -l /proc/self/fd; ls /proc/self/fd | wc -l", place).stdout
    assert "secret" not in said and int(said.split()[-1]) <= 5


@wrapped
def test_a_model_cannot_set_where_it_stands():
    """A tool call can set neither the folder nor the sandbox mode."""
    from edge_sale.workspace.tools import TOOLS

    assert [p.name for p in TOOLS["run"].parameters] == ["command"]


LIMITS = {
    "an endless loop": ("while :; do :; done", "still running"),
    "a sleep": ("sleep 60", "still running"),
    "a background child that holds the output": ("sleep 60 & sleep 60", "still running"),
    # not without end, so that a limit that fails hurts nobody else on this machine
    "a fork bomb": (
        f"{PYTHON} -c 'import os, time\nfor _ in range(11):\n try: os.fork()\n except OSError: pass\ntime.sleep(60)'",
        "",
    ),
    "10 GB of output": ("yes | head -c 10000000000", ""),
    "a file without end": ("head -c 2000000000 /dev/zero > big", ""),
    "memory without end": (f'{PYTHON} -c "x = bytearray(20 * 2**30)"', ""),
    "memory in many processes": (
        f"for i in 1 2 3 4 5 6; do {PYTHON} -c \"x = bytearray(b'1') * (300 * 2**20); import time; time.sleep(30)\" & "
        "done; wait",
        "",
    ),
}


@wrapped
@pytest.mark.parametrize("name", LIMITS)
def test_limits_hold_and_nothing_survives(place, name, tmp_path):
    """Two seconds after the deadline no process lives, and disk and memory stayed within their limits."""
    command, killed = LIMITS[name]
    token = f"edge-sale-{os.getpid()}-{time.monotonic_ns()}"
    began = time.monotonic()
    ran = run_command(f": {token}; {command}", place, seconds=2, memory_mb=1024)
    assert time.monotonic() - began < 2 + SPARE + 2  # and what starting takes on a busy machine
    assert ran.exit_code != 0 or name == "10 GB of output"
    assert killed in ran.stderr
    assert len(ran.stdout) < 100_000
    assert surviving(token) == []
    assert sum(file.lstat().st_size for file in place.copy.iterdir()) < 600 * 2**20


@wrapped
def test_a_fork_bomb_is_stopped_by_the_kernel_and_not_by_a_watcher(place):
    """Of 600 children never more than the limit live at once, also for the superuser; ten are allowed."""
    code = (
        f"{PYTHON} -c 'import os, time\nmade = 0\n"
        "for _ in range({}):\n try: pid = os.fork()\n except OSError: break\n"
        " if not pid:\n  time.sleep(20); os._exit(0)\n made += 1\nprint(made, flush=True); os.kill(0, 9)'"
    )
    if os.geteuid() == 0 and not Path("/sys/fs/cgroup/pids").is_dir():
        pytest.skip("the superuser is counted by a control group alone, and there is none to be made here")
    assert run_command(code.format(10), place).stdout == "10\n"
    ran = run_command(code.format(600), place)
    assert ran.stdout == "" or int(ran.stdout) <= 260


@wrapped
def test_the_disk_is_bounded(place, monkeypatch):
    """Where many files together exceed the limit, the command is killed."""
    monkeypatch.setattr("edge_sale.sandbox.command.DISK", 20 * 2**20)
    ran = run_command("for i in $(seq 1000); do head -c 10000000 /dev/zero > f$i; sleep 0.2; done", place, seconds=20)
    assert "more than 20 MB written" in ran.stderr and ran.exit_code == 137


@wrapped
def test_a_background_child_ends_with_its_command(place):
    """A process that a command leaves running is dead when the command returns; before that, it lives."""
    token = f"edge-sale-{os.getpid()}-{time.monotonic_ns()}"
    ran = run_command(f"(exec -a {token} sleep 60) & sleep 0.3; pgrep -f {token} || ps ax | grep -c {token}", place)
    assert ran.stdout.strip() not in ("", "0")
    assert surviving(token) == []


def test_without_a_sandbox_commands_are_refused(place, monkeypatch, tmp_path):
    """Without bubblewrap nothing runs; the message says how to get it and what running bare means."""
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.bubblewrap.probe.cache_clear()
    try:
        with pytest.raises(SandboxMissing, match=r"install bubblewrap .*--sandbox none"):
            run_command("echo 1", place)
        assert command_level().startswith("missing")
    finally:
        sandbox.bubblewrap.probe.cache_clear()
    assert run_command("echo 1", place, mode="none").stdout == "1\n"


def test_an_unknown_mode_is_refused(place):
    """A misspelt mode never means a bare run."""
    with pytest.raises(ValueError, match="auto, bwrap or none"):
        run_command("echo 1", place, mode="nnone")


def test_tool_chains_show_no_home(tmp_path, monkeypatch):
    """Programs and libraries of a folder on PATH are visible, but never the home folder around it."""
    home = tmp_path / "home"
    for name in (".local/bin", ".local/lib", ".local/share/notes", ".cargo/bin", "venv/bin"):
        (home / name).mkdir(parents=True)
    (home / "venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    (home / ".cargo/credentials.toml").write_text("token")
    monkeypatch.setattr(Path, "home", lambda: home)
    found = tool_chains(f"{home}/.local/bin:{home}/.cargo/bin:{home}/venv/bin:{home}", tmp_path / "project")
    below = {str(path.relative_to(home)) for path in found if path.is_relative_to(home)}
    assert below == {".local/bin", ".local/lib", ".cargo/bin", "venv/bin", "venv"}


def test_what_a_command_says_is_shown_with_its_end(place):
    """Long output keeps its beginning and its end, where errors stand, and the exit code."""
    ran = run_command("seq 1000; echo bad >&2; exit 4", place, mode="none")
    said = output_of(ran, 200)
    assert said.startswith("1\n2\n") and said.endswith("bad\n[exit code 4]") and len(said) < 230


def test_the_profile_for_macos_writes_only_to_the_copy(tmp_path):
    """The profile's text denies everything, allows writing to the copy but not to `.git`, and opens no network."""
    text = seatbelt.profile(tmp_path / 'co"py', tmp_path / "scratch", [Path("/opt/tool")])
    assert "(deny default)" in text and "(deny network*)" in text
    writes = [line for line in text.splitlines() if line.startswith("(allow file-write*")]
    assert len(writes) == 3 and 'co\\"py' in writes[1] and "/dev/null" in writes[0]
    assert text.count("(") == text.count(")")
