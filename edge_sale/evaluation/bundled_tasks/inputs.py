"""Inputs to run answers on: the same for one seed, and varied enough to tell functions apart."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

WORDS = [
    "apple",
    "river",
    "stone",
    "Light",
    "cloud",
    "seven",
    "tree",
    "moon",
    "Noon",
    "garden",
    "sea",
    "ice",
    "orange",
    "little",
    "heron",
    "mile",
    "salt",
    "dust",
    "old",
    "letter",
    "cider",
    "Alma",
    "echo",
    "bottle",
    "A",
    "to",
    "of",
    "it",
    "cat",
    "dog",
    "bird",
    "horse",
    "elephant",
    "tomorrow",
    "station",
    "Hello",
    "world",
    "test",
]


@cache
def inputs(kind: str, count: int, seed: int = 0) -> tuple[Any, ...]:
    """`count` values of kind L, T or W."""
    random = Random(f"inputs {kind} {seed}")
    return tuple({"L": _numbers, "T": _text, "W": _words}[kind](random, place) for place in range(count))


def _numbers(random: Random, place: int) -> list[int]:
    size = place if place < 2 else random.randint(5, 14)  # the empty list and a single number are among them
    values = [random.randint(-25, 40) if random.random() < 0.6 else random.randint(-3, 9) for _ in range(size)]
    if size > 4:
        values[random.randrange(size)] = random.choice(values)  # a duplicate
        values[random.randrange(size)] = 0
    return values


def _words(random: Random, place: int) -> list[str]:
    size = place if place < 2 else random.randint(4, 9)
    words = [random.choice(WORDS) for _ in range(size)]
    if size > 3:
        words[random.randrange(size)] = random.choice(words)
    return words


def _text(random: Random, place: int) -> str:
    if place == 0:
        return ""
    words = [w + random.choice(("", "", "", ",", "!", str(random.randint(0, 99)))) for w in _words(random, place + 3)]
    text = random.choice((" ", " ", "  ", ",")).join(words)
    return random.choice((f" {text} ", text, text, f"{text}  "))
