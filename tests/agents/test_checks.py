"""Checks over answers, in the real sandbox."""

import pytest

from edge_sale.agents.check_source import called_function, count_assertions, expectations, probes
from edge_sale.agents.checks import Checks, ignores_input
from edge_sale.types import Task
from tests.workspace.kit import wrapped

TASK = Task("t", "Square.", "python", check="assert f(3) == 9")
RIGHT, ALSO, LUCKY = "def f(x):\n    return x * x", "def f(n): return n ** 2", "def f(x):\n    return 9"


@wrapped
def test_one_batch_finds_what_passes_and_agrees_with_single_runs():
    """One sandbox separates answers that pass from those that fail, loop, exit or do not parse."""
    loops = "def f(x):\n    while True: pass"
    answers = [RIGHT, "def f(x): return 1", loops, "import sys; sys.exit(3)", "def f(:", "", ALSO]
    checks = Checks()
    assert checks.keep_passing(TASK, answers) == [True, False, False, False, False, False, True]
    assert [bool(checks.passes(TASK, answer)) for answer in (RIGHT, answers[1], ALSO)] == [True, False, True]


@wrapped
def test_an_answer_that_kills_the_batch_makes_no_other_pass():
    """If an answer kills the processes beside it, only answers that pass alone count as passing."""
    bad = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    assert Checks().keep_passing(TASK, [RIGHT, ALSO, bad]) == [True, True, False]
    assert Checks().keep_passing(TASK, [bad, RIGHT]) == [False, False]


@wrapped
@pytest.mark.parametrize("end", ["import sys; sys.exit(0)", "exit()", "raise SystemExit"])
def test_an_answer_that_ends_the_program_has_not_passed(end: str):
    """It may exit when it is loaded or when it is called. A check may end the program, as test runners do."""
    wrong, late = f"def f(x): return 0\n{end}", f"def f(x):\n    {end}"
    assert Checks().keep_passing(TASK, [wrong, late, f"{RIGHT}\n{end}"]) == [False, False, True]
    assert [Checks().passes(TASK, answer) for answer in (wrong, late, f"{RIGHT}\n{end}")] == [False, False, True]
    tests = "import unittest\nclass T(unittest.TestCase):\n    def test(self): assert f(3) == 9\nunittest.main()"
    assert [Checks().passes(Task("t", "Square.", "python", check=tests), code) for code in (RIGHT, LUCKY, late)] == [
        True,
        True,
        False,
    ]


@wrapped
@pytest.mark.parametrize(
    "end",
    [
        "import os; os._exit(0)",
        "import atexit, os; atexit.register(os._exit, 0)",
        "import os, sys; os.execv(sys.executable, ['python', '-c', ''])",
    ],
)
def test_an_exit_code_alone_proves_nothing(end: str):
    """An answer whose process exits with 0 before the check has ended does not pass, in a batch or alone."""
    wrong, late = f"def f(x): return 0\n{end}", f"def f(x):\n    {end}"
    assert Checks().keep_passing(TASK, [wrong, late, RIGHT]) == [False, False, True]
    assert [Checks().passes(TASK, answer) for answer in (wrong, late)] == [False, False]


@wrapped
def test_an_answer_that_prints_a_great_deal_can_pass():
    """Its output may be cut off or kept in memory. The mark that proves the check is written after it, directly."""
    loud = f"print('x' * 200_000)\n{RIGHT}"
    silent = f"import io, sys\nsys.stdout = io.StringIO()\n{RIGHT}"
    assert [Checks().passes(TASK, answer) for answer in (loud, silent)] == [True, True]


@wrapped
def test_a_check_that_takes_long_by_itself_can_be_passed():
    """An answer does not fail because the check itself needs more time than a batch gives it."""
    task = Task("t", "Square.", "python", check="import time\ntime.sleep(1.5)\nassert f(3) == 9")
    assert Checks().keep_passing(task, [RIGHT, "def f(x): return 1"]) == [True, False]


@wrapped
def test_answers_that_behave_alike_have_equal_behaviour():
    """Two ways to square a number are equal, a constant is not."""
    one, two, three = Checks().behaviours(TASK, [RIGHT, ALSO, LUCKY])
    assert one == two != three


@wrapped
def test_an_answer_that_gives_the_same_on_every_input_ignores_it():
    """A constant does, a square does not. Answers that could not be tried, or on too few inputs, are not accused."""
    right, lucky = Checks().behaviours(TASK, [RIGHT, LUCKY])
    assert ignores_input(lucky) and not ignores_input(right)
    assert not ignores_input("?") and not ignores_input("") and not ignores_input("['True', 'True']")
    assert not ignores_input("['1', '1', '1', '1'") and not ignores_input("7") and not ignores_input("f()")


@wrapped
@pytest.mark.parametrize(
    "answer, words",
    [("def f(x): return 6", "f(3) gives 6, but it must be 9"), ("def f(x): return y", "NameError"), (RIGHT, "")],
)
def test_a_failure_is_described_in_words(answer, words):
    """The call, what it gives and what the check expects, or the error; nothing for an answer that passes."""
    assert words in Checks().failure(TASK, answer)
    assert bool(words) == bool(Checks().failure(TASK, answer))


@wrapped
def test_a_failure_is_found_after_the_checks_own_statements_and_by_equality():
    """Names that the check defines exist, and 2.0 equals 2: the second assertion is the one that fails."""
    check = "xs = [3, 1]\nassert f(xs) == 2\nassert f([]) == 9"
    assert Checks().failure(Task("t", "Count.", "python", check=check), "def f(xs): return float(len(xs))") == (
        "f([]) gives 0.0, but it must be 9"
    )


def test_probes_are_calls_like_the_checks_own():
    """Their arguments differ a little from those of the check; builtins are not probed."""
    made = probes("assert sorted(f([1, 2], 'ab')) == [1]")
    assert "f([1], 'ab')" in made and "f([1, 2], 'ba')" in made and len(made) <= 10
    assert probes("x = 1") == probes("not python (") == []
    assert (
        probes("def g(x): return x\nassert f(g(5)) == 1 and g(7)") == []
    )  # functions of the check itself are not probed


def test_assertions_and_expectations_are_read_from_a_check():
    """An expectation is a call that is compared with a literal; the statements before it come with it."""
    check = "assert f(1) == 2\nassert g()\nassert f(2) == [3]"
    assert count_assertions(check) == 3
    assert list(expectations(check)) == [("", "f(1)", "2"), ("", "f(2)", "[3]")]
    assert list(expectations("import m\nx = 1\nassert f(x) == 2")) == [("import m\nx = 1", "f(x)", "2")]


@pytest.mark.parametrize(
    ("check", "name"),
    [
        ("assert f([1, 2]) == 4", "f"),
        ("assert sorted(f(3)) == [1] and len(f(4)) == 2", "f"),
        ("import math\nassert math.isclose(root(2), 1.41, rel_tol=0.01)", "root"),
        ("def near(a, b):\n    return abs(a - b) < 1\nassert near(f(1), 2)", "f"),
        ("g = 3\nassert f(g) == g", "f"),
        ("def check(it):\n    assert it(1) == 2\ncheck(add)", ""),
        ("assert f(1) == g(1)", ""),
        ("assert True", ""),
        ("from math import sqrt\nassert sqrt(4) == 2", ""),
        ("(", ""),
    ],
)
def test_the_function_that_a_check_calls(check: str, name: str) -> None:
    """It is the one called name that neither Python nor the check itself defines."""
    assert called_function(check) == name
