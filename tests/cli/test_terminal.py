"""Output on a real terminal: on Python's pseudo-terminals, and in tmux for the live table."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.cli.kit import EDGE_SALE, STARTER, edge, environment, new_home

TMUX = shutil.which("tmux")


def on_terminal(
    home: Path, *args: str, typed: bytes = b"", until: str = "", program: Sequence[str] = EDGE_SALE, **changes: str
) -> tuple[int, str]:
    """Exit code and output with all three streams on one terminal. Types `typed` once `until` is shown."""
    ours, theirs = pty.openpty()
    env = environment(home, **{"TERM": "xterm-256color", **changes})
    process = subprocess.Popen([*program, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                data = os.read(ours, 65536)
            except OSError:  # Linux raises this when the other end is closed
                break
            if not data:
                break
            shown += data
        if typed and until.encode() in shown:
            os.write(ours, typed)
            typed = b""
    os.close(ours)
    return process.wait(timeout=30), shown.decode(errors="replace")


def test_a_run_offers_to_pull_missing_models(tmp_path: Path) -> None:
    """On a terminal a run without models asks whether to pull them. After "no" it ends with exit code 1."""
    home, nothing = new_home(tmp_path, STARTER), str(tmp_path / "m")
    code, shown = on_terminal(home, "run", "Say yes.", typed=b"n\n", until="Pull now?", EDGE_SALE_MODELS=nothing)
    assert "Not on this machine yet: smollm2-135m, all-minilm-l6-v2. Pull now? [Y/n]" in shown
    assert code == 1 and "pull with: edge-sale pull starter" in shown


def test_no_task_on_a_terminal_is_usage(tmp_path: Path) -> None:
    """Without a task the program does not wait for input, but explains itself with exit code 2."""
    code, shown = on_terminal(new_home(tmp_path), "run")
    assert code == 2 and 'edge-sale run "Sort a list in Python."' in shown


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color_is_respected(changes: dict[str, str], tmp_path: Path) -> None:
    """With NO_COLOR and on a dumb terminal there are no colours; a pipe gets no control sequences."""
    trace = tmp_path / "t.jsonl"
    bid = '{"agent": "a", "price": 1, "strategy": {"text": "p", "tokens": 1, "entropy": 1}}'
    scored = f'{{"bid": {bid}, "cost": 1, "value": 2}}'
    trace.write_text(
        f'{{"event": "judged", "t": 0, "scored": {scored}}}\n'
        f'{{"event": "won", "t": 1, "reason": "why", "award": {{"winner": {scored}}}}}\n'
    )
    coloured = on_terminal(new_home(tmp_path), "trace", str(trace))
    assert coloured[0] == 0 and "\x1b[1;32m" in coloured[1]
    code, shown = on_terminal(tmp_path, "trace", str(trace), **changes)
    assert code == 0 and "winner" in shown and "\x1b[1;3" not in shown and "\x1b[3" not in shown
    assert "\x1b" not in edge(tmp_path, "trace", str(trace)).stdout


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs tmux commands on a server of this test; returns their output."""
    socket = str(tmp_path / "tmux")

    def call(*args: str) -> str:
        done = subprocess.run([TMUX or "tmux", "-S", socket, "-f", os.devnull, *args], capture_output=True, text=True)
        return done.stdout

    yield call
    call("kill-server")


def begin(tmux: Callable[..., str], home: Path, *args: str) -> None:
    """Start the program in a terminal of 80 columns, which stays open and shows the exit code at the end."""
    ours = {k: v for k, v in environment(home).items() if k.startswith(("EDGE_SALE", "PYTHON", "HOME", "XDG"))}
    script = f'trap : INT; {shlex.join([*EDGE_SALE, *args])}; echo "[code $?]"; sleep 300'
    names = [f"{name}={value}" for name, value in ours.items()]
    tmux("new-session", "-d", "-x", "80", "-y", "50", shlex.join(["env", *names, "bash", "-c", script]))


def screens(tmux: Callable[..., str], seconds: float = 240) -> list[str]:
    """The distinct screens of the terminal, in order, up to the one with the exit code."""
    shown: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = tmux("capture-pane", "-p").rstrip()
        if not shown or now != shown[-1]:
            shown.append(now)
        if "[code " in now:
            return shown
        time.sleep(0.1)
    raise AssertionError(f"still running, showing:\n{shown[-1]}")


@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
def test_the_whole_table_is_above_the_answer(tmux: Callable[..., str], tmp_path: Path) -> None:
    """At 80 columns, with the bundled models: four rows, who won and why, the answer, the costs."""
    begin(tmux, new_home(tmp_path / "home"), "run", "Write a function that reverses a list of numbers.", "--no-memory")
    last = screens(tmux)[-1].splitlines()
    rows = [line for line in last if line.startswith(("junior ", "lists ", "texts ", "senior "))][:4]
    assert len(rows) == 4 and sum(row.rstrip().endswith("winner") for row in rows) == 1
    assert any("asks least" in line for line in last) and any("def solve(" in line for line in last)
    assert last[-1] == "[code 0]" and "writing plans" not in "".join(last)


@pytest.mark.models
@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
def test_live_table_on_80_columns(tmux: Callable[..., str], tmp_path: Path) -> None:
    """The table fills during the auction. At the end the whole table is above the answer and the costs."""
    home = new_home(tmp_path / "home", STARTER)
    begin(tmux, home, "run", "Name three rivers.", "--seed", "5", "--no-memory")
    seen = screens(tmux)
    assert any("writing plans: quick, planner, drafts" in screen for screen in seen)
    assert any("judging plans" in screen and "winner" not in screen for screen in seen)
    last = seen[-1].splitlines()
    assert last[0].split()[:2] == ["agent", "$/Mt"]
    rows = [line for line in last if line.startswith(("quick ", "planner ", "drafts "))][:3]
    assert len(rows) == 3 and sum(row.rstrip().endswith("winner") for row in rows) == 1
    assert last[4] == "scores by quick, planner, drafts"
    assert "asks least" in last[5]
    assert last[-1] == "[code 0]" and "auction " in seen[-1].splitlines()[-2] + seen[-1].splitlines()[-3]
    assert "working" not in seen[-1] and "writing plans" not in seen[-1]


@pytest.mark.models
@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
def test_interrupt_leaves_the_terminal_plain(tmux: Callable[..., str], tmp_path: Path) -> None:
    """^C during the auction removes the live table, shows the cursor and prints what happened."""
    home = new_home(tmp_path / "home", STARTER)
    begin(tmux, home, "run", "Name three rivers.", "--no-memory")
    end = time.monotonic() + 60
    while "writing plans" not in tmux("capture-pane", "-p") and time.monotonic() < end:
        time.sleep(0.1)
    tmux("send-keys", "C-c")
    last = screens(tmux, 30)[-1]
    assert "edge-sale: stopped; nothing of this run was recorded\n[code 130]" in last
    assert "writing plans" not in last
    assert tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"
