"""Live runs with agents that follow a script: what is written, and what a kill leaves."""

import json

import pytest

from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EngineError, OutOfMemory
from edge_sale.evaluation import live, run_records, runs
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.jsonl_store import BadRecord
from edge_sale.evaluation.records import Item
from edge_sale.evaluation.runs_file import RunsFile, method_line
from edge_sale.scoring.weights import Weights
from edge_sale.types import Outcome, Task
from tests.scripted import Scripted, plan

QUESTION = Question(Item(Task("t1", "Say hi."), "easy"), "exact", ["hi"], "hi")
WEIGHTS = Weights("w", 1, "", {"price_length": 0.1}, 0.3)
ABOUT = {"kind": "set", "set": "own", "prices": {"small": 1.0, "large": 10.0}, "prompts": "p", "models": {}}


def market(**scripts):
    agents = [
        Scripted("small", 1.0, [plan("1. Hi.", 5)], [{"1. Hi.": 4.0, "1. Ho.": 1.0}], Outcome("small", "done", "hi")),
        Scripted("large", 10.0, [plan("1. Ho.", 9)], [{"1. Hi.": 3.0, "1. Ho.": 2.0}], Outcome("large", "done", "ho")),
    ]
    for agent in agents:
        for name, value in scripts.get(agent.name, {}).items():
            setattr(agent, name, value)
    return Market(agents, Scheduler({}, agents={a.name: a for a in agents}), WEIGHTS)


def test_each_agent_alone_leaves_a_trial_and_a_line():
    """Its own plan, what every juror made of it, and the grade by the key."""
    here = market()
    values = live.alone(QUESTION, here, here.agents, "auto")
    trials = {v["agent"]: v for v in values if v["kind"] == "trial"}
    assert (trials["small"]["success"], trials["large"]["success"]) == (True, False)
    assert trials["large"]["scores"] == {"small": 1.0, "large": 2.0}
    assert [v["tried"] for v in values if v["kind"] == "result"] == [["small"], ["large"]]
    item, trial = run_records.from_line("here", json.loads(json.dumps(trials["small"])))
    assert (item.bin, trial.plan, trial.entropy) == ("easy", "1. Hi.", 1.0)


def test_an_agent_that_makes_no_bid_has_failed_and_says_why():
    """It is a line of its own, with the reason."""
    here = market(small={"bids": [EngineError("no room")]}, large={"verdicts": [{"1. Ho.": 2.0}]})
    here.agents[0].verdicts = [{"1. Ho.": 1.0}]
    values = live.alone(QUESTION, here, here.agents, "auto")
    line = next(v for v in values if v["kind"] == "result" and v["method"] == "small")
    assert (line["success"], line["note"]) == (False, "no room")


def test_a_fault_of_the_machine_is_not_a_wrong_answer():
    """Out of memory stops the bench; an agent's own failure is a run like any other."""
    with pytest.raises(OutOfMemory):
        here = market(small={"outcome": OutOfMemory("no memory")})
        live.alone(QUESTION, here, here.agents, "auto")
    here = market(small={"outcome": EngineError("lost")})
    values = live.alone(QUESTION, here, here.agents[:1], "auto")
    assert values[-1]["success"] is False


def test_an_auction_is_graded_and_keeps_its_bids():
    """The market handles it as a user's task; the bids with plans and scores stand in the line."""
    value = live.auctioned(QUESTION, market(), 0, "auto")
    assert (value["tried"], value["success"], value["order"]) == (["small"], True, 0)
    assert [(b["agent"], b["plan"]) for b in value["bids"]] == [("small", "1. Hi."), ("large", "1. Ho.")]


def test_nobody_s_task_is_a_failure_with_a_reason():
    """Where every agent sits out, nobody worked."""
    nobody = {name: {"bids": [EngineError("no room")]} for name in ("small", "large")}
    value = live.auctioned(QUESTION, market(**nobody), 0, "auto")
    assert (value["tried"], value["success"]) == (["nobody"], False)
    assert "no room" in value["note"]


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    """The torn last line is dropped and made again; what was whole stays, byte for byte."""
    file = tmp_path / "r.jsonl"
    written = RunsFile(file)
    written.begin(ABOUT, [method_line("small", "alone", "")])
    here = market()
    written.add(*live.alone(QUESTION, here, here.agents, "auto"))
    written.close()
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"kind": "result", "metho')
    again = RunsFile(file)
    again.begin(ABOUT, [])
    again.close()
    assert file.read_bytes() == whole
    assert again.done == {("small", 0, "t1"), ("large", 0, "t1")}
    assert runs.read([file]).columns.keys() == {"small", "large"}


@pytest.mark.parametrize("name, value", [("prompts", "q"), ("models", {"m": "x"}), ("set", "mbpp")])
def test_another_run_s_file_is_not_gone_on_with(name, value, tmp_path):
    """Other prompts, models or tasks: named, and the file untouched."""
    file = tmp_path / "r.jsonl"
    written = RunsFile(file)
    written.begin(ABOUT, [])
    written.close()
    before = file.read_bytes()
    with pytest.raises(BadRecord, match=f"these runs have {name}"):
        RunsFile(file).begin({**ABOUT, name: value}, [])
    assert file.read_bytes() == before


def test_trials_can_be_replayed(tmp_path):
    """What a live run wrote is a recording, whose jurors are its bidders."""
    file = tmp_path / "r.jsonl"
    written = RunsFile(file)
    written.begin(ABOUT, [])
    here = market()
    written.add(*live.alone(QUESTION, here, here.agents, "auto"))
    written.close()
    read = run_records.read(file)
    assert (read.agents, len(read.items)) == (("small", "large"), 1)
    assert run_records.opinions(read)["t1"].scores["large"] == {"small": 3.0, "large": 2.0}
    with pytest.raises(BadRecord, match="'huge' is not an agent of these runs; there are: small, large"):
        run_records.read(file, ["huge"])


def test_orders_are_permutations_and_the_first_is_the_set_s_own():
    """Five orders of the same tasks, the same every time."""
    many = [Question(Item(Task(str(n), "x"), ""), "exact", ["x"]) for n in range(9)]
    assert live.shuffled(many, 0) == many
    assert live.shuffled(many, 1) == live.shuffled(many, 1) != many
    assert sorted(q.item.task.id for q in live.shuffled(many, 2)) == [str(n) for n in range(9)]
