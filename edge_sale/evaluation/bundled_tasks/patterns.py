"""Patterns of wording: `[a|b]` is a choice, an upper-case word stands for NOUNS, `*keep` is a verb to inflect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from random import Random

from edge_sale.evaluation.bundled_tasks.operations import NOUNS

SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

_NOUN = re.compile(r"\b[A-Z]{3,}\b")
_CHOICE = re.compile(r"\[([^\]]*)\]")
_VERB = re.compile(r"\*(\w+)")


def spelled_out(pattern: str) -> Iterator[str]:
    """Every text of a pattern, with verbs still marked and arguments still open."""
    parts = _CHOICE.split(_named(pattern))
    for chosen in product(*(part.split("|") if place % 2 else [part] for place, part in enumerate(parts))):
        yield " ".join("".join(chosen).split())


def one_of(pattern: str, random: Random) -> str:
    """One text of a pattern, at random."""
    drawn = _CHOICE.sub(lambda found: random.choice(found[1].split("|")), _named(pattern))
    return " ".join(drawn.split())


def inflected(text: str) -> str:
    """The text with every marked verb in the third person: *keep -> keeps."""
    return _VERB.sub(lambda found: third_person(found[1]), text)


def plain(text: str) -> str:
    """The text with every marked verb as it is: *keep -> keep."""
    return text.replace("*", "")


def third_person(verb: str) -> str:
    """keep -> keeps, push -> pushes, multiply -> multiplies."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("s", "x", "ch", "sh", "o")) else f"{verb}s"


def with_arguments(text: str, values: Mapping[str, object], random: Random) -> str:
    """The text with its open arguments ({k}, {c}, {d}) filled in."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", argument(value, random))
    return text


def argument(value: object, random: Random) -> str:
    """A number as digits or in words; a letter bare or quoted."""
    if isinstance(value, int):
        return SPELLED[value] if value < len(SPELLED) and random.random() < 0.15 else str(value)
    return random.choice(("{}", "'{}'", '"{}"')).format(value)


def _named(pattern: str) -> str:
    return _NOUN.sub(lambda found: NOUNS[found[0]], pattern)
