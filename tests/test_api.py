"""The Python API on the models that come along: what the README shows, and what it promises."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import jsonschema
import pytest

import edge_sale
from edge_sale import EdgeSaleError, open_market
from edge_sale.errors import NoBids, TaskError, UnknownName
from edge_sale.events import Event, Finished, Noted, Opened, Won, Wrote
from edge_sale.memory.history import History
from edge_sale.result import schema
from edge_sale.settings import load
from tests.cli.kit import edge, new_home, only_document
from tests.documents.kit import write
from tests.workspace.kit import repository, wrapped

TASK = "Write a Python function that keeps the even numbers of a list and returns their sum."
CHECK = "assert solve([1, 2, 4]) == 6"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = new_home(tmp_path / "home")
    monkeypatch.setenv("EDGE_SALE_HOME", str(home))
    return home


@wrapped
def test_a_task_is_run_and_its_result_says_who_why_and_at_what_cost(home: Path) -> None:
    """Answer, winner, bids, usage and cost of one task belong together, and the auction is recorded."""
    with open_market(pool="bundled", seed=1) as market:
        result = market.run(TASK, check=CHECK)
    assert result.status == "passed" and result.verified and "def solve" in (result.answer or "")
    assert result.winner == result.bids[0].bid.agent == result.done_by and result.bids[0].won
    assert [bid.asking for bid in result.bids] == sorted(bid.asking for bid in result.bids)
    assert result.usage.tokens == result.cost.auction.tokens + result.cost.work.tokens > 0
    assert result.cost.dollars == pytest.approx(result.usage.dollars)
    assert result.recorded and [row.id for row in History.open(load().memory_file).list()] == [result.id]


def test_events_come_as_they_happen_and_the_result_at_the_end(home: Path) -> None:
    """A stream gives what the live table shows, in order; its result is that of `run`."""
    with open_market(pool="bundled", seed=1, memory=False) as market:
        stream = market.stream(TASK)
        events = list(stream)
        result = stream.result
        same = market.run(TASK)
    kinds = [type(event) for event in events]
    assert kinds[0] is Opened and kinds[-1] is Finished
    assert kinds.index(Won) < kinds.index(Wrote)
    assert (same.answer, same.winner) == (result.answer, result.winner) and list(stream) == []


def test_a_stream_that_is_closed_stops_the_task(home: Path) -> None:
    """Nothing is recorded of it, and the market does the next task."""
    with open_market(pool="bundled", seed=1) as market:
        with market.stream(TASK) as stream:
            next(stream)
        assert market.run(TASK).status == "done"
    assert len(History.open(load().memory_file).list()) == 1


def test_errors_are_those_of_the_error_tree_and_nothing_is_printed(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A task that is empty or outside the trade, a pool and an agent that are not there: one line each."""
    with open_market(pool="bundled") as market:
        for task, error in (("", TaskError), ("Translate 'good morning' into French.", NoBids)):
            with pytest.raises(error):
                market.run(task)
            with pytest.raises(error):
                list(market.stream(task))
    for wrong in ({"pool": "nowhere"}, {"agents": ["nobody"]}, {"escalate": "auto"}):
        with pytest.raises(EdgeSaleError) as raised, open_market(**wrong):  # type: ignore[arg-type]
            pass
        assert "\n" not in str(raised.value)
    with pytest.raises(UnknownName), open_market(pool="bundled") as market:
        market.invite(["nobody"])
    assert capfd.readouterr() == ("", "")


