"""Sets are read as published, and graders are held to references, empty answers and near misses."""

import json

import pytest

from edge_sale.errors import SandboxMissing
from edge_sale.evaluation import grading as g
from edge_sale.evaluation import task_sets
from edge_sale.evaluation.jsonl_store import BadRecord
from edge_sale.evaluation.proved_questions import proved
from edge_sale.sandbox.python import ProcessResult, level
from tests.evaluation.kit import write

needs_sandbox = pytest.mark.skipif(level("auto").startswith("missing"), reason="bubblewrap is not here")


def files(folder, name):
    """The smallest folder of each set, in its published form."""
    rows = {
        "mbpp": {
            "task_id": "M/1",
            "prompt": "import math\ndef twice(n):\n    '''\n    Write a function.\n    '''\n",
            "entry_point": "twice",
            "canonical_solution": "  return int(math.floor(2 * n))\n",
            "test": "def check(candidate):\n    assert twice(2) == 4\n    assert twice(3) == 6\n",
        },
        "humaneval": {
            "task_id": "H/0",
            "prompt": "import math\n\ndef one():\n    ''' 1 '''\n",
            "entry_point": "one",
            "canonical_solution": "    return 1\n",
            "test": "def check(f):\n    assert f() == 1\n",
        },
        "cruxeval": {"id": "c1", "code": "def f(a):\n    return {a: 1}", "input": "'x'", "output": "{'x': 1}"},
        "javascript": {"id": 1, "question": "What?", "options": {"A": "1", "B": "2"}, "answer": "B"},
        "gsm8k": {"question": "How many?", "answer": "1 + 1 = 2\n#### 1,002"},
        "hotpotqa": {
            "id": "h1",
            "question": "Who?",
            "answer": "The Cat",
            "type": "bridge",
            "context": {"title": ["T"], "sentences": [["A cat."]]},
        },
        "nq_open": {
            "question": "who",
            "answers": ["Ann Lee", "Lee"],
            "ctxs": [{"title": "T", "text": "It was Ann Lee.", "isgold": True}],
        },
        "popqa": {"id": "p1", "question": "Who?", "golden_answers": ["Bo"], "metadata": {"s_pop": 326}},
        "strategyqa": {"id": 0, "question": "Is it?", "answer": True},
        "own": {"id": "o1", "prompt": "Say hi.", "answer": ["hi", "hello"], "bin": "easy"},
    }
    if name == "quixbugs":
        for part, code in (
            ("python_programs", "def inc(n):\n    return n"),
            ("correct_python_programs", "def inc(n):\n    yield n + 1"),
        ):
            (folder / part).mkdir()
            (folder / part / "inc.py").write_text(code)
        write(folder / "json_testcases/inc.json", ["[[1], [2]]"])
        return folder
    if name == "exercism":
        write(folder / "difficulty.jsonl", [{"slug": "two-fer", "difficulty": 3}])
        home = folder / "two-fer"
        (home / ".meta").mkdir(parents=True)
        (home / ".docs").mkdir()
        (home / ".meta/example.py").write_text("def two():\n    return len('ab')")
        (home / ".docs/instructions.md").write_text("Return two.")
        (home / "two_fer.py").write_text("def two():\n    pass")
        (home / "two_fer_test.py").write_text(
            "import unittest\nfrom two_fer import two\nclass T(unittest.TestCase):\n"
            "    def test_it(self):\n        with unittest.mock.patch('two_fer.len', create=True):\n"
            "            pass\n        self.assertEqual(two(), 2)\nimport unittest.mock\n"
        )
        return folder
    file = write(folder / "tasks.jsonl", [rows[name]])
    return file if name == "own" else folder


WORDS = [name for name in task_sets.SETS if name not in ("mbpp", "humaneval", "exercism", "quixbugs")]


@pytest.mark.parametrize("name", WORDS)
def test_words_are_graded_by_the_set_s_own_rule(name, tmp_path):
    """The reference passes, an empty answer and another one fail, with no sandbox at hand."""
    (question,) = task_sets.load(name, files(tmp_path, name))
    assert g.grade(question, question.reference) == (True, 1.0)
    assert g.grade(question, "")[0] is False
    assert g.grade(question, "something else entirely, no")[0] is False


@needs_sandbox
@pytest.mark.parametrize("name", ["mbpp", "humaneval", "exercism", "quixbugs"])
def test_code_is_graded_by_the_set_s_own_tests(name, tmp_path):
    """The reference passes; an empty answer, a wrong one, and one that leaves early or prints success fail."""
    (question,) = task_sets.load(name, files(tmp_path, name))
    assert g.grade(question, question.reference) == (True, 1.0)
    escape = f"{question.reference}\nimport sys\nprint('passed')\nsys.exit(0)"
    for wrong in ("", "def twice(n): return 5", escape, "import os; os._exit(0)", "while", "raise SystemExit"):
        assert g.grade(question, wrong)[0] is False, wrong


