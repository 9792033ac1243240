"""Escalation end to end: scripted local bids, a real HTTP client, a real endpoint on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from edge_sale import assemble
from edge_sale.assemble import MarketPlan
from edge_sale.catalog.cards import PoolCard
from edge_sale.events import Finished, Noted, Spent, Weighed
from edge_sale.remote.budget import Budget
from edge_sale.remote.egress_log import read
from edge_sale.settings import load
from edge_sale.types import Task
from tests.remote.kit import KEY, WEIGHTS, engine, market, remote
from tests.remote.servers import good, recorder, refusal, saying
from tests.scripted import Heard, ScriptedMemory


def task(number: int = 1) -> Task:
    return Task(f"t{number}", f"Say yes, and then the number {number}.")


def test_what_is_captured_is_what_is_logged(tmp_path: Path) -> None:
    """200 escalations send 200 requests, each with the size and digest that the log had before it left."""
    log = tmp_path / "egress.jsonl"
    with recorder(saying(good("yes"))) as far:
        sold, _ = market(engine(remote(far.url, seconds=20), log), rounds=200)
        for number in range(200):
            sale = sold.solve(task(number), Heard())
            assert sale.outcome is not None and (sale.outcome.agent, sale.outcome.answer) == ("far", "yes")
    lines = read(log)
    assert len(far.requests) == len(lines) == 200
    assert [line["bytes"] for line in lines] == [len(data) for data in far.requests]
    bodies = [data.partition(b"\r\n\r\n")[2] for data in far.requests]
    assert [line["sha256"] for line in lines] == [hashlib.sha256(body).hexdigest() for body in bodies]
    assert [line["task"] for line in lines] == [f"t{number}" for number in range(200)]
    assert {line["reason"] for line in lines} == {"escalate: the local bids lost"}
    assert {line["host"] for line in lines} == {f"127.0.0.1:{far.port}"}


def test_only_the_task_leaves(tmp_path: Path) -> None:
    """Neither body nor headers of a request hold anything of the machine, other tasks or local plans."""
    with recorder(saying(good("yes"))) as far:
        sold, _ = market(engine(remote(far.url, seconds=20), tmp_path / "e.jsonl"))
        sold.solve(task(), Heard())
    head, _, body = far.requests[0].partition(b"\r\n\r\n")
    sent = json.loads(body)
    assert sent["messages"] == [{"role": "user", "content": "Say yes, and then the number 1."}]
    assert set(sent) == {"model", "messages", "max_tokens", "stream", "stream_options"}
    names = {line.partition(b":")[0].lower().decode() for line in head.split(b"\r\n")[1:]}
    assert names == {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "authorization",
        "content-type",
        "user-agent",
        "content-length",
    }


def test_nothing_leaves_where_local_bids_win(tmp_path: Path) -> None:
    """200 auctions that a local agent wins send nothing, log nothing, and say why in a sentence."""
    with recorder(saying(good("yes"))) as far:
        sold, _ = market(engine(remote(far.url), tmp_path / "e.jsonl"), score=4.5, rounds=200)
        for number in range(200):
            heard = Heard()
            sale = sold.solve(task(number), heard)
            assert sale.outcome is not None and sale.outcome.agent == "home"
            assert heard.of(Weighed)[0].reason.startswith("the task stays local: home asks ")
    assert (far.requests, read(tmp_path / "e.jsonl")) == ([], [])


@pytest.mark.parametrize(
    ("closed", "agree", "budget", "words"),
    [
        ("/p/.edge-sale.toml says private = true", "", Budget(), "private = true"),
        ("offline is set", "", Budget(), "offline is set"),
        ("", "you said no", Budget(), "you said no"),
        ("", "", Budget(task=0.0001), "this task's 0.0001 are spent"),
        ("", "", Budget(day=0.0), "per_day"),
        ("", "", Budget(month=0.0001), "per_month"),
    ],
)
def test_closed_door_means_home(closed: str, agree: str, budget: Budget, words: str, tmp_path: Path) -> None:
    """Offline, private, refused or over budget: no connection is made, a local agent works, and the user is told."""
    with recorder(saying(good("yes"))) as far:
        this = engine(remote(far.url), tmp_path / "e.jsonl", closed=closed, agree=lambda outbound: agree, budget=budget)
        heard = Heard()
        sale = market(this)[0].solve(task(), heard)
    assert sale.outcome is not None and (sale.outcome.agent, sale.outcome.answer) == ("home", "local")
    assert words in heard.of(Noted)[0].text and heard.of(Noted)[0].text.endswith("the best local bid stands")
    assert (far.requests, read(tmp_path / "e.jsonl")) == ([], [])


def test_log_that_cannot_be_written_closes_the_door(tmp_path: Path) -> None:
    """A request that cannot be logged is not sent."""
    log = tmp_path / "e.jsonl"
    log.mkdir()
    with recorder(saying(good("yes"))) as far:
        heard = Heard()
        sale = market(engine(remote(far.url), log))[0].solve(task(), heard)
    assert sale.outcome is not None and sale.outcome.agent == "home"
    assert far.requests == [] and "nothing is sent" in heard.of(Noted)[0].text


def test_local_work_that_fails_its_check_escalates(tmp_path: Path) -> None:
    """Work that fails its check goes to the remote, although its plan won; both outcomes are kept, in order."""
    memory = ScriptedMemory()
    with recorder(saying(good("better"))) as far:
        this = engine(remote(far.url, seconds=20), tmp_path / "e.jsonl")
        sold, _ = market(this, score=4.5, memory=memory, passes=lambda task, answer: answer == "better")
        heard = Heard()
        sale = sold.solve(task(), heard)
    assert sale.outcome is not None and (sale.outcome.agent, sale.outcome.status) == ("far", "passed")
    _, outcome, run = memory.recorded[0]
    assert outcome == sale.outcome and [o.agent for o in run["earlier"]] == ["home"]
    assert [o.status for o in run["earlier"]] == ["failed"]
    assert [event.outcome.agent for event in heard.of(Finished)] == ["far"]
    assert run["fallback"]["lost"] is False


def test_work_far_away_may_take_as_long_as_the_remote_says(tmp_path: Path) -> None:
    """The time limit of a bid does not apply to it."""

    def slow() -> bytes:
        time.sleep(0.6)
        return good("yes")

    with recorder(saying(slow)) as far:
        this = engine(remote(far.url, seconds=20), tmp_path / "e.jsonl")
        sale = market(this, bid_seconds=0.2)[0].solve(task(), Heard())
    assert sale.outcome is not None and (sale.outcome.agent, sale.outcome.answer) == ("far", "yes")
    settings = load({"EDGE_SALE_HOME": str(tmp_path)})
    plan = MarketPlan(settings, PoolCard("p", "", "", "", ()), (), None, WEIGHTS, fallback=this.remote)
    fallback = assemble.market(plan).fallback
    assert fallback is not None and fallback.seconds == 20


def test_next_task_starts_at_home(tmp_path: Path) -> None:
    """After an escalation the next auction is local again, and nothing leaves for it."""
    with recorder(saying(good("yes"))) as far:
        this = engine(remote(far.url, seconds=20), tmp_path / "e.jsonl")
        sold, home = market(this, rounds=2)
        home.verdicts[1] = {"1. Do it.": 4.9}
        done = [sold.solve(task(number), Heard()).outcome for number in range(2)]
    assert [outcome.agent for outcome in done if outcome] == ["far", "home"]
    assert len(far.requests) == 1


def test_cost_is_the_endpoints_own_count(tmp_path: Path) -> None:
    """12 tokens read at 3 and 3 written at 9 per million: ledger and log have the same cost, once."""
    with recorder(saying(good("yes"))) as far:
        heard = Heard()
        market(engine(remote(far.url, seconds=20), tmp_path / "e.jsonl"))[0].solve(task(), heard)
    (entry,) = (event.entry for event in heard.of(Spent) if event.entry.purpose == "escalate")
    (line,) = read(tmp_path / "e.jsonl")
    assert (entry.who, entry.tokens_in, entry.tokens_out) == ("far", 12, 3)
    assert entry.dollars == pytest.approx(63e-6) and line["cost"] == pytest.approx(63e-6)
    assert line["expected"] > line["cost"] and not line["estimated"]


def test_budget_counts_what_was_spent_and_what_may_have_been(tmp_path: Path) -> None:
    """A request whose answer is unknown counts at its expected cost, so a crash never frees budget."""
    log = tmp_path / "e.jsonl"
    with recorder(saying(good("yes"))) as far:
        one = engine(remote(far.url, seconds=20), log, budget=Budget(day=0.0005))
        market(one)[0].solve(task(), Heard())
        request, answer = log.read_text().splitlines()
        log.write_text("".join([request + "\n"] * 2))  # killed twice before the answer was noted
        heard = Heard()
        sale = market(engine(remote(far.url), log, budget=Budget(day=0.0009)))[0].solve(task(2), heard)
    assert json.loads(answer)["cost"] < json.loads(request)["expected"]
    assert sale.outcome is not None and sale.outcome.agent == "home"
    assert "of this day's 0.0009 are spent" in heard.of(Noted)[0].text


def test_agreed_once_for_the_same_bytes(tmp_path: Path) -> None:
    """The user sees the exact bytes before they leave, and only once where a second try is needed."""
    answers = [refusal(500, headers="Retry-After: 0\r\n"), good("yes")]
    seen = []

    def agree(outbound):
        seen.append(outbound)
        return ""

    with recorder(saying(lambda: answers.pop(0))) as far:
        this = engine(remote(far.url, seconds=20), tmp_path / "e.jsonl", agree=agree)
        sale = market(this)[0].solve(task(), Heard())
    assert sale.outcome is not None and sale.outcome.agent == "far"
    (outbound,) = seen
    assert [data.partition(b"\r\n\r\n")[2] for data in far.requests] == [outbound.body] * 2
    assert [line["status"] for line in read(tmp_path / "e.jsonl")] == [500, 200]


def test_what_is_no_text_is_sent_as_a_question_mark(tmp_path: Path) -> None:
    """A file name in another encoding is counted and sent, in the task or in what follows it."""
    with recorder(saying(good("yes"))) as far:
        own = (KEY, os.fsdecode(b"a-key-\xe9"))  # such a variable harms nothing either
        this = engine(remote(far.url, seconds=20), tmp_path / "e.jsonl", own=own)
        sale = market(this)[0].solve(Task("t", os.fsdecode(b"Look into caf\xe9.py.")), Heard())
    assert sale.outcome is not None and sale.outcome.answer == "yes"
    assert json.loads(far.requests[0].partition(b"\r\n\r\n")[2])["messages"][0]["content"] == "Look into caf?.py."


def test_own_key_never_leaves_in_a_task(tmp_path: Path) -> None:
    """Where a task quotes the user's own key, a placeholder is sent and comes back as the key."""
    with recorder(saying(good("use REDACTED_SECRET_0001 here"))) as far:
        this = engine(remote(far.url, seconds=20), tmp_path / "e.jsonl", own=[KEY, "another-value"], keep=True)
        sale = market(this)[0].solve(Task("t", f"Why is {KEY} refused?"), Heard())
    body = far.requests[0].partition(b"\r\n\r\n")[2]
    assert KEY.encode() not in body and b"Why is REDACTED_SECRET_0001 refused?" in body
    assert sale.outcome is not None and sale.outcome.answer == f"use {KEY} here"
    assert KEY not in (tmp_path / "e.jsonl").read_text()
