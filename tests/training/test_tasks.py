"""The tasks of training: none of their wordings, compositions and prompts is held out for tests."""

from __future__ import annotations

import itertools
import re
from random import Random

import pytest

from edge_sale.evaluation.bundled_tasks import functions, patterns, task_text
from edge_sale.evaluation.bundled_tasks.functions import Made, exam, held_out
from edge_sale.evaluation.bundled_tasks.operations import BY_NAME, OPERATIONS, Step
from training import frames, training_text, written
from training.held_out import holds_held_out
from training.tasks import make, training

TRAINED = 4000  # training tasks that are looked through


@pytest.fixture(scope="module")
def trained() -> list[Made]:
    return list(itertools.islice(training(11, 1, functions.STEPS), TRAINED))


def test_held_out_wordings_are_no_training_wordings():
    """No held-out wording, in any of its spellings, is a training wording of any operation."""
    known = {text for o in OPERATIONS for pattern in o.train for text in patterns.spelled_out(pattern)}
    held = {text for o in OPERATIONS for pattern in o.held for text in patterns.spelled_out(pattern)}
    assert len(held) > 1000
    assert held & known == set()


def test_no_training_text_holds_a_held_out_step(trained: list[Made]):
    """In training tasks no step is worded as held out, inflected or plain; training wordings are found the same way."""
    assert [task.text for task in trained if holds_held_out(task.text)] == []
    parts = {part for task in trained for part in _parts(task.text)}

    def found(which: str) -> set[str]:
        spelled = (t for o in OPERATIONS for p in getattr(o, which) for t in patterns.spelled_out(p))
        both = {said for text in spelled for said in (patterns.inflected(text), patterns.plain(text))}
        return {said for said in both if _words(said) in parts}

    assert found("held") == set()
    assert len(found("train")) > 5000  # the same search finds what is there


def test_no_held_out_wording_is_a_part_of_a_taught_one():
    """Each of the held-out spellings is new as a whole: none stands within a training wording's."""
    taught = {
        words[start:end]
        for operation in OPERATIONS
        for pattern in operation.train
        for text in patterns.spelled_out(pattern)
        for words in (_words(patterns.inflected(text)), _words(patterns.plain(text)))
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    }
    held = [_words(patterns.plain(t)) for o in OPERATIONS for p in o.held for t in patterns.spelled_out(p)]
    assert len(held) > 500 and [words for words in held if words in taught] == []


def test_a_text_that_holds_a_held_out_wording_is_told():
    """Whatever stands around it, whatever its case, its number or its punctuation."""
    assert holds_held_out("please Throw away numbers equal to seven, then sum them")
    assert holds_held_out("It sorts them, and halves the numbers rounding down.")
    assert not holds_held_out("Write a function that keeps what is even.")
    held = [*task_text.HELD_INFLECTED, *task_text.HELD_PLAIN]
    assert not {*held} & {*frames.INFLECTED, *frames.PLAIN}


LONGEST = 16  # words of a wording
ENDS = {",", ";", ".", "?", ":", "and", "then", "next", "finally", "after", "for", "given", "returning", "it"}
NUMBER = re.compile(rf"\{{k\}}|\b(?:\d+|{'|'.join(patterns.SPELLED)})\b")
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


def test_there_are_hand_written_prompts_with_tests():
    """At least 60, all different, each with tests that its own reference passes and nothing else trivial does."""
    asked = written.questions()
    assert len({one.item.task.text for one in asked}) == len(asked) >= 60
    for one in asked:
        exec(one.reference + "\n" + one.key["tests"], {})
        with pytest.raises(AssertionError):
            exec("def solve(v):\n    return v\n" + one.key["tests"], {})


def test_steps_in_one_phrase_keep_their_meaning():
    """The sum of the squares of the even numbers is three steps in that order."""
    chain = tuple(Step(BY_NAME[name], {}) for name in ("keep even", "square", "total"))
    said = {training_text.step_texts(chain, Random(seed))[0] for seed in range(60)}
    assert any(re.fullmatch(r"\*\w+ the (sum|total) of the squares of the even \w+", text) for text in said)


def test_half_is_respected():
    """A specialist's half holds no task of the other."""
    random = Random(1)
    assert {make(random, 3, half=half).half for half in ("lists", "texts") for _ in range(50)} == {"lists", "texts"}


def test_the_same_seed_gives_the_same_training_tasks():
    """Tasks are a function of the seed."""
    one, same = training(5, 1, 8), training(5, 1, 8)
    assert [next(one) for _ in range(50)] == [next(same) for _ in range(50)]
