"""A chain of operations as a task in English, in words that were held out of training.

The wordings of training are made by `training/training_text.py` under scripts, from the same patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from edge_sale.evaluation.bundled_tasks.operations import Step
from edge_sale.evaluation.bundled_tasks.patterns import inflected, one_of, plain, with_arguments

INPUTS = {
    "L": (
        "a list of numbers",
        "a list of integers",
        "a list",
        "a list of whole numbers",
        "numbers",
        "some numbers",
        "an array of ints",
        "my list of numbers",
        "a list of ints",
        "several integers",
        "a bunch of integers",
    ),
    "T": ("a string", "a text", "a sentence", "a piece of text", "a line of text", "a str", "some text", "my string"),
    "W": (
        "a list of words",
        "a list of strings",
        "words",
        "several words",
        "a bunch of words",
        "my list of words",
        "some words",
        "an array of words",
    ),
}

# sentences around the steps: with inflected verbs ("keeps the even numbers") and with plain ones ("keep …")
HELD_INFLECTED = (
    "Write a Python function which, for {input}, {steps}.",
    "I want a function that takes {input} and {steps}.",
)
HELD_PLAIN = (
    "Given {input}, {steps}. Write a Python function for it.",
    "Make a Python function to {steps}, given {input}.",
)

BETWEEN = (
    ", then ",
    ", and then ",
    "; then ",
    ", after that ",
    ", ",
    ", next ",
    "; ",
    " and then ",
    ", and ",
    " and ",
    ", afterwards ",
    "; after that, ",
    ", and after that ",
    ", and next ",
)
LAST = (" and ", ", and ", ", and finally ", ", then ", ", finally ", ", and then ", " and then ", "; finally ")
ENDS_INFLECTED = ("", "", "", " and returns the result", ", and returns that", ", returning the result")
ENDS_PLAIN = ("", "", "", " and return the result", ", and return that", ", returning the result")


def held_out_sentence(start: str, chain: Sequence[Step], random: Random) -> str:
    """The task in held-out wordings and a held-out sentence. `start` is the kind of its input."""
    steps = [with_arguments(one_of(random.choice(s.operation.held), random), s.values, random) for s in chain]
    inflect = random.random() < 0.5
    steps = [(inflected if inflect else plain)(step) for step in steps]
    frame = random.choice(HELD_INFLECTED if inflect else HELD_PLAIN)
    return filled(frame, start, joined(steps, inflect, random), random)


def joined(steps: Sequence[str], inflect: bool, random: Random) -> str:
    """The steps in one text, as clauses of a sentence or as sentences of their own."""
    if not inflect and random.random() < 0.3:
        text = ". ".join([*steps[:1], *(step[0].upper() + step[1:] for step in steps[1:])])
    else:
        text = steps[0]
        same = random.choice(BETWEEN) if random.random() < 0.5 else ""
        for place, step in enumerate(steps[1:], start=1):
            joint = random.choice(LAST) if place == len(steps) - 1 else same or random.choice(BETWEEN)
            text += joint + step
    return text + random.choice(ENDS_INFLECTED if inflect else ENDS_PLAIN)


def filled(frame: str, start: str, steps: str, random: Random) -> str:
    """The frame of a sentence with its input and its steps."""
    return frame.format(input=random.choice(INPUTS[start]), steps=steps, Steps=steps[0].upper() + steps[1:])