def test_several_markets_in_one_process_work_side_by_side(home: Path) -> None:
    """Two pools at once, and one market from two threads: each result is what it is alone."""
    with open_market(pool="bundled", seed=1, memory=False) as one:
        alone = one.run(TASK).answer
        with open_market(pool="bundled", agents=["junior"], seed=1, memory=False) as other:
            answers: dict[str, str | None] = {}
            threads = [
                threading.Thread(target=lambda n=name, m=market: answers.__setitem__(n, m.run(TASK).answer))
                for name, market in (("a", one), ("b", one), ("c", other))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert answers["a"] == answers["b"] == alone and answers["c"] == other.run(TASK).answer


def test_an_auction_alone_executes_nothing(home: Path) -> None:
    with open_market(pool="bundled") as market:
        result = market.run(TASK, execute=False)
    assert result.answer is None and result.status is None and result.bids and result.cost.work.tokens == 0


def test_agents_can_be_invited_anew(home: Path) -> None:
    with open_market(pool="bundled", memory=False) as market:
        assert {bid.bid.agent for bid in market.invite(["senior"]).run(TASK, execute=False).bids} == {"senior"}


def test_the_command_prints_the_same_structure(home: Path, tmp_path: Path) -> None:
    """`--json` is a result: its keys are those of `to_json`, and it fits the schema that is shipped."""
    with open_market(pool="bundled", seed=1, memory=False) as market:
        mine = market.run(TASK).to_json()
    args = ("run", "--json", "--pool", "bundled", "--seed", "1", "--no-memory", TASK)
    theirs = only_document(edge(home, *args).stdout)
    assert mine.keys() == theirs.keys() and mine["answer"] == theirs["answer"] and mine["bids"] == theirs["bids"]
    for document in (mine, theirs, only_document(edge(home, "bid", *args[1:]).stdout)):
        jsonschema.validate(document, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**mine, "bids": "none"}, schema())


def test_the_shipped_schema_is_current() -> None:
    """`.venv/bin/python scripts/result_schema.py` writes it anew."""
    import result_schema

    assert result_schema.FILE.read_text(encoding="utf-8") == result_schema.text()


@wrapped
def test_a_repository_is_worked_on_in_a_copy_and_changed_when_applied(home: Path, tmp_path: Path) -> None:
    """The workspace's files are told to bidders, nothing is changed by a run alone, and the check judges."""
    root = repository(tmp_path / "project", a__py="def f():\n    return 1\n")
    check = f"{sys.executable} -c 'from a import f; assert f() == 2'"
    with open_market(pool="bundled", repo=root, check=check, memory=False) as market:
        task = market.task("Make f return 2.")
        assert (task.repo, task.files, task.check, task.domain) == (True, ("a.py",), check, "repo")
    assert (root / "a.py").read_text() == "def f():\n    return 1\n"
    with pytest.raises(TaskError), open_market(pool="bundled", repo=root, docs=root):
        pass
    with pytest.raises(TaskError), open_market(pool="bundled", check="true"):
        pass


def test_what_was_left_out_is_told_with_the_first_task(home: Path, tmp_path: Path) -> None:
    """Files that no agent sees are named once, as notes."""
    root = repository(tmp_path / "project", a__py="x = 1\n", __env="KEY=1\n")
    heard: list[Event] = []
    with open_market(pool="bundled", repo=root, memory=False) as market:
        with pytest.raises(NoBids):
            market.run("Make x 2.", listener=heard.append)
        assert market.workspace is not None
        notes = [event.text for event in heard if isinstance(event, Noted)]
        assert notes[: len(market.workspace.left_out)] == list(market.workspace.left_out) != []


def test_importing_the_names_loads_no_model_library() -> None:
    """`from edge_sale import open_market` imports neither llama.cpp, nor an HTTP client, nor rich."""
    code = (
        "import json, sys\nfrom edge_sale import open_market\n"
        "print(json.dumps(sorted({'llama_cpp', 'openai', 'huggingface_hub', 'rich', 'click'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    assert set(edge_sale.__all__) <= set(dir(edge_sale))
    with pytest.raises(AttributeError):
        edge_sale.nothing  # noqa: B018


def test_documents_hold_or_are_refused(home: Path, tmp_path: Path) -> None:
    """A folder without documents is an error that names it."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(EdgeSaleError, match="holds no documents"), open_market(pool="bundled", docs=tmp_path / "empty"):
        pass
    docs = write(tmp_path / "docs", {"a.md": "# A\nThe budget was granted on 2 May."})
    with open_market(pool="bundled", docs=docs, memory=False) as market:
        assert market.task("When was it?").domain == "text"
