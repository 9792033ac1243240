"""The bundled models' trade: what its operations do, how they are said, and what is held out."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from random import Random

import pytest

from edge_sale.evaluation.bundled_tasks import functions, task_text, written
from edge_sale.evaluation.bundled_tasks.functions import (
    Made,
    exam,
    held_out,
    make,
    program,
    question,
    run,
    stream,
    training,
)
from edge_sale.evaluation.bundled_tasks.operations import BY_NAME, OPERATIONS, Operation, Step

TRAINED = 4000  # training tasks that are looked through

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


@pytest.fixture(scope="module")
def trained() -> list[Made]:
    return list(itertools.islice(training(11, 1, functions.STEPS), TRAINED))


def test_there_are_enough_operations_and_wordings():
    """At least 60 operations, each with four wordings to learn from and two that are held out."""
    assert len(BY_NAME) == len(OPERATIONS) >= 60
    assert [o.name for o in OPERATIONS if len(o.train) < 4 or len(o.held) < 2] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_does_what_its_name_says(operation: Operation):
    """Its line of code gives what was written down by hand."""
    value, arguments, wanted = SHOULD[operation.name]
    assert run(program(operation.takes, [Step(operation, arguments)]), value) == wanted


def test_held_out_wordings_are_no_training_wordings():
    """No held-out wording, in any of its spellings, is a training wording of any operation."""
    known = {text for o in OPERATIONS for pattern in o.train for text in task_text.spelled_out(pattern)}
    held = {text for o in OPERATIONS for pattern in o.held for text in task_text.spelled_out(pattern)}
    assert len(held) > 1000
    assert held & known == set()


def test_no_training_text_holds_a_held_out_step(trained: list[Made]):
    """In training tasks no step is worded as held out, bent or plain; training wordings are found the same way."""
    assert [task.text for task in trained if task_text.holds_held_out(task.text)] == []
    parts = {part for task in trained for part in _parts(task.text)}

    def found(patterns: str) -> set[str]:
        spelled = (t for o in OPERATIONS for p in getattr(o, patterns) for t in task_text.spelled_out(p))
        bent = {said for text in spelled for said in (task_text.bent(text), task_text.plain(text))}
        return {said for said in bent if _words(said) in parts}

    assert found("held") == set()
    assert len(found("train")) > 5000  # the same search finds what is there


def test_no_held_out_wording_is_a_part_of_a_taught_one():
    """Each of the held-out spellings is new as a whole: none stands within a training wording's."""
    taught = {
        words[start:end]
        for operation in OPERATIONS
        for pattern in operation.train
        for text in task_text.spelled_out(pattern)
        for words in (_words(task_text.bent(text)), _words(task_text.plain(text)))
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    }
    held = [_words(task_text.plain(t)) for o in OPERATIONS for p in o.held for t in task_text.spelled_out(p)]
    assert len(held) > 500 and [words for words in held if words in taught] == []


def test_a_text_that_holds_a_held_out_wording_is_told():
    """Whatever stands around it, whatever its case, its number or its punctuation."""
    assert task_text.holds_held_out("please Throw away numbers equal to seven, then sum them")
    assert task_text.holds_held_out("It sorts them, and halves the numbers rounding down.")
    assert not task_text.holds_held_out("Write a function that keeps what is even.")
    frames = [*task_text.HELD_BENT, *task_text.HELD_PLAIN]
    assert not {*frames} & {*task_text.BENT, *task_text.PLAIN}


LONGEST = 16  # words of a wording
ENDS = {",", ";", ".", "?", ":", "and", "then", "next", "finally", "after", "for", "given", "returning", "it"}
NUMBER = re.compile(rf"\{{k\}}|\b(?:\d+|{'|'.join(task_text.SPELLED)})\b")
LETTER = re.compile(r"\{[cd]\}|['\"]?(?<!\w)[a-z](?!\w)['\"]?")


def _words(text: str) -> tuple[str, ...]:
    """A wording's words, with numbers and single letters left open."""
    return tuple(re.findall(r"[a-z-]+|[#@,;.?:]", LETTER.sub("@", NUMBER.sub("#", text.lower()))))


def _parts(text: str) -> set[tuple[str, ...]]:
    """All that a text says between any word of it and a place where a step can end."""
    words = _words(text)
    ends = [i for i in range(1, len(words) + 1) if i == len(words) or words[i] in ENDS]
    return {words[start:end] for end in ends for start in range(max(0, end - LONGEST), end)}


def test_no_training_text_holds_a_held_out_pair(trained: list[Made]):
    """Held-out neighbours are never neighbours in training; every held-out task of two steps or more has some."""

    def pairs(task: Made) -> list[bool]:
        return [held_out(a.operation, b.operation) for a, b in itertools.pairwise(task.chain)]

    assert not any(any(pairs(task)) for task in trained)
    assert all(any(pairs(task)) for steps in (2, 4, 8) for task in exam(20, steps))


def test_no_test_task_is_a_training_task(trained: list[Made]):
    """Neither generated test tasks nor hand-written prompts are among the training texts, whatever the case."""
    texts = {_plain(task.text) for task in trained}
    tests = [task.text for steps in range(1, 9) for task in exam(20, steps)] + [one.text for one in written.WRITTEN]
    assert [text for text in tests if _plain(text) in texts] == []
    assert _plain(trained[0].text.upper()) in texts


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def test_the_same_seed_gives_the_same_tasks():
    """Tasks are a function of the seed."""
    assert exam(5, 3) == exam(5, 3)
    assert [t.text for t in exam(5, 3)] != [t.text for t in exam(5, 3, seed=1)]
    one, same = training(5, 1, 8), training(5, 1, 8)
    assert [next(one) for _ in range(50)] == [next(same) for _ in range(50)]


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


def test_there_are_hand_written_prompts_with_tests():
    """At least 60, all different, each with tests that its own reference passes and nothing else trivial does."""
    asked = written.questions()
    assert len({one.item.task.text for one in asked}) == len(asked) >= 60
    for one in asked:
        exec(one.reference + "\n" + one.key["tests"], {})
        with pytest.raises(AssertionError):
            exec("def solve(v):\n    return v\n" + one.key["tests"], {})


def test_verbs_bend():
    """The third person of a verb, whatever its ending."""
    assert [task_text.third_person(verb) for verb in ("keep", "multiply", "push", "square", "throw")] == [
        "keeps",
        "multiplies",
        "pushes",
        "squares",
        "throws",
    ]


def test_a_step_said_in_one_breath_keeps_its_meaning():
    """The sum of the squares of the even numbers is three steps in that order."""
    chain = tuple(Step(BY_NAME[name], {}) for name in ("keep even", "square", "total"))
    said = {task_text.told(chain, Random(seed), held=False)[0] for seed in range(60)}
    assert any(re.fullmatch(r"\*\w+ the (sum|total) of the squares of the even \w+", text) for text in said)


def test_half_is_respected():
    """A specialist's half holds no task of the other."""
    random = Random(1)
    assert {make(random, 3, half=half).half for half in ("lists", "texts") for _ in range(50)} == {"lists", "texts"}
