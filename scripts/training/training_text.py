"""A chain of operations as a training task in English, in the many ways in which people type.

None of the wordings is held out for tests; `tasks.py` checks every text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from edge_sale.evaluation.bundled_tasks.operations import Step
from edge_sale.evaluation.bundled_tasks.patterns import argument, inflected, one_of, plain, with_arguments
from edge_sale.evaluation.bundled_tasks.task_text import INPUTS, filled, joined
from training.frames import INFLECTED, PLAIN

_MANY = "numbers|values|elements|items|entries|integers|words"
_ONE = "number|value|element|item|entry|integer|word"
_ALL = re.compile(rf"\b(?:all of the|all the|all|the) (?:{_MANY})$")
_EVERY = re.compile(rf"\b(?:each|every|every single) (?:{_ONE})$")
_IT = re.compile(r"\bthe (?:list|sequence|array|text|string)$")
# for each kind of input: its name within a step, nouns that stand for all of it, and nouns for its parts
_WHERE = {
    "L": ("(?:list|sequence|array)", "", f"{_MANY}|{_ONE}|ones"),
    "T": ("(?:text|string)", "", "characters|letters|signs|spaces|vowels|digits|words"),
    "W": ("(?:list of words|list)", "words", "words|word"),
}

# Several steps in one phrase: the sum of the squares of the even numbers. Held-out tasks never have one.
WHICH = {
    "keep even": "even NUMS",
    "keep odd": "odd NUMS",
    "keep positive": "positive NUMS",
    "unique": "distinct NUMS",
    "keep negative": "negative NUMS",
    "drop zeros": "nonzero NUMS",
    "keep above": "NUMS [above|over] {k}",
    "keep below": "NUMS [below|under] {k}",
    "keep multiples of": "NUMS divisible by {k}",
    "longer than": "words [longer than {k}|with more than {k} letters]",
    "shorter than": "words [shorter than {k}|with fewer than {k} letters]",
    "unique words": "distinct words",
    "starting with": "words [starting|beginning] with {c}",
    "containing": "words [containing|that contain] {c}",
}
WHAT = {
    "square": "squares",
    "cube": "cubes",
    "double": "doubles",
    "halve": "halves",
    "absolute": "absolute values",
    "lengths": "lengths",
    "first letters": "[first letters|initials]",
}
WHOLE = {
    "total": "[sum|total]",
    "largest": "[largest|maximum]",
    "smallest": "[smallest|minimum]",
    "average": "[average|mean]",
    "count": "number",
    "count words": "number",
    "total letters": "total length",
    "longest word": "longest",
    "shortest word": "shortest",
}
IN_ONE_PHRASE = 0.35  # how often steps that can be one phrase are one
IMPLIED = 0.3  # how often a split into words is left unsaid, where the next step speaks of words
NO_PRONOUN = ("split words", "split commas")  # "get them out of it" would mean nothing
PRONOUN = 0.3  # how often a later step says "them" or "it", where it ends in what it is about
NO_INPUT = 0.4  # how often the first step names the input, where it has a place for it


def sentence(start: str, chain: Sequence[Step], random: Random) -> str:
    """The whole task in words of training. `start` is the kind of its input."""
    steps = step_texts(chain, random)
    inflect = random.random() < 0.5
    steps = [(inflected if inflect else plain)(step) for step in steps]
    first = with_input(steps[0], start, random) if random.random() < NO_INPUT else steps[0]
    has_input = first != steps[0]  # else the sentence around the steps must name the input
    steps[0] = first
    frames = INFLECTED if inflect else PLAIN
    frame = random.choice([one for one in frames if ("{input}" not in one) is has_input])
    return _typed(filled(frame, start, joined(steps, inflect, random), random), random)


def step_texts(chain: Sequence[Step], random: Random) -> list[str]:
    """The steps of a chain in words, with verbs still marked. Some are one phrase, some are left unsaid."""
    found: list[str] = []
    place = 0
    while place < len(chain):
        together, used = _in_one_phrase(chain[place:], random) if random.random() < IN_ONE_PHRASE else ("", 0)
        if used:
            found.append(together)
            place += used
            continue
        step, rest = chain[place], chain[place + 1 : place + 2]
        place += 1
        if step.operation.name == "split words" and rest and random.random() < IMPLIED:
            then = step_text(rest[0], random)
            if "word" in then:
                found.append(then)
                place += 1
                continue
        found.append(step_text(step, random, first=not found))
    return found


def step_text(step: Step, random: Random, *, first: bool = True) -> str:
    """One step in words, its verb still marked. A step that is not the first says "them" or "it" now and then."""
    text = one_of(random.choice(step.operation.train), random)
    if not first and step.operation.name not in NO_PRONOUN and random.random() < PRONOUN:
        text = with_pronoun(text, random)
    return with_arguments(text, step.values, random)


def with_pronoun(text: str, random: Random) -> str:
    """A step about the result of the one before: `sum the numbers` as `sum them`, where it ends in such a noun."""
    if " up the " in text:  # "add up them" is no English
        return text
    text = _ALL.sub(lambda found: random.choice(("them", "them all", "all of them")), text)
    text = _EVERY.sub(lambda found: random.choice(("each of them", "each one", "every one of them")), text)
    return _IT.sub("it", text)


def _in_one_phrase(chain: Sequence[Step], random: Random) -> tuple[str, int]:
    """The first two or three steps of `chain` as one phrase, and their number; "" and 0 where they cannot be one."""
    names = [step.operation.name for step in chain[:3]]
    some, what, whole, used = "words" if chain[0].operation.takes == "W" else "NUMS", "", "", 0
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


def with_input(step: str, start: str, random: Random) -> str:
    """A first step that names its input: `sums the numbers of a list`. Unchanged where it has no place for it."""
    named, nouns, things = _WHERE[start]
    there = random.choice([one for one in INPUTS[start] if one.startswith(("a ", "an ", "my "))])
    if found := re.search(rf"\bthe {named}\b(?! of)", step):
        return f"{step[: found.start()]}{there}{step[found.end() :]}"
    if things and re.search(rf"\b(?:{things})$", step):
        return f"{step} {random.choice(('of', 'in', 'from'))} {there}"
    if nouns and (found := re.search(rf"\bthe (?:{nouns})$", step)):
        return step[: found.start()] + there
    return step


def _typed(text: str, random: Random) -> str:
    """As people type: some texts begin in lower case, some end without a full stop."""
    if random.random() < 0.12:
        text = text[0].lower() + text[1:]
    return text.rstrip(".") if random.random() < 0.15 else text
