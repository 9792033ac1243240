"""A jury is asked once: the store answers for the same weights and the same question, and for nothing else."""

import json

import pytest

from edge_sale.errors import EdgeSaleError, PromptTooLong
from edge_sale.evaluation import judges, routellm
from edge_sale.evaluation.jsonl_store import BadRecord, KeyedStore, key
from edge_sale.evaluation.judges import CachedEngine, Juror
from edge_sale.types import LogProb
from tests.evaluation.kit import full_recording


class Engine:
    """Says that a text is as likely as its prompt is long; counts what it is asked."""

    name, context = "tiny", 64

    def __init__(self):
        self.asked = 0

    def loglik(self, requests, seconds=None):
        self.asked += len(requests)
        lengths = [sum(len(m.content) for m in request.prompt.messages) for request in requests]
        return [LogProb(-100.0 + n / 10, 10, n, 0.5) for n in lengths]


def jury(folder, engine, identity="sha"):
    cached = CachedEngine("tiny", identity, KeyedStore(folder / "jury.jsonl"), lambda: engine)
    return [Juror("tiny", "tiny", 0.02)], {"tiny": cached}


def test_the_same_question_is_asked_once(tmp_path):
    """A second replay asks nothing and hears the same, tokens and seconds included."""
    of, engine = full_recording({"small": "10", "large": "11"}), Engine()
    first = judges.opinions(of, *jury(tmp_path, engine), ["recoverability"])
    asked = engine.asked
    again = judges.opinions(of, *jury(tmp_path, engine), ["recoverability"])
    assert (again, engine.asked) == (first, asked)
    assert asked == 2 * (2 + 1)  # a task behind each of two plans, and behind none
    opinion = first["t0"]
    assert opinion.scores["tiny recoverability"].keys() == {"small", "large"}
    assert opinion.spent.seconds == 1.5 and opinion.unlikely > 0


def test_other_weights_are_asked_anew(tmp_path):
    """The cache is by the weights' sha256 too."""
    of, engine = full_recording({"small": "1"}), Engine()
    judges.opinions(of, *jury(tmp_path, engine), ["recoverability"])
    before = engine.asked
    judges.opinions(of, *jury(tmp_path, engine, "other"), ["recoverability"])
    assert engine.asked == 2 * before


def test_a_juror_that_cannot_read_a_plan_is_an_error(tmp_path):
    """A task is never judged by half a jury, and a failure is not kept."""

    class Short(Engine):
        def loglik(self, requests, seconds=None):
            return [PromptTooLong("tiny", 99, 64) for _ in requests]

    with pytest.raises(EdgeSaleError, match=r"could not judge 't0'.*99 tokens"):
        judges.opinions(full_recording({"small": "1"}), *jury(tmp_path, Short()), ["recoverability"])
    assert not (tmp_path / "jury.jsonl").exists()


def test_a_cache_survives_a_torn_line(tmp_path):
    """What a kill cut short is asked again; what was whole stays, also what is written behind it."""
    cache = KeyedStore(tmp_path / "x.jsonl")
    cache.put("a", 1)
    cache.put("b", [2.5])
    file = tmp_path / "x.jsonl"
    file.write_bytes(file.read_bytes()[:-4])
    torn = KeyedStore(tmp_path / "x.jsonl")
    assert "a" in torn and "b" not in torn
    torn.put("c", 3)
    whole = KeyedStore(tmp_path / "x.jsonl")
    assert (whole["a"], whole["c"], "b" in whole) == (1, 3, False)


def test_keys_know_where_parts_end():
    """("ab", "c") and ("a", "bc") are two questions; without a folder nothing is written."""
    assert key("ab", "c") != key("a", "bc")
    asked = []
    values = KeyedStore(None).fill(["p", "q", "p"], lambda places: asked.append(places) or places, 8, lambda n: None)
    assert asked == [[2, 1]] and values == [2, 1, 2]


def routed(folder, text):
    (folder / "mmlu_art.csv").write_text(text)
    return folder


HEAD = "prompt,mixtral-8x7b-instruct-v0.1,gpt-4-1106-preview\n"


def test_routellm_outcomes_become_a_recording(tmp_path):
    """A prompt over several lines, a column an agent; bins are the benchmark."""
    read = routellm.read(routed(tmp_path, HEAD + '"What?\nA. 1\nAnswer:",True,True\nWho?,False,True\n'))
    assert [(i.bin, i.task.text[:5]) for i in read.items] == [("mmlu", "What?"), ("mmlu", "Who?")]
    assert [read.trial(i, "mixtral-8x7b-instruct-v0.1").success for i in read.items] == [True, False]
    (only,) = routellm.read(tmp_path, ["gpt-4-1106-preview"]).agents
    assert only == "gpt-4-1106-preview"


@pytest.mark.parametrize(
    "text, words",
    [
        (HEAD + "Who?,perhaps,True\n", "line 2: mixtral-8x7b-instruct-v0.1 should be True or False"),
        (HEAD + "Who?,True\n", "line 2: has not as many fields"),
        ("prompt,gpt-4-1106-preview\nWho?,True\n", "line 1: has no column 'mixtral-8x7b-instruct-v0.1'"),
        (HEAD, "holds no tasks"),
    ],
)
def test_a_damaged_outcome_file_is_named_by_line(text, words, tmp_path):
    """Nothing is guessed."""
    with pytest.raises(BadRecord) as caught:
        routellm.read(routed(tmp_path, text))
    assert words in str(caught.value)


def test_keys_are_json(tmp_path):
    """A line of the store is a key and its value."""
    KeyedStore(tmp_path / "x.jsonl").put("k", {"a": 1})
    assert json.loads((tmp_path / "x.jsonl").read_text()) == ["k", {"a": 1}]
