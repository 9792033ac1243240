"""From a chain of operations to a task in English: patterns spelled out, verbs bent, sentences strung together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random

from edge_sale.bench.tasks.operations import NOUNS, Operation, Step

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
    "Can you write a Python function that takes {input} and {steps}?",
    "Please write a function that {steps}. The input is {input}.",
    "Write a Python function that {steps}. It gets {input}.",
    "A Python function that takes {input} and {steps}, please.",
)
PLAIN = (
    "Write a Python function: given {input}, {steps}.",
    "Python function over {input}: {steps}.",
    "Write a function to {steps}, for {input}.",
    "Take {input}. {Steps}. Write it as a Python function.",
    "Write a Python function to {steps}. It takes {input}.",
    "Function: {steps}. The input is {input}.",
    "Python: {steps}, for {input}.",
    "I have {input}. {Steps}. I need a Python function.",
    "A function to {steps}, given {input}.",
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


# Several steps in one breath: the sum of the squares of the even numbers. Never in a held-out task.
WHICH = {
    "keep even": "even NUMS", "keep odd": "odd NUMS", "keep positive": "positive NUMS", "unique": "distinct NUMS",
    "keep negative": "negative NUMS", "drop zeros": "nonzero NUMS", "keep above": "NUMS [above|over] {k}",
    "keep below": "NUMS [below|under] {k}", "keep multiples of": "NUMS divisible by {k}",
}  # fmt: skip
WHAT = {"square": "squares", "cube": "cubes", "double": "doubles", "halve": "halves", "absolute": "absolute values"}
WHOLE = {
    "total": "[sum|total]", "largest": "[largest|maximum]", "smallest": "[smallest|minimum]",
    "average": "[average|mean]",
}  # fmt: skip
IN_ONE_BREATH, UNSAID = 0.35, 0.3  # how often, where it can be


def told(chain: Sequence[Step], random: Random, *, held: bool) -> list[str]:
    """The steps of a chain in words; some of them together, and a split into words that goes without saying."""
    if held:
        return [said(step.operation, step.values, random, held=True) for step in chain]
    found: list[str] = []
    place = 0
    while place < len(chain):
        together, used = _together(chain[place:], random) if random.random() < IN_ONE_BREATH else ("", 0)
        if used:
            found.append(together)
            place += used
            continue
        step, rest = chain[place], chain[place + 1 : place + 2]
        place += 1
        if step.operation.name == "split words" and rest and random.random() < UNSAID:
            then = said(rest[0].operation, rest[0].values, random, held=False)
            if "word" in then:
                found.append(then)
                place += 1
                continue
        found.append(said(step.operation, step.values, random, held=False))
    return found


def _together(chain: Sequence[Step], random: Random) -> tuple[str, int]:
    """Two or three steps from the beginning of `chain` as one, and how many; nothing and 0 where they are not of the kind."""
    names = [step.operation.name for step in chain[:3]]
    some, what, whole, used = "NUMS", "", "", 0
    if names and names[0] in WHICH:
        some = WHICH[names[0]]
        for name, value in chain[0].values.items():
            some = some.replace(f"{{{name}}}", argument(value, random))
        used = 1
    if used < len(names) and names[used] in WHAT:
        what, used = f"{WHAT[names[used]]} of the ", used + 1
    if used < len(names) and names[used] in WHOLE:
        whole, used = f"{WHOLE[names[used]]} of the ", used + 1
    if used < 2:
        return "", 0
    return one_of(f"{'GIVE' if whole else '*take'} the {whole}{what}{some}", random), used


def sentence(start: str, steps: Sequence[str], random: Random, *, held: bool) -> str:
    """The whole task. `start` is the kind of its input; steps come from `said`."""
    bends = random.random() < 0.5
    known, kept = (BENT, HELD_BENT) if bends else (PLAIN, HELD_PLAIN)
    frame = random.choice(kept if held else known)
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
    whole = frame.format(input=random.choice(INPUTS[start]), steps=text, Steps=text[0].upper() + text[1:])
    return whole if held else _typed(whole, random)


def _typed(text: str, random: Random) -> str:
    """As people type: some begin small, some end without a full stop."""
    if random.random() < 0.12:
        text = text[0].lower() + text[1:]
    return text.rstrip(".") if random.random() < 0.15 else text


def _named(pattern: str) -> str:
    return _NOUN.sub(lambda found: NOUNS[found[0]], pattern)
