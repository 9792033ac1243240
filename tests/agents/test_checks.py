"""What a check says of answers, in the real sandbox."""

import pytest

from edge_sale.agents.checks import Checks, assertions, called, expectations, heedless, probes
from edge_sale.types import Task
from tests.tools.kit import wrapped

TASK = Task("t", "Square.", "python", check="assert f(3) == 9")
RIGHT, ALSO, LUCKY = "def f(x):\n    return x * x", "def f(n): return n ** 2", "def f(x):\n    return 9"


@wrapped
def test_a_sieve_finds_what_passes_and_agrees_with_single_runs():
    """Programs that fail, crash, loop, exit and do not parse are told apart in one sandbox."""
    loops = "def f(x):\n    while True: pass"
    answers = [RIGHT, "def f(x): return 1", loops, "import sys; sys.exit(3)", "def f(:", "", ALSO]
    checks = Checks()
    assert checks.sieve(TASK, answers) == [True, False, False, False, False, False, True]
    assert [bool(checks.passes(TASK, answer)) for answer in (RIGHT, answers[1], ALSO)] == [True, False, True]


@wrapped
def test_a_program_that_kills_the_sieve_is_found_out():
    """Where an answer takes its neighbours down, nothing is taken for passed that was not seen to pass alone."""
    bad = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    assert Checks().sieve(TASK, [RIGHT, ALSO, bad]) == [True, True, False]
    assert Checks().sieve(TASK, [bad, RIGHT]) == [False, False]


@wrapped
def test_a_check_that_takes_long_by_itself_can_be_passed():
    """Two seconds of work in the check are not the answer's fault."""
    task = Task("t", "Square.", "python", check="import time\ntime.sleep(1.5)\nassert f(3) == 9")
    assert Checks().sieve(task, [RIGHT, "def f(x): return 1"]) == [True, False]


@wrapped
def test_answers_that_behave_alike_have_equal_behaviour():
    one, two, three = Checks().behaviours(TASK, [RIGHT, ALSO, LUCKY])
    assert one == two != three


@wrapped
def test_what_gives_the_same_on_every_input_is_heedless():
    """A constant is, a square is not; neither is what could not be tried, or on too few inputs."""
    right, lucky = Checks().behaviours(TASK, [RIGHT, LUCKY])
    assert heedless(lucky) and not heedless(right)
    assert not heedless("?") and not heedless("") and not heedless("['True', 'True']")
    assert not heedless("['1', '1', '1', '1'") and not heedless("7") and not heedless("f()")


@wrapped
@pytest.mark.parametrize(
    "answer, said",
    [("def f(x): return 6", "f(3) gives 6, but it must be 9"), ("def f(x): return y", "NameError"), (RIGHT, "")],
)
def test_a_failure_is_said_in_words(answer, said):
    assert said in Checks().failure(TASK, answer)
    assert bool(said) == bool(Checks().failure(TASK, answer))


def test_probes_are_calls_like_the_checks_own():
    """Arguments a little other than the check's; builtins are not probed."""
    made = probes("assert sorted(f([1, 2], 'ab')) == [1]")
    assert "f([1], 'ab')" in made and "f([1, 2], 'ba')" in made and len(made) <= 10
    assert probes("x = 1") == probes("not python (") == []
    assert probes("def g(x): return x\nassert f(g(5)) == 1 and g(7)") == []  # the check's own are not the answer's


def test_assertions_and_expectations_are_read_from_a_check():
    check = "assert f(1) == 2\nassert g()\nassert f(2) == [3]"
    assert assertions(check) == 3
    assert list(expectations(check)) == [("f(1)", "2"), ("f(2)", "[3]")]


@pytest.mark.parametrize(
    ("check", "name"),
    [("assert f([1, 2]) == 4", "f"), ("assert sorted(f(3)) == [1] and len(f(4)) == 2", "f"),
     ("import math\nassert math.isclose(root(2), 1.41, rel_tol=0.01)", "root"),
     ("def near(a, b):\n    return abs(a - b) < 1\nassert near(f(1), 2)", "f"), ("g = 3\nassert f(g) == g", "f"),
     ("assert f(1) == g(1)", ""), ("assert True", ""), ("from math import sqrt\nassert sqrt(4) == 2", ""), ("(", "")],
)  # fmt: skip
def test_the_function_that_a_check_calls(check: str, name: str) -> None:
    """The one name that neither Python nor the check itself defines."""
    assert called(check) == name
