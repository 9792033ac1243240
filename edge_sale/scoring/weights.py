"""Weights: how much each signal and each juror counts, read from a versioned file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_sale.errors import ConfigError
from edge_sale.scoring.floor import Floor
from edge_sale.scoring.signals import SIGNALS


@dataclass(frozen=True, slots=True)
class Weights:
    """w_c, w_h and w_j of the paper by name; a juror without an entry of its own has `juror`."""

    name: str
    version: int
    provenance: str
    signals: Mapping[str, float]
    juror: float
    jurors: Mapping[str, float] = field(default_factory=dict)
    floor: Floor | None = None

    def of_juror(self, name: str) -> float:
        return self.jurors.get(name, self.juror)

    @property
    def needs(self) -> frozenset[str]:
        """Every signal that is looked at."""
        asked = {name for name, weight in self.signals.items() if weight}
        return frozenset(asked | set(self.floor.signals if self.floor else ()))


def read(file: Path) -> Weights:
    """The weights in `file`. Raises ConfigError naming the file and what is wrong with it."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as weights: {error}") from error
    known = {"name", "version", "provenance", "signals", "jury"}
    floor = _floor(data.pop("floor", None), file)
    if wrong := sorted(set(data) ^ known):
        raise ConfigError(f"{file}: missing or unknown key: {', '.join(wrong)}")
    signals, jury = data["signals"], dict(data["jury"])
    for name, weight in [*signals.items(), *jury.items()]:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise ConfigError(f"{file}: the weight of {name!r} should be from 0 to 1, is {weight!r}")
    if unknown := sorted(set(signals) - set(SIGNALS)):
        raise ConfigError(
            f"{file}: unknown signal {', '.join(map(repr, unknown))}; known: {', '.join(SIGNALS)}"
        )
    return Weights(
        name=data["name"],
        version=data["version"],
        provenance=data["provenance"],
        signals=signals,
        juror=jury.pop("juror", 0.0),
        jurors=jury,
        floor=floor,
    )


def _floor(row: Any, file: Path) -> Floor | None:
    """The table [floor], if there is one."""
    if row is None:
        return None
    known = {"least", "constant", "signals", "agents", "about", "errors"}
    if not isinstance(row, dict) or set(row) != known:
        raise ConfigError(f"{file}: [floor] should be a table with {', '.join(sorted(known))}")
    numbers = [row["least"], row["constant"], *row["signals"].values(), *row["errors"].values()]
    if any(isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x) for x in numbers):
        raise ConfigError(f"{file}: [floor] should hold finite numbers")
    if not 0 <= row["least"] <= 1:
        raise ConfigError(f"{file}: [floor] least should be from 0 to 1, is {row['least']!r}")
    if unknown := sorted(set(row["signals"]) - set(SIGNALS)):
        raise ConfigError(f"{file}: [floor] unknown signal {unknown[0]!r}; known: {', '.join(SIGNALS)}")
    return Floor(**{**row, "agents": tuple(row["agents"])})
