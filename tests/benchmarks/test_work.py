"""The bench of work: resumable, refuses what it cannot do, and grades by the sets' own rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import work, work_mbpp, work_repairs, work_setup
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.jsonl_store import KeyedStore
from edge_sale.evaluation.records import Item
from edge_sale.settings import load
from edge_sale.types import Task
from tests.workspace.kit import wrapped


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    """A second run goes on from the file, also where a kill cut its last line."""
    store = KeyedStore(tmp_path / "work.jsonl")
    assert [store.get(key, lambda key=key: {"n": key}) for key in "ab"] == [{"n": "a"}, {"n": "b"}]
    with (tmp_path / "work.jsonl").open("a") as file:
        file.write('["c", {"n"')
    again = KeyedStore(tmp_path / "work.jsonl")
    assert again.get("a", lambda: pytest.fail("measured again")) == {"n": "a"}
    assert again.get("c", lambda: {"n": "c"}) == {"n": "c"}


@pytest.mark.parametrize(
    "data, part, said", [("nowhere", "", "needs task sets"), ("", "other", "--part is one of mbpp")]
)
def test_mistakes_are_told(data: str, part: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(EdgeSaleError, match=said):
        list(work.measure(tmp_path / data, 1, lambda line: None, part=part))


@wrapped
def test_answers_are_graded_by_all_assertions() -> None:
    """Right, wrong, empty and endless answers, each held to the whole of the tests."""
    key = {"before": "import math\n", "tests": "assert f(2) == 4\nassert f(3) == 9\n"}
    question = Question(Item(Task("t", "x", "python"), "b"), "tests", key)
    answers = ["def f(x): return x * x", "def f(x): return 4", "", "while True: pass"]
    assert work_mbpp.right(question, answers, "auto") == [True, False, False, False]


@wrapped
def test_a_program_with_its_cases_is_a_repository(tmp_path: Path) -> None:
    """The check fails on the program as it is and passes on the corrected one."""
    data = tmp_path / "data"
    (data / "python_programs").mkdir(parents=True)
    (data / "json_testcases").mkdir()
    (data / "python_programs/inc.py").write_text("def inc(x):\n    return x - 1\n")
    (data / "json_testcases/inc.json").write_text(json.dumps([1, 2]) + "\n" + json.dumps([[5], 6]) + "\n")
    root = work_repairs.repository(data, "inc", tmp_path)
    workspace = work_setup.workspace(
        root, load(), tmp_path, work_repairs.CHECK.replace("timeout 4", "timeout 20")
    )  # a busy machine
    at = workspace.begin()
    passed, said = workspace.passes(at)
    assert not passed and "inc(*[1]) gives 0, should be 2" in said
    at.put("inc.py", "def inc(x):\n    return x + 1\n")
    assert workspace.passes(at)[0]
