"""The bundled models: their sizes, courses and lengths of training. Seeds are fixed.

Texts with lessons are three times as long as others. With an earlier share of 0.28 of the texts they were two thirds of
all tokens that the junior read. With half that share, in the same time, it solved 95 and 79 % of tasks of one and two
steps instead of 87 and 64; with a fourth layer 93 and 84. The junior is trained longest, because on short tasks it has
to be as good as the senior.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.model import Shape
from training.texts import Course
from training.tokens import SIZE


@dataclass(frozen=True, slots=True)
class Member:
    """One model and its training: `updates` of about `batch` tokens each."""

    title: str
    shape: Shape
    course: Course
    updates: int
    batch: int = 3072
    seed: int = 1


MEMBERS = {
    "junior": Member(
        "Junior: every operation, tasks of one or two steps",
        Shape(SIZE, width=96, layers=4, heads=3, inner=224),
        Course("all", 2, (0.64, 0.10, 0.12, 0.14), longest=6),
        updates=7200,
        batch=2048,
    ),
    "lists": Member(
        "Lists: numbers in lists, up to four steps",
        Shape(SIZE, width=96, layers=4, heads=3, inner=224),
        Course("lists", 4, (0.62, 0.10, 0.12, 0.16), longest=7),
        updates=3800,
    ),
    "texts": Member(
        "Texts: texts and words, up to four steps",
        Shape(SIZE, width=96, layers=4, heads=3, inner=224),
        Course("texts", 4, (0.62, 0.10, 0.12, 0.16), longest=7),
        updates=3800,
    ),
    "senior": Member(
        "Senior: all of the trade, up to eight steps",
        Shape(SIZE, width=128, layers=5, heads=4, inner=256),
        Course("all", 8, (0.61, 0.10, 0.26, 0.03)),
        updates=6400,
    ),
}
