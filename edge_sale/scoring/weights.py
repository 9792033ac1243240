"""Weights: how much each signal and each juror counts, read from a versioned file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from edge_sale.errors import ConfigError
from edge_sale.scoring.reserve_price import ReservePrice
from edge_sale.scoring.signals import SIGNALS


@dataclass(frozen=True, slots=True)
class Own:
    """What counts for one agent's bids beyond what counts for everybody's. `constant` is added to V."""

    constant: float = 0.0
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """w_c, w_h and w_j of the paper by name; a juror without an entry of its own has `juror`.

    Fitted weights may be negative, may differ from agent to agent (`agents`), and know what a signal usually
    is (`usual`), for bids that do not carry it; `constant` is added to every V. `odds`: V is the
    log odds that the work succeeds.
    """

    name: str
    version: int
    provenance: str
    signals: Mapping[str, float]
    juror: float
    jurors: Mapping[str, float] = field(default_factory=dict)
    reserve_price: ReservePrice | None = None
    agents: Mapping[str, Own] = field(default_factory=dict)
    usual: Mapping[str, float] = field(default_factory=dict)
    odds: bool = False
    constant: float = 0.0

    def of_juror(self, name: str) -> float:
        return self.jurors.get(name, self.juror)

    def of(self, agent: str) -> Own:
        """All signals' weights and the constant for this agent's bids; one that is not known has the shared ones."""
        return self._own.get(agent) or self._shared

    @cached_property
    def _shared(self) -> Own:
        return Own(self.constant, self.signals)

    @cached_property
    def _own(self) -> dict[str, Own]:
        def sums(own: Own) -> dict[str, float]:
            names = [*self.signals, *(name for name in own.signals if name not in self.signals)]
            return {name: self.signals.get(name, 0.0) + own.signals.get(name, 0.0) for name in names}

        return {name: Own(self.constant + own.constant, sums(own)) for name, own in self.agents.items()}

    @cached_property
    def needs(self) -> frozenset[str]:
        """Every signal that is looked at, by anybody's weights or by the reserve price."""
        tables = [self.signals, *(one.signals for one in self.agents.values())]
        asked = {name for table in tables for name, weight in table.items() if weight}
        return frozenset(asked | set(self.reserve_price.signals if self.reserve_price else ()))

    @property
    def carried(self) -> frozenset[str]:
        """What bids must carry for these weights (see `agents/extra_signals.py`)."""
        return frozenset(SIGNALS[name].carried for name in self.needs) - {""}


def read(file: Path) -> Weights:
    """The weights in a file made by hand. Raises ConfigError naming the file and what is wrong with it."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as weights: {error}") from error
    if wrong := sorted((set(data) - {"reserve_price"}) ^ {"name", "version", "provenance", "signals", "jury"}):
        raise ConfigError(f"{file}: missing or unknown key: {', '.join(wrong)}")
    for name, weight in [*data["signals"].items(), *data["jury"].items()]:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise ConfigError(f"{file}: the weight of {name!r} should be from 0 to 1, is {weight!r}")
    return from_table(data, str(file))


def from_table(data: Mapping[str, Any], where: str) -> Weights:
    """Weights as `to_table` writes them. Raises ConfigError naming `where`."""
    try:
        jury = _numbers(data["jury"], where)
        weights = Weights(
            name=str(data["name"]),
            version=int(data["version"]),
            provenance=str(data["provenance"]),
            signals=_signals(data["signals"], where),
            juror=jury.pop("juror", 0.0),
            jurors=jury,
            reserve_price=_reserve_price(data.get("reserve_price"), where),
            agents={
                name: Own(_numbers({"constant": own["constant"]}, where)["constant"], _signals(own["signals"], where))
                for name, own in data.get("agents", {}).items()
            },
            usual={
                name: min(max(x, SIGNALS[name].span(0.0)[0]), SIGNALS[name].span(0.0)[1])
                for name, x in _signals(data.get("usual", {}), where).items()
            },
            odds=bool(data.get("odds", False)),
            constant=_numbers({"constant": data.get("constant", 0.0)}, where)["constant"],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError(f"{where}: not whole weights ({type(error).__name__}: {error})") from error
    return weights


def to_table(weights: Weights) -> dict[str, Any]:
    """The weights as plain values."""
    return {
        "name": weights.name,
        "version": weights.version,
        "provenance": weights.provenance,
        "signals": dict(weights.signals),
        "jury": {"juror": weights.juror, **weights.jurors},
        "agents": {
            name: {"constant": own.constant, "signals": dict(own.signals)} for name, own in weights.agents.items()
        },
        "usual": dict(weights.usual),
        "odds": weights.odds,
        "constant": weights.constant,
        **({"reserve_price": asdict(weights.reserve_price)} if weights.reserve_price else {}),
    }


def _signals(table: Mapping[str, Any], where: str) -> dict[str, float]:
    if unknown := sorted(set(table) - set(SIGNALS)):
        raise ConfigError(f"{where}: unknown signal {', '.join(map(repr, unknown))}; known: {', '.join(SIGNALS)}")
    return _numbers(table, where)


def _numbers(table: Mapping[str, Any], where: str) -> dict[str, float]:
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{where}: {name!r} should be a finite number, is {value!r}")
    return {name: float(value) for name, value in table.items()}


def _reserve_price(row: Any, where: str) -> ReservePrice | None:
    """The table [reserve_price], if there is one."""
    if row is None:
        return None
    known = {"least", "constant", "signals", "agents", "about", "errors"}
    if not isinstance(row, dict) or set(row) != known:
        raise ConfigError(f"{where}: [reserve_price] should be a table with {', '.join(sorted(known))}")
    numbers = [row["least"], row["constant"], *row["signals"].values(), *row["errors"].values()]
    if any(isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x) for x in numbers):
        raise ConfigError(f"{where}: [reserve_price] should hold finite numbers")
    if not 0 <= row["least"] <= 1:
        raise ConfigError(f"{where}: [reserve_price] least should be from 0 to 1, is {row['least']!r}")
    if unknown := sorted(set(row["signals"]) - set(SIGNALS)):
        raise ConfigError(f"{where}: [reserve_price] unknown signal {unknown[0]!r}; known: {', '.join(SIGNALS)}")
    return ReservePrice(**{**row, "agents": tuple(row["agents"])})
