"""From a chain of operations to a task in English: patterns spelled out, verbs bent, sentences strung together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from random import Random

from edge_sale.evaluation.bundled_tasks.operations import NOUNS, OPERATIONS, Operation, Step

SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

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
    "Please write a Python function that accepts {input} and {steps}.",
    "write me a function that gets {input} and {steps}",
    "Could you write a function in Python that receives {input} and {steps}?",
    "need a function that takes {input} and {steps}",
    "I need a Python function that, given {input}, {steps}.",
    "Implement a function that takes in {input} and {steps}.",
    "python: a function that takes {input} and {steps}",
    "Create a Python function that reads {input} and {steps}.",
    "Define a function that accepts {input} and {steps}.",
    "code a function that takes {input} and {steps}, in python",
    "can you make a function that is given {input} and {steps}?",
    "I have {input}. Please write a function that {steps}.",
    "Help me write a function that takes {input} and {steps}.",
    "i have {input} and need a python function that {steps}",
    "Given {input}, write code that {steps}.",
    "For {input}, define a Python function that {steps}.",
    "In Python, write a function that has {input} as its argument and {steps}.",
    "How would I write a Python function that takes {input} and {steps}?",
    "hey, could you code something that takes {input} and {steps}? thanks",
    "I'm looking for a function that receives {input} and {steps}.",
    "Give me a small Python helper that takes {input} and {steps}.",
    "Suppose I have {input}. How do I make a function that {steps}?",
    "The input is {input}. Write a Python function that {steps}.",
    "my input is {input}, give me python that {steps}",
    "Would you mind writing a Python function that accepts {input} and {steps}?",
    "Using Python, build a function that works on {input} and {steps}.",
    "Write a Python function that {steps}.",
    "write a function that {steps}",
    "Implement a Python function that {steps}.",
    "need python code that {steps}",
    "Could you please define a function that {steps}?",
    "give me a def that {steps}",
    "help me make a function that {steps}",
    "I'd like a short function that {steps}, please.",
    "Create a helper in Python that {steps}.",
    "code up something that {steps}",
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
    "Write a Python function for {input}. {Steps}.",
    "python, {input} as input: {steps}",
    "Given {input}, do this in Python: {steps}.",
    "I have {input}. {Steps}.",
    "i have {input}, need a function for this: {steps}",
    "Could you write a function for {input}? {Steps}.",
    "Implement a function over {input}. It should do the following: {steps}.",
    "help me with {input} in python: {steps}",
    "Define a function with {input} as its only argument. {Steps}.",
    "{Steps}. The input is {input}.",
    "{Steps}. Make it a Python function that takes {input}.",
    "def for {input}: {steps}",
    "Create a Python function with {input} as the parameter: {steps}.",
    "code a function, input is {input}. {steps}",
    "Please help me process {input} with Python. {Steps}.",
    "Starting from {input}: {steps}.",
    "can you code this for {input}? {steps}",
    "Take {input}. {Steps}.",
    "Input: {input}. Task: {steps}.",
    "I need a Python function for {input}. Steps: {steps}.",
    "For {input}, {steps}.",
    "How do I do this with {input} in Python? {Steps}.",
    "{Steps}. I have {input} to start with, and a Python function would be great.",
    "My function gets {input}. Please write the body: {steps}.",
    "quick one for {input}. {Steps}. python please",
    "Let the argument be {input}. {Steps}.",
    "write the function body, given {input}: {steps}",
    "Write a Python function to {steps}.",
    "function to {steps}",
    "{Steps}.",
    "in python: {steps}",
    "Python function please. {Steps}.",
    "need a function for this: {steps}",
    "{Steps}. Use Python.",
    "Could you implement this for me? {Steps}.",
    "Write a function with these steps: {steps}.",
    "{Steps}. Write it as a function, please.",
    "define a function, here is what it should do: {steps}",
)
HELD_BENT = (
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
ENDS_BENT = ("", "", "", " and returns the result", ", and returns that", ", returning the result")
ENDS_PLAIN = ("", "", "", " and return the result", ", and return that", ", returning the result")

_NOUN = re.compile(r"\b[A-Z]{3,}\b")
_CHOICE = re.compile(r"\[([^\]]*)\]")
_VERB = re.compile(r"\*(\w+)")
_MANY = "numbers|values|elements|items|entries|integers|words"
_ONE = "number|value|element|item|entry|integer|word"
_ALL = re.compile(rf"\b(?:all of the|all the|all|the) (?:{_MANY})$")
_EVERY = re.compile(rf"\b(?:each|every|every single) (?:{_ONE})$")
_IT = re.compile(r"\bthe (?:list|sequence|array|text|string)$")
# what a kind of input is called in a step, what stands for it whole, and what lies in it
_WHERE = {
    "L": ("(?:list|sequence|array)", "", f"{_MANY}|{_ONE}|ones"),
    "T": ("(?:text|string)", "", "characters|letters|signs|spaces|vowels|digits|words"),
    "W": ("(?:list of words|list)", "words", "words|word"),
}


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


def said(operation: Operation, values: Mapping[str, object], random: Random, *, held: bool, first: bool = True) -> str:
    """One step in words, its verb still marked; in training those behind the first say them or it now and then."""
    text = one_of(random.choice(operation.held if held else operation.train), random)
    if not (held or first) and operation.name not in UNPOINTED and random.random() < POINTED:
        text = pointing(text, random)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", argument(value, random))
    return text


def pointing(text: str, random: Random) -> str:
    """A step about what the one before it gave: `sum the numbers` as `sum them`. As it is where it ends otherwise."""
    if " up the " in text:  # nobody adds up them
        return text
    text = _ALL.sub(lambda found: random.choice(("them", "them all", "all of them")), text)
    text = _EVERY.sub(lambda found: random.choice(("each of them", "each one", "every one of them")), text)
    return _IT.sub("it", text)


_NUMBER = re.compile(rf"\{{k\}}|\b(?:\d+|{'|'.join(SPELLED)})\b")
_LETTER = re.compile(r"\{[cd]\}|['\"]?(?<!\w)[a-z](?!\w)['\"]?")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text without case and punctuation, with numbers and single letters left open."""
    return tuple(re.findall(r"[a-z-]+|[#@]", _LETTER.sub("@", _NUMBER.sub("#", text.lower()))))


