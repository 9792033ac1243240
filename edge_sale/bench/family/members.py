"""The family: how large each member is, what it learns and for how long. Seeds are fixed."""

from __future__ import annotations

from dataclasses import dataclass

from edge_sale.bench.family.model import Shape
from edge_sale.bench.family.texts import Course
from edge_sale.bench.family.tokens import SIZE


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
        Shape(SIZE, width=96, layers=3, heads=3, inner=192),
        Course("all", 2, (0.42, 0.14, 0.16, 0.28)),
        updates=4800,
        batch=2048,
    ),
    "lists": Member(
        "Lists: numbers in lists, up to four steps",
        Shape(SIZE, width=96, layers=4, heads=3, inner=224),
        Course("lists", 4, (0.44, 0.12, 0.14, 0.30)),
        updates=3400,
    ),
    "texts": Member(
        "Texts: texts and words, up to four steps",
        Shape(SIZE, width=96, layers=4, heads=3, inner=224),
        Course("texts", 4, (0.44, 0.12, 0.14, 0.30)),
        updates=3400,
    ),
    "senior": Member(
        "Senior: all of the trade, up to eight steps",
        Shape(SIZE, width=128, layers=5, heads=4, inner=256),
        Course("all", 8, (0.52, 0.14, 0.30, 0.04)),
        updates=5000,
    ),
}
