"""Whatever a remote does wrong, its answer is limited, reported in one line and paid for once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_sale.errors import RemoteFailed
from edge_sale.events import Noted
from edge_sale.remote.egress_log import read, record
from edge_sale.types import Generate, Message, Prompt, Sampling, Task
from tests.remote import servers
from tests.remote.kit import KEY, engine, market, remote
from tests.remote.servers import DONE, HEAD, chunk, good, recorder, refusal, saying, usage
from tests.scripted import Heard

TIMES = int(os.environ.get("EDGE_SALE_TEST_TIMES", "50"))  # more of each in scripts/soak
AT_ONCE = 25
SHORT, LONG = 1.0, 20.0  # seconds that a remote has which is too slow, and one which is wrong at once
GRACE = 5.0  # what a busy machine may need on top
SLOW = ("slow headers", "stalled stream")

# name -> (how the server plays, words of the message, requests for one ask, tokens paid for)
FAULTS: dict[str, tuple[Callable[..., None], str, int, bool]] = {
    "429": (saying(refusal(429, "busy", "Retry-After: 0.01\r\n")), "answer 429 (busy), 3 times", 3, False),
    "429 for an hour": (saying(refusal(429, "", "Retry-After: 3600\r\n")), "another try, in 3600.0 s", 1, False),
    "500": (saying(refusal(500, "oh no", "Retry-After: 0\r\n")), "answer 500 (oh no), 3 times", 3, False),
    "401": (saying(refusal(401, "bad key")), "it refuses the key, answer 401 (bad key)", 1, False),
    "out of credit": (saying(refusal(429, "pay", code="insufficient_quota")), "out of credit", 1, False),
    "slow headers": (servers.slow_headers, "no whole answer within 1 s", 1, False),
    "stalled stream": (servers.stalled, "no whole answer within 1 s", 1, True),
    "cut in mid-SSE": (servers.cut, "broke off before its end", 1, True),
    "bad JSON": (saying(HEAD + b'data: {"choices": [\n\n'), "not JSON", 1, False),
    "not a completion": (saying(HEAD + b'data: {"choices": [7]}\n\n' + DONE), "not a chat completion", 1, False),
    "no end": (saying(HEAD + chunk("one ") + chunk("two ")), "broke off before its end", 1, True),
    "100 MB line": (servers.long_line, "over 336 KiB", 1, False),
    "endless": (servers.endless, "over 336 KiB", 1, True),
    "gzip bomb": (servers.bomb, "packed (gzip)", 1, False),
}
ASK = Generate(Prompt((Message("user", "Say yes."),)), Sampling(max_tokens=40))


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_ends_in_one_line_and_one_cost(name: str, tmp_path: Path) -> None:
    """50 failures of each kind end in time with one clear line, the right number of tries and the cost counted once."""
    play, words, requests, paid = FAULTS[name]
    limit = SHORT if name in SLOW else LONG
    with recorder(play) as far:

        def one(number: int) -> tuple[float, object, float]:
            log = tmp_path / f"{number}.jsonl"
            this = engine(remote(far.url, seconds=limit), log)
            began = time.monotonic()
            (answer,) = this.generate([ASK])
            return time.monotonic() - began, answer, sum(line["cost"] for line in read(log))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = list(pool.map(one, range(TIMES)))
    for took, answer, cost in done:
        assert isinstance(answer, RemoteFailed)
        assert str(answer).startswith(f"remote 'far' (127.0.0.1:{far.port}): ") and "\n" not in str(answer)
        assert words in str(answer)
        assert took < SHORT + GRACE
        price = (answer.tokens_in + answer.tokens_out) * answer.price / 1e6
        assert cost == pytest.approx(price) and (cost > 0) == paid
    assert len(far.requests) == requests * TIMES


def test_end_without_done_is_an_end(tmp_path: Path) -> None:
    """50 answers with a finish reason but without [DONE], on a connection that closes, are all accepted."""
    play = saying(HEAD + chunk("yes") + chunk(end="stop") + usage())
    with recorder(play) as far:
        this = engine(remote(far.url, seconds=10), tmp_path / "e.jsonl")
        got = [this.generate([ASK])[0] for _ in range(TIMES)]
    assert [answer[0].text for answer in got if not isinstance(answer, Exception)] == ["yes"] * TIMES


def test_redirect_is_not_followed_and_the_key_stays(tmp_path: Path) -> None:
    """Of 50 redirects of each status the target receives nothing, and so no key; the first host received it."""
    with recorder(saying(good())) as target:
        for number, status in enumerate((301, 302, 303, 307, 308) * 10):
            there = f"http://127.0.0.1:{target.port}/v1/chat/completions"
            with recorder(saying(refusal(status, headers=f"Location: {there}\r\n"))) as far:
                (answer,) = engine(remote(far.url), tmp_path / f"{number}.jsonl").generate([ASK])
            assert isinstance(answer, RemoteFailed) and f"it redirects to {there}" in str(answer)
            assert KEY.encode() in far.requests[0]
    assert target.requests == []


def test_nobody_there(tmp_path: Path) -> None:
    """On a port without a server there are three tries within the limit, then one line."""
    with recorder(saying(good())) as far:
        url = far.url
    told: list[str] = []
    (answer,) = engine(remote(url, seconds=5), tmp_path / "e.jsonl", told=told).generate([ASK])
    assert isinstance(answer, RemoteFailed) and "no connection" in str(answer) and "3 times" in str(answer)
    assert len(told) == 2 and all("trying again in" in line for line in told)


@pytest.mark.parametrize("name", FAULTS)
def test_home_does_the_work_then(name: str, tmp_path: Path) -> None:
    """Where the remote fails, the best local bid does the task, and the user is told."""
    with recorder(FAULTS[name][0]) as far:
        heard = Heard()
        this = engine(remote(far.url, seconds=SHORT if name in SLOW else LONG), tmp_path / "e.jsonl")
        sale = market(this)[0].solve(Task("t", "Say yes."), heard)
    assert sale.outcome is not None and (sale.outcome.agent, sale.outcome.answer) == ("home", "local")
    (note,) = (note.text for note in heard.of(Noted) if note.text.endswith("the best local bid stands"))
    assert note.startswith("remote 'far' (127.0.0.1:")


def test_usage_that_does_not_come_is_estimated_and_told(tmp_path: Path) -> None:
    """Where the endpoint does not count tokens, the answer's cost is estimated, and the user is told."""
    told: list[str] = []
    with recorder(saying(HEAD + chunk("yes, that") + chunk(end="stop") + DONE)) as far:
        (answer,) = engine(remote(far.url, seconds=10), tmp_path / "e.jsonl", told=told).generate([ASK])
    assert not isinstance(answer, Exception) and answer[0].tokens == 2 and answer[0].prompt_tokens > 0
    assert "did not say how many tokens" in told[0]
    assert read(tmp_path / "e.jsonl")[0]["estimated"] is True


