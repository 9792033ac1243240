"""Weights: how much each signal and each juror counts. They are read from a file that has a name and a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from edge_sale import legacy_names
from edge_sale.scoring.reserve_price import ReservePrice
from edge_sale.scoring.signals import SIGNALS
from edge_sale.toml_tables import ANY_NUMBER, NUMBER, Document, Key, Schema
from edge_sale.toml_tables import read as read_toml


@dataclass(frozen=True, slots=True)
class Own:
    """What counts for one agent's bids on top of what counts for everybody's. `constant` is added to V."""

    constant: float = 0.0
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """w_c, w_h and w_j of the paper by name; a juror without an entry of its own has the weight `juror`.

    Fitted weights may be negative and may differ from agent to agent (`agents`). They also know a signal's usual
    value (`usual`), which stands in where a bid lacks the signal. `constant` is added to every V. `odds` says that V
    is the log odds that the work succeeds.
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
        """The weight of one juror's score."""
        return self.jurors.get(name, self.juror)

    def of(self, agent: str) -> Own:
        """All signals' weights and the constant for this agent's bids; an unknown agent has the shared ones."""
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
        """Every signal that is read, by anybody's weights or by the reserve price."""
        tables = [self.signals, *(one.signals for one in self.agents.values())]
        weighted = {name for table in tables for name, weight in table.items() if weight}
        return frozenset(weighted | set(self.reserve_price.signals if self.reserve_price else ()))

    @property
    def carried(self) -> frozenset[str]:
        """The extra signals that bids must have for these weights (see `agents/extra_signals.py`)."""
        return frozenset(SIGNALS[name].carried for name in self.needs) - {""}


# --- the file ----------------------------------------------------------------

_SIGNALS: Schema = dict.fromkeys(SIGNALS, ANY_NUMBER)
_RESERVE_PRICE: Schema = {
    "least": Key(NUMBER, required=True, most=1),
    "constant": replace(ANY_NUMBER, required=True),
    "agents": Key(list, required=True),
    "about": Key(str, required=True),
    "signals": Key(dict, required=True, schema=_SIGNALS),
    "errors": Key(dict, required=True, each=ANY_NUMBER),
}
_HEAD: Schema = {
    "name": Key(str, required=True),
    "version": Key(int, required=True),
    "provenance": Key(str, required=True),
}
# a file made by hand has the paper's weights, from 0 to 1
BY_HAND: Schema = {
    **_HEAD,
    "signals": Key(dict, required=True, schema=dict.fromkeys(SIGNALS, Key(NUMBER, most=1))),
    "jury": Key(dict, required=True, each=Key(NUMBER, most=1)),
    "reserve_price": Key(dict, schema=_RESERVE_PRICE),
}
FITTED: Schema = {
    **_HEAD,
    "signals": Key(dict, required=True, schema=_SIGNALS),
    "jury": Key(dict, required=True, each=ANY_NUMBER),
    "agents": Key(
        dict,
        each=Key(
            dict,
            schema={
                "constant": replace(ANY_NUMBER, required=True),
                "signals": Key(dict, required=True, schema=_SIGNALS),
            },
        ),
    ),
    "usual": Key(dict, schema=_SIGNALS),
    "odds": Key(bool),
    "constant": ANY_NUMBER,
    "reserve_price": Key(dict, schema=_RESERVE_PRICE),
}


def read(file: Path) -> Weights:
    """The weights in a file made by hand. Raises ConfigError naming file, line and key."""
    document = read_toml(file, BY_HAND)
    document.rename_keys((), legacy_names.WEIGHTS_KEYS)
    return _weights(document)


def from_table(data: Mapping[str, Any], where: str) -> Weights:
    """The weights in a table that `to_table` made. Raises ConfigError naming `where` and the key."""
    return _weights(Document(where, legacy_names.renamed(data, legacy_names.WEIGHTS_KEYS), FITTED))


def to_table(weights: Weights) -> dict[str, Any]:
    """The weights as plain values, for JSON or TOML."""
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


def _weights(document: Document) -> Weights:
    data = document.check()
    jury = dict(data["jury"])
    price = data.get("reserve_price")
    return Weights(
        name=data["name"],
        version=data["version"],
        provenance=data["provenance"],
        signals=data["signals"],
        juror=jury.pop("juror", 0.0),
        jurors=jury,
        reserve_price=ReservePrice(**{**price, "agents": tuple(price["agents"])}) if price else None,
        agents={name: Own(own["constant"], own["signals"]) for name, own in data.get("agents", {}).items()},
        usual={name: _in_span(name, value) for name, value in data.get("usual", {}).items()},
        odds=data.get("odds", False),
        constant=data.get("constant", 0.0),
    )


def _in_span(signal: str, value: float) -> float:
    """The value, moved into the range that the signal can have."""
    least, most = SIGNALS[signal].span(0.0)
    return min(max(value, least), most)
