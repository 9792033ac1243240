"""From a chain of operations to a task in English: patterns spelled out, verbs bent, sentences strung together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random

from edge_sale.bench.tasks.operations import NOUNS, Operation

SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

INPUTS = {
    "L": ("a list of numbers", "a list of integers", "a list", "a list of whole numbers", "numbers"),
    "T": ("a string", "a text", "a sentence", "a piece of text"),
    "W": ("a list of words", "a list of strings", "words"),
}

# {input}, then the steps; BENT takes "keeps the even numbers", PLAIN "keep the even numbers"
BENT = (
    "Write a Python function that takes {input} and {steps}.",
    "Write a Python function that takes {input}, {steps}.",
    "Given {input}, write a Python function that {steps}.",
    "Write a function that {steps}, for {input}.",
    "I need a Python function that takes {input} and {steps}.",
    "Make a function which gets {input} and {steps}.",
)
PLAIN = (
    "Write a Python function: given {input}, {steps}.",
    "Python function over {input}: {steps}.",
    "Write a function to {steps}, for {input}.",
    "Take {input}. {Steps}. Write it as a Python function.",
    "Write a Python function to {steps}. It takes {input}.",
    "Function: {steps}. The input is {input}.",
)
HELD_BENT = ("Write a Python function which, for {input}, {steps}.", "I want a function that takes {input} and {steps}.")
HELD_PLAIN = ("Given {input}, {steps}. Write a Python function for it.", "Make a Python function to {steps}, given {input}.")

BETWEEN = (", then ", ", and then ", "; then ", ", after that ", ", ", ", next ", "; ", " and then ", ", and ", " and ")
LAST = (" and ", ", and ", ", and finally ", ", then ", ", finally ", ", and then ", " and then ", "; finally ")
ENDS_BENT = ("", "", "", " and returns the result", ", and returns that", ", returning the result")
ENDS_PLAIN = ("", "", "", " and return the result", ", and return that", ", returning the result")

_NOUN = re.compile(r"\b[A-Z]{3,}\b")
_CHOICE = re.compile(r"\[([^\]]*)\]")
_VERB = re.compile(r"\*(\w+)")


def spelled_out(pattern: str) -> Iterator[str]:
    """Every text that a pattern stands for, verbs still marked and arguments still open."""
    parts = _CHOICE.split(_named(pattern))
    for chosen in product(*(part.split("|") if place % 2 else [part] for place, part in enumerate(parts))):
        yield " ".join("".join(chosen).split())


def one_of(pattern: str, random: Random) -> str:
    """One such text."""
    drawn = _CHOICE.sub(lambda found: random.choice(found[1].split("|")), _named(pattern))
    return " ".join(drawn.split())


def bent(text: str) -> str:
    """With every marked verb in the third person: *keep -> keeps."""
    return _VERB.sub(lambda found: third_person(found[1]), text)


def plain(text: str) -> str:
    """With every marked verb as it is."""
    return text.replace("*", "")


def third_person(verb: str) -> str:
    """keep -> keeps, push -> pushes, multiply -> multiplies."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("s", "x", "ch", "sh", "o")) else f"{verb}s"


def said(operation: Operation, values: Mapping[str, object], random: Random, *, held: bool) -> str:
    """One step in words, its verb still marked."""
    text = one_of(random.choice(operation.held if held else operation.train), random)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", argument(value, random))
    return text


def argument(value: object, random: Random) -> str:
    """A number as digits or spelled; a letter bare or quoted."""
    if isinstance(value, int):
        return SPELLED[value] if value < len(SPELLED) and random.random() < 0.15 else str(value)
    return random.choice(("{}", "'{}'", '"{}"')).format(value)


def sentence(start: str, steps: Sequence[str], random: Random, *, held: bool) -> str:
    """The whole task. `start` is the kind of its input; steps come from `said`."""
    bends = random.random() < 0.5
    if held:
        frame = random.choice(HELD_BENT if bends else HELD_PLAIN)
    else:
        frame = random.choice(BENT if bends else PLAIN)
    told = [(bent if bends else plain)(step) for step in steps]
    if not bends and random.random() < 0.3:
        text = ". ".join(told[:1] + [step[0].upper() + step[1:] for step in told[1:]])
    else:
        text = told[0]
        same = random.choice(BETWEEN) if random.random() < 0.5 else ""
        for place, step in enumerate(told[1:], start=1):
            joint = random.choice(LAST) if place == len(told) - 1 else same or random.choice(BETWEEN)
            text += joint + step
    text += random.choice(ENDS_BENT if bends else ENDS_PLAIN)
    return frame.format(input=random.choice(INPUTS[start]), steps=text, Steps=text[0].upper() + text[1:])


def _named(pattern: str) -> str:
    return _NOUN.sub(lambda found: NOUNS[found[0]], pattern)
