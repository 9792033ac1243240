"""What every bench prints: figures with their units and goals as a table, and the machine they belong to."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Literal

from edge_sale import __version__
from edge_sale.evaluation.markdown import markdown_table
from edge_sale.hardware.processors import cores, processor

PACKAGES = ("llama-cpp-python", "numpy", "apsw", "sqlite-vec")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `goal` is a bound on it; None where the figure is only reported."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    bound: Literal["most", "least"] = "most"

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value <= self.goal if self.bound == "most" else self.value >= self.goal


def as_json(figures: Sequence[Figure]) -> str:
    """A list of objects with the keys what, value, unit, goal and met."""
    rows = [{k: v for k, v in asdict(f).items() if k != "bound"} | {"met": f.met} for f in figures]
    return json.dumps(rows, indent=2)


def as_line(figure: Figure) -> str:
    """One figure in a line, to print while others are still measured."""
    what, value, unit, goal, met = _cells(figure)
    return f"= {what}: {value} {unit}" + (f" (goal {goal}: {met})" if figure.goal is not None else "")


def as_table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    return markdown_table(["what", "value", "unit", "goal", "met"], [_cells(figure) for figure in figures])


def _cells(f: Figure) -> tuple[str, str, str, str, str]:
    sign = "≤" if f.bound == "most" else "≥"
    goal = "–" if f.goal is None else f"{sign} {f.goal:g}"
    met = {None: "–", True: "yes", False: "no"}[f.met]
    return f.what, f"{f.value:.3g}" if f.value < 1000 else f"{f.value:.0f}", f.unit, goal, met


def machine() -> str:
    """The machine and the versions that the figures belong to, in a line."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{processor()}, {cores()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}; edge-sale {__version__}, {versions}"
    )