@pytest.mark.parametrize(
    "how, key, right, wrong",
    [
        ("number", "1,002", ["#### 1002", "so it is $1,002.00", "1002."], ["#### 1003", "none", "1002 or 7"]),
        (
            "letter",
            "B",
            ["B", "The answer is B.", "**B**", "(B) 2", "A let is hoisted, so:\nB"],
            ["A", "Because", "The answer is A, not B", "A: no. B: yes"],
        ),
        ("literal", "{'x': 1}", ["{'x':1}", '{"x": 1}', "f('x') == {'x': 1}", "```python\n{'x': 1}\n```"], ["{}", "x"]),
        ("literal", "1", ["1"], ["True", "1.0"]),
        ("yes_no", False, ["No.", "false"], ["Yes", "maybe"]),
        ("exact", ["The Cat"], ["cat", "the cat."], ["a black cat"]),
        ("contains", ["Ann Lee"], ["It was Ann Lee, in 1900"], ["It was Ann"]),
    ],
)
def test_near_misses(how, key, right, wrong):
    """What is said otherwise is right, what is nearly right is wrong."""
    assert [a for a in right if not g.GRADERS[how](a, key, "auto")[0]] == []
    assert [a for a in wrong if g.GRADERS[how](a, key, "auto")[0]] == []


def test_f1_by_hand():
    """Two of three words shared: precision 2/3, recall 1."""
    assert g.f1("a big black cat", "black cat") == pytest.approx(0.8)
    assert g.f1("yes it is", "yes") == 0.0


def test_a_machine_that_cannot_run_tests_says_nothing_of_the_answer(monkeypatch):
    """No sandbox, or tests that never began, is an error and never a wrong answer."""
    monkeypatch.setattr(g, "run_python", lambda *a, **k: ProcessResult(137, "", "killed", True))
    with pytest.raises(g.GraderFault, match="did not begin: killed"):
        g.tests("x = 1", {"tests": ""}, "auto")

    def missing(*args, **kwargs):
        raise SandboxMissing("no sandbox")

    monkeypatch.setattr(g, "run_python", missing)
    with pytest.raises(SandboxMissing):
        g.tests("x = 1", {"tests": ""}, "auto")


def test_a_visible_check_is_the_first_assertion(tmp_path):
    """Given as the task's check and not in its words; the grade stays all of the tests."""
    (question,) = task_sets.load("mbpp", files(tmp_path, "mbpp"), visible=True)
    assert question.item.task.check == "assert twice(2) == 4"
    assert question.item.checked and "==" not in question.item.task.text
    assert "twice(3)" in question.key["tests"]


@pytest.mark.parametrize(
    "values, words",
    [
        (["{half"], "line 1: is not JSON"),
        ([{"id": "a", "prompt": "p"}], "line 1: should have either 'check' or 'answer'"),
        ([{"id": "a", "prompt": "p", "answer": " "}], "an empty answer would be right"),
        ([{"id": "a", "prompt": "p", "answer": "x", "chek": 1}], "unknown key 'chek'"),
        ([{"id": "a", "prompt": "p", "answer": "x", "domain": "rust"}], "domain is python or text"),
        ([{"id": "a", "prompt": "p", "answer": "x"}] * 2, "1 ids occur twice, such as 'a'"),
        ([], "holds no tasks of the set own"),
    ],
)
def test_own_tasks_are_refused_by_line(values, words, tmp_path):
    """What is wrong with a file of one's own, and where."""
    with pytest.raises(BadRecord) as caught:
        task_sets.load("own", write(tmp_path / "t.jsonl", values))
    assert words in str(caught.value)


def test_another_set_is_named(tmp_path):
    """A folder that is not there, or holds another set, is no empty set."""
    with pytest.raises(BadRecord, match="no such folder"):
        task_sets.load("gsm8k", tmp_path / "nowhere")
    with pytest.raises(BadRecord, match=r"another set\? It has no tasks\.jsonl"):
        task_sets.load("gsm8k", tmp_path)
    with pytest.raises(BadRecord, match="has no 'code'"):
        task_sets.load("cruxeval", files(tmp_path, "gsm8k"))


def test_the_grader_proves_itself_before_any_model_runs(tmp_path):
    """A reference that fails is refused, or left out where it is one of many; the proof is kept."""
    notes = []
    (question,) = task_sets.load("gsm8k", files(tmp_path, "gsm8k"))
    good = [g.Question(question.item, "number", "1", "#### 1")] * 10
    broken = g.Question(question.item, "number", "1", "#### 2")
    kept = proved([*good, broken], tmp_path / "c", "auto", lambda *x: notes.append(x[0]))
    assert len(kept) == 10 and "left out, their own references fail here: gsm8k/0" in notes
    with pytest.raises(BadRecord, match="fails the reference of 1 of 1"):
        proved([broken], tmp_path / "c", "auto", lambda *x: None)
    with pytest.raises(BadRecord, match="lets an empty answer pass"):
        proved([g.Question(question.item, "exact", ["the"])], tmp_path / "c", "auto", lambda *x: None)
    assert len((tmp_path / "c/proved.jsonl").read_text().splitlines()) == 2
    assert json.loads((tmp_path / "c/proved.jsonl").read_text().splitlines()[0])[1] is True
