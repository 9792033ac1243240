"""The sandbox, each promise beside a control that shows the attack would work without it."""

import secrets
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_sale import sandbox
from edge_sale.errors import SandboxMissing

LEVEL = sandbox.level()
wrapped = pytest.mark.skipif(LEVEL.startswith("missing"), reason=f"sandbox {LEVEL}")
SPARE = 2.0  # seconds after the deadline within which everything is over


def surviving(token: str) -> list[int]:
    """Processes on this machine with `token` in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.fixture
def server():
    class Yes(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"reached")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Yes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


MODES = [pytest.param("bwrap", marks=wrapped), "none"]


@pytest.mark.parametrize("mode", MODES)
def test_code_runs_and_its_output_comes_back(mode):
    """Code has the standard library; what it prints and how it ends is in the result."""
    ran = sandbox.run_python(
        "import json, sys\nprint(json.dumps([1]), 'é')\nprint('warn', file=sys.stderr)\nsys.exit(3)", mode=mode
    )
    assert (ran.exit_code, ran.stdout, ran.stderr, ran.timed_out) == (3, "[1] é\n", "warn\n", False)


@pytest.mark.parametrize("mode", MODES)
def test_a_traceback_names_the_line_of_the_code(mode):
    """A failure shows the code's own line, as it would have without a sandbox, and nothing of ours."""
    ran = sandbox.run_python("x = 1\nassert x == 2, 'not two'", mode=mode)
    assert ran.exit_code == 1
    assert 'main.py", line 2' in ran.stderr
    assert ran.stderr.count("File ") == 1
    assert ran.stderr.endswith("AssertionError: not two\n")


@pytest.mark.parametrize("mode", MODES)
def test_death_by_a_signal_is_128_and_the_signal(mode):
    """A crash in C gives the exit code that a shell gives."""
    assert sandbox.run_python("import os; os.kill(os.getpid(), 11)", mode=mode).exit_code == 128 + 11


@pytest.mark.parametrize("mode, expected", [pytest.param("bwrap", False, marks=wrapped), ("none", True)])
def test_the_network_is_out_of_reach(mode, expected, server):
    """Not even this machine's own servers can be reached from the sandbox; bare they can."""
    ran = sandbox.run_python(
        f"import socket\nprint(socket.create_connection(('127.0.0.1', {server}), 3).recv(99))", mode=mode
    )
    assert ("reached" in ran.stdout) is expected
    assert (ran.exit_code == 0) is expected


@pytest.mark.parametrize("mode, expected", [pytest.param("bwrap", False, marks=wrapped), ("none", True)])
def test_files_of_the_user_cannot_be_read(mode, expected, tmp_path):
    """The user's files, in the home folder or elsewhere, are not visible in the sandbox; bare, they can be read."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    homely = Path.home() / f"{secrets.token_hex(4)}.txt"
    homely.write_text("the secret")
    for file in (secret, homely):
        ran = sandbox.run_python(f"print(open({str(file)!r}).read())", mode=mode)
        assert ("the secret" in ran.stdout) is expected


@pytest.mark.parametrize("mode, expected", [pytest.param("bwrap", False, marks=wrapped), ("none", True)])
def test_nothing_outside_is_written(mode, expected, tmp_path):
    """A file written beside the user's files is not there afterwards; bare, it is."""
    file = tmp_path / "made"
    code = f"import os\nos.makedirs({str(tmp_path)!r}, exist_ok=True)\nopen({str(file)!r}, 'w').write('x')"
    sandbox.run_python(code, mode=mode)
    assert file.exists() is expected


@wrapped
@pytest.mark.parametrize(
    "path", ["/made", "/usr/made", "/etc/made", "/dev/made", "/proc/sys/kernel/core_pattern", "/tmp/main.py"]
)
def test_the_system_is_read_only_even_for_the_superuser(path):
    """Opening a system path for writing fails, whoever runs edge-sale."""
    ran = sandbox.run_python(f"open({path!r}, 'a')")
    assert ran.exit_code == 1
    assert "Read-only" in ran.stderr or "Permission denied" in ran.stderr


@wrapped
def test_the_working_folder_can_be_written_and_is_gone_afterwards():
    """Code may write files in its folder; the next run sees none of them."""
    code = "import os\nprint(os.getcwd(), sorted(os.listdir('.')))\nopen('mine.txt', 'w').write('x')"
    first, second = (sandbox.run_python(code) for _ in range(2))
    assert first.stdout == second.stdout == "/tmp ['main.py']\n"


@pytest.mark.parametrize("mode", MODES)
def test_the_environment_is_not_passed_on(mode, monkeypatch):
    """Keys and tokens in the user's environment are not seen by a model's code."""
    monkeypatch.setenv("EDGE_SALE_TEST_TOKEN", "s3cret")
    ran = sandbox.run_python("import os; print(dict(os.environ))", mode=mode)
    assert "HOME" in ran.stdout
    assert "s3cret" not in ran.stdout


@wrapped
def test_other_processes_are_not_seen():
    """The sandbox sees its own processes only."""
    ran = sandbox.run_python("import os; print(sum(name.isdigit() for name in os.listdir('/proc')))")
    assert int(ran.stdout) <= 3


@pytest.mark.parametrize("mode", MODES)
def test_an_endless_loop_ends_at_the_deadline(mode):
    """The limit on wall time holds, and what was printed before is kept."""
    began = time.monotonic()
    ran = sandbox.run_python("print('begun', flush=True)\nwhile True: pass", seconds=0.5, mode=mode)
    assert time.monotonic() - began < 0.5 + SPARE
    assert (ran.stdout, ran.timed_out, ran.exit_code) == ("begun\n", True, 137)


