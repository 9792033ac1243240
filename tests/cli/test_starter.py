"""The main job on the starter pool's real weights: what needs a larger model, or a pulled one."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.kit import STARTER, Sold, edge, history, new_home, only_document, sell, start, told, wait_for

pytestmark = pytest.mark.models

TASK = "Write a Python function that returns the larger of two numbers."


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Sold:
    return sell(new_home(tmp_path_factory.mktemp("sold"), STARTER), TASK)


def test_json_of_a_run_is_one_document(sold: Sold) -> None:
    """Exit 0 and nothing on stderr; the winner is the bid that asks least, and there is an answer."""
    document = sold.document
    assert sold.done.stderr == ""
    assert sold.done.returncode == (1 if document["status"] == "failed" else 0)
    bids = document["bids"]
    assert {bid["bid"]["agent"] for bid in bids} == {"quick", "planner", "drafts"}
    (won,) = (bid for bid in bids if bid["won"])
    assert won["bid"]["agent"] == document["winner"] and won["asking"] == min(bid["asking"] for bid in bids)
    assert document["answer"] and document["recorded"]
    assert document["task"]["domain"] == "python"


def test_bids_come_from_the_models_own_logits(sold: Sold) -> None:
    """Every plan has its tokens and entropy, and a score from every juror between 0 and 5."""
    for row in sold.document["bids"]:
        bid = row["bid"]
        assert 0 < bid["strategy"]["tokens"] <= 32
        assert 0 < bid["strategy"]["entropy"] < 12
        assert set(bid["scores"]) == {"quick", "planner", "drafts"}
        assert all(0 <= score <= 5 for score in bid["scores"].values())
        assert row["asking"] == pytest.approx(row["cost"] - row["value"])


def test_similar_task_finds_the_first_one(sold: Sold) -> None:
    """A sale made earlier is recalled for a task like it, and who is cheaper than the leader refines from it."""
    trace = sold.home / "second.jsonl"
    done = edge(
        sold.home,
        "bid",
        "Write a Python function for the larger of two numbers.",
        "--seed",
        "3",
        "--json",
        "--trace",
        str(trace),
        seconds=400,
    )
    document = only_document(done.stdout)
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    opening = {bid["bid"]["agent"]: bid for bid in document["bids"] if bid["bid"]["phase"] == "opening"}
    leader = min(opening.values(), key=lambda bid: bid["asking"])
    cheaper = {name for name, bid in opening.items() if bid["bid"]["price"] < leader["bid"]["price"]}
    recalled = {event["agent"]: event["lessons"] for event in events if event["event"] == "recalled"}
    assert set(recalled) == {"quick", "planner", "drafts"}
    assert all(lesson["auction"] == sold.document["id"] for found in recalled.values() for lesson in found)
    assert all(recalled.values())
    refined = {bid["bid"]["agent"] for bid in document["bids"] if bid["bid"]["phase"] == "refined"}
    assert refined == cheaper


def test_same_seed_gives_the_same_sale(tmp_path: Path) -> None:
    """Same seed, pool and memory: the same plans, scores, winner, answer and tokens; only time differs."""
    args = ("run", "Name three rivers.", "--seed", "5", "--no-memory", "--json")
    one, two = (told(only_document(edge(new_home(tmp_path, STARTER), *args, seconds=400).stdout)) for _ in range(2))
    assert one == two
    assert not one["recorded"] and not (tmp_path / "memory.sqlite").exists()


def test_quiet_and_check(tmp_path: Path) -> None:
    """--quiet prints the answer alone; one that fails its check is exit 1 and a note on stderr."""
    home = new_home(tmp_path, STARTER)
    done = edge(home, "run", TASK, "-a", "drafts", "-q", "--check", "assert 1 == 2", "--sandbox", "none")
    (row,) = history(home)
    shown = only_document(edge(home, "show", "--json").stdout)
    assert done.returncode == 1
    assert done.stdout == shown["outcome"]["answer"] + "\n"
    assert (row["status"], row["verified"]) == ("failed", False)
    assert done.stderr.startswith("note: the ") and done.stderr.count("\n") == 1


def broken(models: Path, folder: Path, how: str) -> tuple[Path, Path]:
    """A copy of the pulled models with the chat model's file spoilt."""
    copy = folder / "models"
    shutil.copytree(models, copy)
    (file,) = (copy / "smollm2-135m").glob("*.gguf")
    with file.open("r+b") as stream:
        if how == "truncated":
            stream.truncate(file.stat().st_size // 2)
        elif how == "not a GGUF file":
            stream.write(b"XXXX")
        else:
            stream.seek(-1000, 2)
            byte = stream.read(1)[0]
            stream.seek(-1000, 2)
            stream.write(bytes([byte ^ 1]))
    return copy, file


@pytest.mark.parametrize("how", ["truncated", "not a GGUF file", "its sha256 is"])
def test_spoilt_model_is_refused_by_name(how: str, models_dir: Path, tmp_path: Path) -> None:
    """A file that is cut, foreign or changed in one bit is named before llama.cpp sees it."""
    copy, file = broken(models_dir, tmp_path, how)
    done = edge(new_home(tmp_path / "home", STARTER), "bid", "Say yes.", EDGE_SALE_MODELS=str(copy))
    shutil.rmtree(copy)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file}: {how}" in done.stderr
    assert "edge-sale pull smollm2-135m --force" in done.stderr


