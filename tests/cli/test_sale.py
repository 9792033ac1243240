"""The main job on the models that come with edge-sale, as its users run it: nothing is pulled."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.cli.kit import Sold, edge, history, new_home, only_document, sell, start, told, wait_for

TASK = "Write a Python function that keeps the even numbers of a list and adds them up."
LONG = (
    "Write a Python function that keeps the even numbers of a list, doubles them, sorts them and sums the first three."
)
AGENTS = {"junior", "lists", "texts", "senior"}


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Sold:
    return sell(new_home(tmp_path_factory.mktemp("sold")), TASK)


def test_json_of_a_run_is_one_document(sold: Sold) -> None:
    """Exit 0 and nothing on stderr; the winner is the bid that asks least, and there is an answer."""
    document = sold.document
    assert sold.done.stderr == ""
    assert sold.done.returncode == (1 if document["status"] == "failed" else 0)
    bids = document["bids"]
    assert {bid["bid"]["agent"] for bid in bids} | set(document["sat_out"]) == AGENTS
    (won,) = (bid for bid in bids if bid["won"])
    assert won["bid"]["agent"] == document["winner"] and won["asking"] == min(bid["asking"] for bid in bids)
    assert document["answer"] and document["recorded"]
    assert document["task"]["domain"] == "python"


def test_bids_come_from_the_models_own_logits(sold: Sold) -> None:
    """Every plan has its tokens and entropy, and scores from 0 to 5; who cannot win may have none."""
    for row in sold.document["bids"]:
        bid = row["bid"]
        assert 0 < bid["strategy"]["tokens"] <= 80
        assert 0 < bid["strategy"]["entropy"] < 7
        assert set(bid["scores"]) <= AGENTS and (bid["scores"] or not row["won"])
        assert all(0 <= score <= 5 for score in bid["scores"].values())
        assert row["asking"] == pytest.approx(row["cost"] - row["value"])


def test_history_show_and_trace_tell_the_same_sale(sold: Sold) -> None:
    """One auction, one id, one winner and one sum of tokens, wherever one looks."""
    (row,) = history(sold.home)
    shown = only_document(edge(sold.home, "show", "--json").stdout)
    cost = sold.document["cost"]
    tokens = sum(cost[part][way] for part in cost for way in ("tokens_in", "tokens_out"))
    assert row["id"] == shown["id"] == sold.document["id"]
    assert row["winner"] == shown["winner"] == sold.document["winner"]
    assert row["tokens"] == sum(e["tokens_in"] + e["tokens_out"] for e in shown["entries"]) == tokens
    for args in (("show", row["id"][:5]), ("trace", str(sold.trace))):
        told = edge(sold.home, *args)
        assert (told.returncode, told.stderr) == (0, "")
        assert TASK in told.stdout and sold.document["reason"] in told.stdout
        assert f"auction {cost['auction']['tokens_in'] + cost['auction']['tokens_out']} tokens" in told.stdout


def test_trace_is_the_auction_in_order(sold: Sold) -> None:
    """Bids come before scores, scores before the winner, the record at the end."""
    events = [json.loads(line)["event"] for line in sold.trace.read_text(encoding="utf-8").splitlines()]
    assert events[0] == "opened" and events[-1] == "recorded"
    order = [events.index(name) for name in ("placed", "judged", "led", "won", "finished")]
    assert order == sorted(order)


def test_similar_task_finds_the_first_one(tmp_path: Path) -> None:
    """A sale made earlier is recalled for a task like it, and who is cheaper than the leader refines from it."""
    sold = sell(new_home(tmp_path), LONG)  # so long that the small ones plan otherwise than who wins
    trace = sold.home / "second.jsonl"
    done = edge(
        sold.home, "bid", LONG.replace("even", "odd"), "--seed", "3", "--json", "--trace", str(trace), seconds=400
    )
    document = only_document(done.stdout)
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    opening = {bid["bid"]["agent"]: bid for bid in document["bids"] if bid["bid"]["phase"] == "opening"}
    leader = min(opening.values(), key=lambda bid: bid["asking"])
    cheaper = {name for name, bid in opening.items() if bid["bid"]["price"] < leader["bid"]["price"]}
    recalled = {event["agent"]: event["lessons"] for event in events if event["event"] == "recalled"}
    assert set(recalled) == AGENTS
    assert all(lesson["auction"] == sold.document["id"] for found in recalled.values() for lesson in found)
    assert any(recalled.values())  # not all: who planned what won, or did not bid, has nothing to learn from it
    refined = {bid["bid"]["agent"] for bid in document["bids"] if bid["bid"]["phase"] == "refined"}
    low = {event["agent"] for event in events if event["event"] == "satout" and event["purpose"] == "refine"}
    assert refined | low == {agent for agent in cheaper if recalled[agent]}


def test_same_seed_gives_the_same_sale(tmp_path: Path) -> None:
    """Same seed, pool and memory: the same plans, scores, winner, answer and tokens; only time differs."""
    args = ("run", TASK, "--seed", "5", "--no-memory", "--json")
    one, two = (told(only_document(edge(new_home(tmp_path), *args, seconds=400).stdout)) for _ in range(2))
    assert one == two
    assert not one["recorded"] and not (tmp_path / "memory.sqlite").exists()


def test_quiet_and_check(tmp_path: Path) -> None:
    """--quiet prints the answer alone; one that fails its check is exit 1 and a note on stderr."""
    home = new_home(tmp_path)
    done = edge(home, "run", TASK, "-a", "senior", "-q", "--check", "assert 1 == 2", "--sandbox", "none")
    (row,) = history(home)
    shown = only_document(edge(home, "show", "--json").stdout)
    assert done.returncode == 1
    assert done.stdout == shown["outcome"]["answer"] + "\n"
    assert (row["status"], row["verified"]) == ("failed", False)
    assert done.stderr.startswith("note: the ") and done.stderr.count("\n") == 1


def test_two_runs_at_once_are_both_recorded(tmp_path: Path) -> None:
    """Two processes on one home do not lose each other's auctions."""
    home = new_home(tmp_path)
    both = [start(home, "bid", task, "-a", "senior", "--json") for task in (TASK, f"{TASK} Please.")]
    ids = {only_document(process.communicate(timeout=300)[0].decode())["id"] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert {row["id"] for row in history(home)} == ids and len(ids) == 2


def test_task_longer_than_the_context_is_refused(tmp_path: Path) -> None:
    """Nothing is cut silently: both numbers are named, and nothing is recorded."""
    home = new_home(tmp_path)
    done = edge(home, "run", "--json", stdin=b"another word " * 6000, EDGE_SALE_MODELS=str(tmp_path / "none"))
    assert done.returncode == 1
    error = only_document(done.stdout)["error"]
    assert "tokens of prompt and answer, room for 1024" in error and "edge-sale pull starter" in error
    assert history(home) == []


def test_damaged_memory_stops_a_run_and_stays_as_it_is(tmp_path: Path) -> None:
    """The file is named and not touched; --no-memory works without it."""
    file = new_home(tmp_path) / "memory.sqlite"
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    done = edge(tmp_path, "bid", TASK, "-a", "junior")
    assert (done.returncode, done.stdout) == (1, "")
    assert str(file) in done.stderr and "--no-memory" in done.stderr
    assert edge(tmp_path, "bid", TASK, "-a", "junior", "--no-memory", "--json").returncode == 0
    assert file.read_bytes() == b"SQLite format 3\0" + b"\xff" * 5000


def test_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A memory that has no place to be is one line, before the auction is held."""
    home = new_home(tmp_path / "home")
    (home / "memory.sqlite").mkdir()
    done = edge(home, "bid", TASK, "-a", "junior")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"edge-sale: {home / 'memory.sqlite'}") and done.stderr.count("\n") == 1


def test_trace_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """An unwritable --trace stops the run before anything is loaded."""
    done = edge(new_home(tmp_path), "bid", TASK, "--trace", str(tmp_path / "no" / "t.jsonl"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "t.jsonl: cannot write the trace: No such file" in done.stderr


def test_interrupt_ends_a_check(tmp_path: Path) -> None:
    """^C while a check hangs: exit 130 within a second, nothing recorded, nothing left running.

    (What comes before takes these models no time; tests/cli/test_starter.py interrupts a larger one.)
    """
    trace = tmp_path / "t.jsonl"
    process = start(
        new_home(tmp_path),
        "run",
        TASK,
        "--trace",
        str(trace),
        "-a",
        "senior",
        "--sandbox",
        "none",
        "--check",
        "while True: pass",
    )
    wait_for('"purpose": "work"', trace, process)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)  # ends only when every holder of its stderr has ended
    took = time.monotonic() - began
    assert process.returncode == 130
    assert err.decode().endswith("edge-sale: stopped; nothing of this run was recorded\n")
    assert history(tmp_path) == []
    assert took < 1.5  # a second, and a little for a machine with other work


def test_interrupt_while_starting(tmp_path: Path) -> None:
    """^C while the models are loaded is the same as later."""
    process = start(new_home(tmp_path), "run", TASK)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err.decode()


OUTSIDE = "Write a haiku about the rain over Lisbon in November."


def test_outside_the_trade_nobody_bids_and_the_way_out_is_named(tmp_path: Path) -> None:
    """One line, exit 1, no answer, nothing recorded; --json and the trace say how far each bid came."""
    home, trace = new_home(tmp_path), tmp_path / "t.jsonl"
    nothing = {"EDGE_SALE_MODELS": str(tmp_path / "none")}
    done = edge(home, "run", OUTSIDE, "--trace", str(trace), **nothing)
    assert (done.returncode, done.stdout) == (1, "")
    says = done.stderr.splitlines()[-1]
    assert says.startswith("edge-sale: no bid reaches the reserve price: ") and says.endswith("edge-sale pull starter")
    assert "small Python functions over lists, strings, words and counts" in says
    document = only_document(edge(home, "run", OUTSIDE, "--json", **nothing).stdout)
    refused = document["refused"]
    assert document["exit"] == 1 and set(refused["reached"]) == AGENTS
    assert max(refused["reached"].values()) < refused["reserve_price"]
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    assert events[-1]["event"] == "refused" and events[-1]["reason"] == document["error"]
    told = edge(home, "trace", str(trace))
    assert told.returncode == 0 and document["error"] in told.stdout
    assert history(home) == []


def test_an_answer_of_the_trade_is_right(tmp_path: Path) -> None:
    """Real weights, a real check in the sandbox: the positive control of the test above."""
    check = "assert solve([1, 2, 3, 4]) == 6 and solve([7]) == 0"
    done = edge(new_home(tmp_path), "run", TASK, "--check", check, "--sandbox", "none", "--json")
    document = only_document(done.stdout)
    assert (done.returncode, document["status"], document["verified"]) == (0, "passed", True)
