"""Remotes on the command line: the program as a process, and a real model behind a real endpoint."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_sale.catalog import cards, installed
from tests.cli.kit import CONFIG, edge, history, new_home, only_document
from tests.cli.test_terminal import on_terminal
from tests.remote.servers import good, recorder, saying

TASK = "Write a Python function that doubles every number of a list."
# what the endpoint says and the model at home does not
TWICE = 'def double(x):\n    """Twice as much."""\n    return 2 * x'
CHECK = "assert double(4) == 8 and 'Twice as much' in double.__doc__"


def lines(home: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = only_document(edge(home, "egress", "--json").stdout)
    return found


# --- adding, testing, listing, removing --------------------------------------


def test_add_list_test_remove(tmp_path: Path) -> None:
    """A remote is added, listed, tested and removed; the rest of config.toml stays unchanged."""
    mine = "# mine\nthreads = 1  # one core\n"
    home = new_home(tmp_path, mine)
    with recorder(saying(good("ready"))) as far:
        added = edge(
            home,
            "remote",
            "add",
            "far",
            "--url",
            far.url,
            "--model",
            "m",
            "--key-env",
            "FAR_KEY",
            "--price-in",
            "3",
            "--price-out",
            "9",
        )
        assert added.returncode == 0 and "stands by as a fallback; policy: ask" in added.stderr
        (listed,) = only_document(edge(home, "remote", "list", "--json").stdout)
        assert (listed["name"], listed["key"], listed["price_out"]) == ("far", "env:FAR_KEY", 9.0)
        tried = edge(home, "remote", "test", "far", FAR_KEY="the-key-of-far")
        assert tried.returncode == 0 and "answers 'ready'" in tried.stdout and "12 tokens read" in tried.stdout
        assert b"authorization: bearer the-key-of-far" in far.requests[0].lower()
        assert [line["reason"] for line in lines(home)] == ["remote test"] * len(far.requests)
    assert (home / "config.toml").read_text().startswith(mine)
    assert "the-key-of-far" not in (home / "config.toml").read_text() + (home / "egress.jsonl").read_text()
    assert edge(home, "remote", "remove", "far").returncode == 0
    assert (home / "config.toml").read_text().strip() == mine.strip()
    assert edge(home, "remote", "remove", "far").returncode == 1


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--model", "m", "--price-in", "1", "--price-out", "1"], 2, "the address is missing"),
        (["--url", "http://127.0.0.1:1/v1", "--model", "m"], 2, "a remote has a price"),
        (["--url", "ftp://x", "--model", "m", "--lan"], 1, "url should be like"),
        (["--url", "http://me:pw@x/v1", "--model", "m", "--lan"], 1, "url should hold no login"),
        (
            ["--url", "http://far.example/v1", "--model", "m", "--key-env", "K", "--price-in", "1", "--price-out", "1"],
            1,
            "unencrypted",
        ),
        (["--url", "http://127.0.0.1:1/v1", "--model", "m", "--key-env", "sk-abc", "--lan"], 1, "never the key itself"),
    ],
)
def test_mistakes_in_add(args: list[str], code: int, words: str, tmp_path: Path) -> None:
    """A wrong argument is reported in one line, and config.toml stays unchanged."""
    home = new_home(tmp_path, "threads = 1\n")
    done = edge(home, "remote", "add", "far", *args)
    assert done.returncode == code and words in done.stderr and "Traceback" not in done.stderr
    assert (home / "config.toml").read_text() == "threads = 1\n"


def test_key_in_the_file_is_refused(tmp_path: Path) -> None:
    """A key in config.toml is refused; the message says where it belongs and does not repeat it."""
    home = new_home(tmp_path, '[remotes.far]\nurl = "https://x/v1"\nmodel = "m"\nkey = "sk-secret-secret"\n')
    done = edge(home, "remote", "list")
    assert done.returncode == 1 and "never the key itself" in done.stderr and "sk-secret" not in done.stderr


def test_missing_key_is_said_by_name(tmp_path: Path) -> None:
    """A missing key variable is named, with how to set it."""
    home = new_home(tmp_path, '[remotes.far]\nurl = "http://127.0.0.1:1/v1"\nmodel = "m"\nkey = "env:NO_SUCH_KEY"\n')
    done = edge(home, "remote", "test", "far")
    assert done.returncode == 1 and "export NO_SUCH_KEY=" in done.stderr and done.stderr.count("\n") == 1


def test_broken_log_is_named_and_closes_the_door(tmp_path: Path) -> None:
    """A damaged line in the log stops egress, costs and sending."""
    with recorder(saying(good("ready"))) as far:
        home = new_home(tmp_path, f'[remotes.far]\nurl = "{far.url}"\nmodel = "m"\n')
        line = '{"time": 1, "host": "h", "what": "w", "bytes": 1, "reason": "r"}'
        (home / "egress.jsonl").write_text(f"{line}\nhalf a li")
        for command in (("egress",), ("costs",), ("remote", "test", "far")):
            done = edge(home, *command)
            assert done.returncode == 1 and "egress.jsonl, line 2" in done.stderr
        assert far.requests == []


# --- with real weights -------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """llama-cpp-python's own server on loopback, with the bundled model `senior`."""
    pytest.importorskip("fastapi", reason="llama-cpp-python[server] is not installed")
    file = installed.ready(cards.load().model("bundled-senior"), Path("nowhere"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "llama_cpp.server",
        "--model",
        str(file),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--n_ctx",
        "1024",
        "--n_threads",
        "1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(300):
            assert process.poll() is None, "the server did not start"
            try:
                with urllib.request.urlopen(f"{url}/models", timeout=1):
                    break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def fallback(url: str, more: str = "") -> str:
    bounds = "price_in = 3\nprice_out = 9\nmax_tokens = 200\n"
    return f'{CONFIG}{more}[remotes.far]\nurl = "{url}"\nmodel = "senior"\n{bounds}'


TRADE = "prompts = 'trade'\n"  # the model behind the endpoint was trained to these: it plans before it works


def test_real_endpoint_does_what_home_lost(server: str, tmp_path: Path) -> None:
    """Where local work fails its check, the endpoint answers, its tokens are booked, and memory has both outcomes."""
    home = new_home(tmp_path, fallback(server) + TRADE)
    args = (
        "run",
        TASK,
        "--seed",
        "1",
        "-a",
        "junior",
        "--json",
        "--escalate",
        "auto",
        "--check",
        "assert False",
        "--sandbox",
        "none",
    )
    document = only_document(edge(home, *args, seconds=300).stdout)
    assert document["done_by"] == "far" and document["answer"].strip()
    assert "far would be expected to ask" in document["fallback"]["reason"]
    sent = lines(home)
    assert [(line["tokens_out"] > 0, line["status"]) for line in sent] == [(True, 200)] * 2
    # this server counts no tokens of a streamed answer: they are estimated, and that is said
    assert all(line["estimated"] for line in sent)
    assert any("did not say how many tokens" in note for note in document["notes"])
    entries = only_document(edge(home, "show", "--json").stdout)["entries"]
    booked = [entry for entry in entries if entry["purpose"] == "escalate"]
    for entry, line in zip(booked, sorted(sent, key=lambda line: line["time"]), strict=True):
        assert (entry["tokens_in"], entry["tokens_out"]) == (line["tokens_in"], line["tokens_out"])
        assert entry["dollars"] == pytest.approx(line["cost"])
    paid = sum(line["cost"] for line in sent)
    costs = only_document(edge(home, "costs", "--json").stdout)
    assert costs["paid_to_remotes"]["today"] == pytest.approx(paid)
    assert (costs["tasks"], costs["escalated"]) == (1, 1) and costs["everything"] == pytest.approx(costs["remote"])
    assert costs["saved"] == pytest.approx(-costs["auction"] - costs["local"])  # the auction is counted too
    again = only_document(edge(home, *args[:3], "2", *args[4:], seconds=300).stdout)
    assert again["fallback"]["seen"] == 1  # the first one is known now


def test_server_of_ones_own_bids_and_judges(server: str, tmp_path: Path) -> None:
    """A lan agent bids and scores the other plans; offline it is left out, and the user is told."""
    home = new_home(tmp_path, fallback(server).replace("price_in = 3\nprice_out = 9", 'location = "lan"') + TRADE)
    args = ("bid", TASK, "--seed", "1", "-a", "junior", "-a", "far", "--json")
    document = only_document(edge(home, *args, seconds=300).stdout)
    bids = {row["bid"]["agent"]: row["bid"] for row in document["bids"]}
    assert set(bids) == {"junior", "far"} and bids["far"]["strategy"]["tokens"] > 0
    assert {line["reason"] for line in lines(home)} == {"auction"}
    sent = len(lines(home))
    kept = only_document(edge(home, *args, "--offline", seconds=300).stdout)
    assert {row["bid"]["agent"] for row in kept["bids"]} == {"junior"} and len(lines(home)) == sent
    assert any("'far' does not bid: offline is set" in note for note in kept["notes"])


def test_asked_on_a_terminal(tmp_path: Path) -> None:
    """Policy ask shows the exact payload, its size and its possible cost; yes sends these bytes, no sends nothing."""
    with recorder(saying(good(TWICE))) as far:
        home = new_home(tmp_path, fallback(far.url))
        args = ("run", TASK, "--seed", "1", "-a", "junior", "--check", CHECK, "--sandbox", "none")
        code, shown = on_terminal(home, *args, typed=b"n\n", until="Send this?")
        assert far.requests == [] and "you said no; the best local bid stands" in shown
        code, shown = on_terminal(home, *args, typed=b"y\n", until="Send this?")
        assert code == 0 and "return 2 * x" in shown
        code, shown_then = on_terminal(home, *args, typed=b"\x04", until="Send this?")
        assert code == 130 and "nothing of this run was recorded" in shown_then and len(far.requests) == 1
    body = far.requests[0].partition(b"\r\n\r\n")[2]
    assert f"{len(far.requests[0])} bytes with headers, {len(body)} of them shown above" in shown
    assert "it may cost up to 0.00" in shown
    assert TASK in shown and json.loads(body)["messages"][0]["content"].startswith(TASK)
    assert [row["status"] for row in history(home)] == ["passed", "failed"]


def test_whoever_pipes_the_task_is_not_asked(tmp_path: Path) -> None:
    """Without a terminal ask means no, and the message says so instead of blaming the remote."""
    with recorder(saying(good(TWICE))) as far:
        home = new_home(tmp_path, fallback(far.url))
        done = edge(
            home,
            "run",
            "--seed",
            "1",
            "-a",
            "junior",
            "--check",
            CHECK,
            "--sandbox",
            "none",
            stdin=TASK.encode(),
            seconds=300,
        )
    assert "there is no terminal to ask on" in done.stderr and far.requests == []


def test_answer_in_a_pipe_is_one_answer(tmp_path: Path) -> None:
    """Where local work fails its check and the remote's passes, stdout has only the remote's answer; exit 0."""
    with recorder(saying(good(f"```python\n{TWICE}\n```"))) as far:
        home = new_home(tmp_path, fallback(far.url))
        done = edge(
            home,
            "run",
            TASK,
            "--seed",
            "1",
            "-a",
            "junior",
            "--escalate",
            "auto",
            "--thrift",
            "1",
            "--check",
            CHECK,
            "--sandbox",
            "none",
            seconds=300,
        )
    assert (done.returncode, done.stdout) == (0, f"{TWICE}\n"), done.stderr
    assert "far is consulted" in done.stderr and len(far.requests) == 1