@wrapped
def test_code_that_shuts_its_output_still_ends_at_the_deadline():
    """Closing stdout and stderr, and ignoring every signal, buys no time."""
    code = (
        "import os, signal, time\n"
        "for n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"
        "os.close(1); os.close(2); time.sleep(60)"
    )
    began = time.monotonic()
    assert sandbox.run_python(code, seconds=0.5).timed_out
    assert time.monotonic() - began < 0.5 + SPARE


@wrapped
def test_a_fork_bomb_is_over_by_the_deadline_and_leaves_nothing():
    """The number of processes is limited, also of those with a session of their own, and all die with the sandbox."""
    token = f"bomb{secrets.token_hex(8)}"
    code = (
        "import os, subprocess, sys\n"
        "for _ in range(4):\n"
        f"    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{token}'],"
        " start_new_session=True)\n"
        "while True:\n"
        "    try: os.fork()\n"
        "    except OSError: pass\n"
    )
    began = time.monotonic()
    ran = sandbox.run_python(code, seconds=1)
    assert time.monotonic() - began < 1 + SPARE
    assert ran.exit_code == 137
    assert surviving(token) == []


@wrapped
def test_what_was_left_running_in_the_background_is_ended():
    """When a program ends, its children end too."""
    token = f"left{secrets.token_hex(8)}"
    code = (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{token}'],"
        " start_new_session=True)\nprint('done')"
    )
    ran = sandbox.run_python(code)
    assert (ran.exit_code, ran.stdout) == (0, "done\n")
    assert surviving(token) == []


def test_the_search_for_survivors_finds_them():
    """The control for the two tests above: a living process is found by its token."""
    token = f"here{secrets.token_hex(8)}"
    command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)", token]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            assert surviving(token) == [process.pid]
        finally:
            process.kill()


@pytest.mark.parametrize("mode", MODES)
def test_a_gigabyte_of_output_is_cut_to_its_ends(mode):
    """64 KiB of output are kept, its beginning and its end, and the rest is counted."""
    code = (
        "import sys\nprint('first')\nblock = 'x' * 2**20\nfor _ in range(1024): sys.stdout.write(block)\nprint('last')"
    )
    began = time.monotonic()
    ran = sandbox.run_python(code, seconds=6, mode=mode)
    assert time.monotonic() - began < 6 + SPARE
    assert len(ran.stdout) < 2**16 + 100
    assert ran.stdout.startswith("first\nxxx")
    assert "bytes left out]" in ran.stdout
    assert ran.timed_out or ran.stdout.endswith("xlast\n")


@pytest.mark.parametrize("mode", MODES)
def test_memory_is_bounded(mode):
    """A program that wants more than its memory fails; within its memory it does not."""
    code = "print(len(bytearray({}) ))"
    assert sandbox.run_python(code.format(100 * 2**20), memory_mb=300, mode=mode).exit_code == 0
    ran = sandbox.run_python(code.format(400 * 2**20), memory_mb=300, mode=mode)
    assert "MemoryError" in ran.stderr


@wrapped
def test_memory_is_bounded_for_all_children_together():
    """Several processes, each within the limit, are stopped when they pass it together."""
    code = (
        "import os, time\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        kept = bytearray(os.urandom(1) * (150 * 2**20))\n"
        "        time.sleep(30)\n"
        "time.sleep(30)"
    )
    ran = sandbox.run_python(code, memory_mb=300, seconds=8)
    assert "more than 300 MB" in ran.stderr
    assert not ran.timed_out


@pytest.mark.parametrize("mode", MODES)
def test_a_file_cannot_fill_the_disk(mode):
    """One file ends at 64 MiB, in either mode."""
    code = "f = open('big', 'wb')\nfor _ in range(100): f.write(b'x' * 2**20)"
    assert "File too large" in sandbox.run_python(code, mode=mode).stderr


@wrapped
def test_many_files_cannot_fill_memory():
    """The sandbox's /tmp, which lies in memory, ends at 64 MiB for all files together."""
    code = "for i in range(5): open(str(i), 'wb').write(b'x' * 2**24)"
    ran = sandbox.run_python(code)
    assert "No space left" in ran.stderr


def test_without_bubblewrap_nothing_runs_bare(monkeypatch, tmp_path):
    """Without bubblewrap nothing runs; the message says how to get it and how to run bare."""
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.bubblewrap.probe.cache_clear()
    try:
        for mode in ("auto", "bwrap"):
            with pytest.raises(SandboxMissing, match=r"install bubblewrap .*--sandbox none"):
                sandbox.run_python("print(1)", mode=mode)
        assert sandbox.level().startswith("missing: no sandbox")
        assert sandbox.run_python("print(1)", mode="none").stdout == "1\n"
    finally:
        sandbox.bubblewrap.probe.cache_clear()


def test_a_bubblewrap_that_does_not_work_is_told_with_its_reason(monkeypatch, tmp_path):
    """Where a machine forbids namespaces, the message quotes bubblewrap."""
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.bubblewrap.probe.cache_clear()
    try:
        with pytest.raises(SandboxMissing, match="No permissions to create new namespace"):
            sandbox.run_python("print(1)")
    finally:
        sandbox.bubblewrap.probe.cache_clear()


def test_an_unknown_mode_is_refused():
    """A misspelt mode never means a bare run."""
    with pytest.raises(ValueError, match="auto, bwrap or none"):
        sandbox.run_python("print(1)", mode="nnone")