# stage of the trace at which ^C comes, and what is run
STAGES = [
    ('"stage": "bid"', ()),
    ('"stage": "judge"', ()),
    ('"stage": "work"', ("-a", "drafts")),
    ('"purpose": "work"', ("-a", "drafts", "--sandbox", "none", "--check", "while True: pass")),
]


@pytest.mark.parametrize(("stage", "args"), STAGES, ids=["bidding", "judging", "working", "checking"])
def test_interrupt_ends_it_within_a_second(stage: str, args: Sequence[str], tmp_path: Path) -> None:
    """^C ends bidding, judging, working and a check: exit 130, nothing recorded, nothing left running."""
    trace = tmp_path / "t.jsonl"
    process = start(new_home(tmp_path, STARTER), "run", TASK, "--domain", "python", "--trace", str(trace), *args)
    wait_for(stage, trace, process)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)  # ends only when every holder of its stderr has ended
    took = time.monotonic() - began
    assert process.returncode == 130
    assert err.decode().endswith("edge-sale: stopped; nothing of this run was recorded\n")
    assert history(tmp_path) == []
    assert took < 1.5  # a second, and a little for a machine with other work


def test_reader_that_leaves_stops_the_work(tmp_path: Path) -> None:
    """When nobody reads the answer any more the run ends, without a traceback, and nothing is recorded."""
    process = start(new_home(tmp_path, STARTER), "run", "Tell a long story.", "-a", "quick", "--domain", "text")
    assert process.stdout and process.stderr
    process.stdout.read(1)
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait(timeout=60) == 1
    assert "Traceback" not in err and "bug" not in err
    assert history(tmp_path) == []


def test_specialists_and_the_starter_bid_in_one_market(tmp_path: Path) -> None:
    """Nobody chose a pool and the starter is pulled: a specialist wins what is its trade, the starter the rest."""
    home = new_home(tmp_path, STARTER.replace('pool = "starter"\n', ""))
    trade = "Write a Python function that keeps the even numbers of a list and adds them up."
    inside = only_document(edge(home, "run", trade, "--seed", "1", "--json", seconds=300).stdout)
    assert inside["run"]["pool"] == "mixed"
    assert inside["winner"] in ("junior", "lists", "texts", "senior")
    outside = only_document(edge(home, "run", "Name three rivers.", "--seed", "1", "--json", seconds=300).stdout)
    assert outside["winner"] in ("quick", "planner", "drafts")
    assert all("not its trade" in outside["sat_out"][name] for name in ("junior", "lists", "texts", "senior"))
