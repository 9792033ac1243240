"""The bundled models' trade: what its operations do, and the tasks that are made of them."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from edge_sale.evaluation.bundled_tasks import functions, patterns
from edge_sale.evaluation.bundled_tasks.functions import exam, make, program, question, run, stream
from edge_sale.evaluation.bundled_tasks.operations import BY_NAME, OPERATIONS, Operation, Step

# name -> input, arguments, what it should give: written by hand, so that code and name mean the same
SHOULD = {
    "keep even": ([1, 2, -4, 0], {}, [2, -4, 0]),
    "keep odd": ([1, 2, -3], {}, [1, -3]),
    "keep positive": ([1, 0, -3], {}, [1]),
    "keep negative": ([1, 0, -3], {}, [-3]),
    "keep above": ([1, 2, 3], {"k": 2}, [3]),
    "keep below": ([1, 2, 3], {"k": 2}, [1]),
    "keep multiples of": ([1, 3, 6], {"k": 3}, [3, 6]),
    "drop multiples of": ([1, 3, 6], {"k": 3}, [1]),
    "drop zeros": ([0, 1, 0], {}, [1]),
    "drop every": ([2, 1, 2], {"k": 2}, [1]),
    "add": ([1, 2], {"k": 3}, [4, 5]),
    "subtract": ([1, 2], {"k": 3}, [-2, -1]),
    "multiply by": ([1, 2], {"k": 3}, [3, 6]),
    "double": ([1, 2], {}, [2, 4]),
    "halve": ([5, -3, 4], {}, [2, -2, 2]),
    "square": ([3, -2], {}, [9, 4]),
    "cube": ([3, -2], {}, [27, -8]),
    "negate": ([3, -2], {}, [-3, 2]),
    "absolute": ([3, -2], {}, [3, 2]),
    "remainder by": ([7, 4], {"k": 3}, [1, 1]),
    "at least": ([1, 5], {"k": 3}, [3, 5]),
    "at most": ([1, 5], {"k": 3}, [1, 3]),
    "sort": ([3, 1, 2], {}, [1, 2, 3]),
    "sort down": ([3, 1, 2], {}, [3, 2, 1]),
    "sort by size": ([-3, 1, 2], {}, [1, 2, -3]),
    "reverse": ([1, 2, 3], {}, [3, 2, 1]),
    "rotate left": ([1, 2, 3], {}, [2, 3, 1]),
    "rotate right": ([1, 2, 3], {}, [3, 1, 2]),
    "unique": ([2, 1, 2], {}, [2, 1]),
    "first": ([1, 2, 3], {"k": 2}, [1, 2]),
    "last": ([1, 2, 3], {"k": 2}, [2, 3]),
    "skip first": ([1, 2, 3], {"k": 2}, [3]),
    "skip last": ([1, 2, 3], {"k": 2}, [1]),
    "every second": ([1, 2, 3], {}, [1, 3]),
    "odd positions": ([1, 2, 3, 4], {}, [2, 4]),
    "running totals": ([1, 2, 3], {}, [1, 3, 6]),
    "differences": ([1, 4, 6], {}, [3, 2]),
    "add position": ([5, 5, 5], {}, [5, 6, 7]),
    "repeat list": ([1, 2], {}, [1, 2, 1, 2]),
    "mirror": ([1, 2], {}, [1, 2, 2, 1]),
    "append": ([1], {"k": 9}, [1, 9]),
    "prepend": ([1], {"k": 9}, [9, 1]),
    "repeat each": ([1, 2], {}, [1, 1, 2, 2]),
    "total": ([1, 2, 3], {}, 6),
    "count": ([4, 4], {}, 2),
    "largest": ([1, 3, 2], {}, 3),
    "smallest": ([2, 1, 3], {}, 1),
    "span": ([2, 9, 4], {}, 7),
    "average": ([1, 2, 4], {}, 2),
    "count distinct": ([1, 1, 2], {}, 2),
    "count above": ([1, 5, 6], {"k": 4}, 2),
    "count even": ([2, 3, 4], {}, 2),
    "count of": ([2, 3, 2], {"k": 2}, 2),
    "plus": (5, {"k": 2}, 7),
    "minus": (5, {"k": 2}, 3),
    "times": (5, {"k": 2}, 10),
    "modulo": (5, {"k": 2}, 1),
    "squared": (5, {}, 25),
    "lower case": ("aBc", {}, "abc"),
    "upper case": ("aBc", {}, "ABC"),
    "swap case": ("aBc", {}, "AbC"),
    "reverse text": ("abc", {}, "cba"),
    "strip": ("  a b ", {}, "a b"),
    "drop spaces": (" a b", {}, "ab"),
    "drop vowels": ("Apple tree", {}, "ppl tr"),
    "drop digits": ("a1b22", {}, "ab"),
    "only letters": ("a1, b!", {}, "ab"),
    "drop letter": ("banana", {"c": "a"}, "bnn"),
    "replace": ("banana", {"c": "a", "d": "o"}, "bonono"),
    "capitalize": ("aBC d", {}, "ABC d"),
    "repeat text": ("ab", {}, "abab"),
    "add mark": ("hi", {}, "hi!"),
    "first characters": ("abcdef", {"k": 3}, "abc"),
    "last characters": ("abcdef", {"k": 2}, "ef"),
    "skip characters": ("abcdef", {"k": 2}, "cdef"),
    "double letters": ("ab", {}, "aabb"),
    "split words": (" a  bc ", {}, ["a", "bc"]),
    "split commas": ("a,b c", {}, ["a", "b c"]),
    "length": ("a b", {}, 3),
    "count vowels": ("Apple", {}, 2),
    "count digits": ("a12", {}, 2),
    "count letter": ("banana", {"c": "a"}, 3),
    "sort words": (["b", "a"], {}, ["a", "b"]),
    "sort by length": (["bbb", "a", "cc"], {}, ["a", "cc", "bbb"]),
    "reverse order": (["b", "a"], {}, ["a", "b"]),
    "reverse each word": (["abc", "de"], {}, ["cba", "ed"]),
    "upper words": (["ab"], {}, ["AB"]),
    "capitalize words": (["ab", "cD", ""], {}, ["Ab", "CD", ""]),
    "longer than": (["a", "abc"], {"k": 2}, ["abc"]),
    "shorter than": (["a", "abc"], {"k": 2}, ["a"]),
    "starting with": (["ab", "ba"], {"c": "b"}, ["ba"]),
    "containing": (["ab", "cd"], {"c": "b"}, ["ab"]),
    "unique words": (["b", "a", "b"], {}, ["b", "a"]),
    "first words": (["a", "b", "c"], {"k": 2}, ["a", "b"]),
    "last words": (["a", "b", "c"], {"k": 2}, ["b", "c"]),
    "skip words": (["a", "b", "c"], {"k": 2}, ["c"]),
    "first letters": (["ab", "cd"], {}, ["a", "c"]),
    "join with spaces": (["a", "b"], {}, "a b"),
    "join with commas": (["a", "b"], {}, "a,b"),
    "join with dashes": (["a", "b"], {}, "a-b"),
    "longest word": (["a", "bb"], {}, "bb"),
    "shortest word": (["bb", "a"], {}, "a"),
    "count words": (["bb", "a"], {}, 2),
    "total letters": (["bb", "a"], {}, 3),
    "count distinct words": (["a", "a"], {}, 1),
    "lengths": (["bb", "a"], {}, [2, 1]),
}


def test_there_are_enough_operations_and_wordings():
    """At least 60 operations, each with four wordings to learn from and two that are held out."""
    assert len(BY_NAME) == len(OPERATIONS) >= 60
    assert [o.name for o in OPERATIONS if len(o.train) < 4 or len(o.held) < 2] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_does_what_its_name_says(operation: Operation):
    """Its line of code gives what was written down by hand."""
    value, arguments, wanted = SHOULD[operation.name]
    assert run(program(operation.takes, [Step(operation, arguments)]), value) == wanted


def test_the_same_seed_gives_the_same_tasks():
    """Tasks are a function of the seed."""
    assert exam(5, 3) == exam(5, 3)
    assert [t.text for t in exam(5, 3)] != [t.text for t in exam(5, 3, seed=1)]


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_task_has_its_steps(steps: int):
    """Steps, plan and code agree, in each half of the trade, and the reference passes its own tests."""
    for half in ("lists", "texts", "mixed"):
        for task in exam(5, steps, half=half):
            assert (task.steps, task.half) == (steps, half)
            assert len(task.plan.splitlines()) == steps == len(task.code.splitlines()) - 2
            space: dict[str, object] = {}
            exec(task.code + "\n" + question(task).key["tests"], space)


def test_tests_tell_a_missing_step():
    """Leaving out any one step of a test task fails its tests."""
    for task in exam(20, 4):
        for place in range(task.steps):
            less = (*task.chain[:place], *task.chain[place + 1 :])
            if functions.fits(task.start, less):
                with pytest.raises(AssertionError):
                    exec(program(task.start, less) + "\n" + question(task).key["tests"], {})


def test_a_stream_has_habits():
    """A stream's chains recur, its words do not, and all of it is held out."""
    tasks = stream(300, families=30)
    chains = {tuple(step.operation.name for step in task.chain) for task in tasks}
    assert len(chains) == 30
    bins = Counter(task.steps for task in stream(160, families=16))
    assert bins == dict.fromkeys(range(1, 9), 20)  # as many tasks of each number of steps
    with pytest.raises(ValueError, match="ask for more families"):
        stream(100_000, families=1, steps=[1])
    assert len({task.text for task in tasks}) > 250
    assert {task.steps for task in tasks} == set(range(1, 9))


def test_verbs_are_inflected():
    """The third person of a verb, whatever its ending."""
    assert [patterns.third_person(verb) for verb in ("keep", "multiply", "push", "square", "throw")] == [
        "keeps",
        "multiplies",
        "pushes",
        "squares",
        "throws",
    ]


def test_half_is_respected():
    """A specialist's half holds no test task of the other."""
    random = Random(1)
    assert {make(random, 3, half=half).half for half in ("lists", "texts") for _ in range(50)} == {"lists", "texts"}