def holds_held_out(text: str) -> bool:
    """Whether any held-out wording is in the text, to the letter, be it as a part of other words."""
    words, held = words_of(text), _held_out()
    return any(
        words[i : i + size] in held[first][size] for i, first in enumerate(words) for size in held.get(first, ())
    )


@cache
def _held_out() -> Mapping[str, Mapping[int, set[tuple[str, ...]]]]:
    """All spellings of all held-out wordings, by their first word and their length."""
    found: dict[str, dict[int, set[tuple[str, ...]]]] = {}
    for operation in OPERATIONS:
        for text in (text for pattern in operation.held for text in spelled_out(pattern)):
            for words in {words_of(bent(text)), words_of(plain(text))}:
                found.setdefault(words[0], {}).setdefault(len(words), set()).add(words)
    return found


def argument(value: object, random: Random) -> str:
    """A number as digits or spelled; a letter bare or quoted."""
    if isinstance(value, int):
        return SPELLED[value] if value < len(SPELLED) and random.random() < 0.15 else str(value)
    return random.choice(("{}", "'{}'", '"{}"')).format(value)


# Several steps in one breath: the sum of the squares of the even numbers. Never in a held-out task.
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
IN_ONE_BREATH, UNSAID = 0.35, 0.3  # how often, where it can be
UNPOINTED = ("split words", "split commas")  # "get them out of it" would say nothing
POINTED = 0.3  # of the steps behind the first speak of them or it, where they end in what they are about
BARE = 0.4  # of the tasks name their input within the first step, where it has a place there


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
        found.append(said(step.operation, step.values, random, held=False, first=not found))
    return found


def _together(chain: Sequence[Step], random: Random) -> tuple[str, int]:
    """Two or three steps from the beginning of `chain` as one, and how many; nothing and 0 where they are not of the kind."""
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


def sentence(start: str, steps: Sequence[str], random: Random, *, held: bool) -> str:
    """The whole task. `start` is the kind of its input; steps come from `said`."""
    bends = random.random() < 0.5
    known, kept = (BENT, HELD_BENT) if bends else (PLAIN, HELD_PLAIN)
    told = [(bent if bends else plain)(step) for step in steps]
    there = placed(told[0], start, random) if not held and random.random() < BARE else told[0]
    bare = there != told[0]  # where it has no place there, nobody would know what the input is
    told[0] = there
    frame = random.choice(kept if held else [one for one in known if ("{input}" not in one) is bare])
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


def placed(step: str, start: str, random: Random) -> str:
    """A first step that says what its input is: `sums the numbers` of a list. As it is where that has no place in it."""
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
    """As people type: some begin small, some end without a full stop."""
    if random.random() < 0.12:
        text = text[0].lower() + text[1:]
    return text.rstrip(".") if random.random() < 0.15 else text


def _named(pattern: str) -> str:
    return _NOUN.sub(lambda found: NOUNS[found[0]], pattern)