def test_longer_than_the_context_is_not_sent(tmp_path: Path) -> None:
    """A prompt that does not fit is refused before it is sent, with both numbers."""
    with recorder(saying(good())) as far:
        long = Generate(Prompt((Message("user", "word " * 5000),)), Sampling(max_tokens=40))
        (answer,) = engine(remote(far.url, context=4096), tmp_path / "e.jsonl").generate([long])
    assert "room for 4096" in str(answer) and far.requests == []


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """A disk that is full at any length of the line raises, and leaves the log as it was."""
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from edge_sale.errors import EgressFault\nfrom edge_sale.remote.egress_log import record\n"
        "log = Path(sys.argv[1])\n"
        "record(log, 'h', 'GET /', 1, 'pull')\n"
        "before = log.read_bytes()\n"
        "for more in range(len(before)):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + more, resource.RLIM_INFINITY))\n"
        "    try:\n"
        "        record(log, 'h', 'GET /', 1, 'pull', more='x' * 80)\n"
        "    except EgressFault as fault:\n"
        "        assert 'cannot be written, so nothing is sent' in str(fault)\n"
        "    else:\n"
        "        raise AssertionError('it was written')\n"
        "    assert log.read_bytes() == before\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "e.jsonl")], check=True)


def test_a_line_that_a_kill_cut_short_closes_nothing(tmp_path: Path) -> None:
    """Wherever a line was cut, also in a character of two bytes, the next line stands alone and the others are read."""
    log = tmp_path / "e.jsonl"
    line = '{"time": 2.0, "host": "é", "what": "POST /", "bytes": 1, "reason": "auction"}'.encode()
    for cut in range(len(line)):
        log.write_bytes(b'{"time": 1.0, "host": "a"}\n' + line[:cut])
        record(log, "b", "GET /", 1, "pull")
        assert [entry["host"] for entry in read(log)] == ["a", "b"]


def test_an_answer_that_was_paid_for_is_kept_where_it_cannot_be_noted(tmp_path: Path) -> None:
    """Where the log cannot be written after the answer, the answer counts and the user is told."""
    log, told = tmp_path / "e.jsonl", list[str]()

    def play(connection: socket.socket, data: bytes) -> None:
        log.rename(tmp_path / "moved")
        log.mkdir()
        connection.sendall(good("yes"))

    with recorder(play) as far:
        (answer,) = engine(remote(far.url, seconds=10), log, told=told).generate([ASK])
    assert not isinstance(answer, Exception) and answer[0].text == "yes"
    assert any("it counts at its expected cost" in line for line in told)
    (line,) = read(tmp_path / "moved")
    assert "cost" not in line and line["expected"] > 0
