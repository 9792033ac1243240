"""The catalogue: every card of a model or a pool, by name.

A model's card is `models/NAME.toml`, a pool's `models/pools/NAME.toml`. The cards that come with edge-sale are read
first; the user's own (settings.cards_dir) add to them, or replace them by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_sale.catalog import card_reader
from edge_sale.catalog.card import AgentCard, ChatNotes, FileSpec, Make, ModelCard, PoolCard, Source
from edge_sale.errors import ConfigError, UnknownName

__all__ = [
    "BUNDLED_POOL",
    "DEFAULT_POOL",
    "MIXED_POOL",
    "AgentCard",
    "Catalogue",
    "ChatNotes",
    "FileSpec",
    "Make",
    "ModelCard",
    "PoolCard",
    "Source",
    "load",
    "read_model",
    "shipped_dir",
]

DEFAULT_POOL = "starter"  # a pool of the user's own takes from it what it leaves out
BUNDLED_POOL = "bundled"  # its models come with edge-sale, so it can bid on any machine
MIXED_POOL = "mixed"  # both of them in one market


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every card there is, by name."""

    models: Mapping[str, ModelCard]
    pools: Mapping[str, PoolCard]

    def model(self, name: str) -> ModelCard:
        """The model's card. Raises UnknownName with the known ones."""
        if name not in self.models:
            raise UnknownName("model", name, self.models, see="edge-sale models")
        return self.models[name]

    def pool(self, name: str) -> PoolCard:
        """The pool's card, as shipped or in the user's cards. Raises UnknownName."""
        if name not in self.pools:
            raise UnknownName("pool", name, self.pools, see="edge-sale pools")
        return self.pools[name]


def load(user_dir: Path | None = None) -> Catalogue:
    """The shipped cards with the user's own on top. Raises ConfigError naming file, line and key."""
    models: dict[str, ModelCard] = {}
    pools: dict[str, PoolCard] = {}
    shipped = shipped_dir()
    for folder in [shipped, *([user_dir] if user_dir else [])]:
        for file in sorted(folder.glob("*.toml")):
            models[file.stem] = card_reader.read_model(file, shipped)
        for file in sorted((folder / "pools").glob("*.toml")):
            pool = card_reader.read_pool(file)
            pools[pool.name] = pool
    pools |= {pool.name: _joined(pool, pools) for pool in pools.values() if pool.join}
    return Catalogue(models, pools)


def read_model(file: Path) -> ModelCard:
    """The model's card in one file. Raises ConfigError naming file, line and key."""
    return card_reader.read_model(file, shipped_dir())


def shipped_dir() -> Path:
    """The folder of the cards that come with edge-sale: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "models", package.parent / "models"):
        if (folder / "pools").is_dir():
            return folder
    raise ConfigError(f"no model cards in {package / 'models'}: the installation is incomplete; install again")


def _joined(pool: PoolCard, pools: Mapping[str, PoolCard]) -> PoolCard:
    """The pool with the agents of those that it joins."""
    agents: dict[str, AgentCard] = {}
    for name in pool.join:
        if name not in pools or pools[name].join:
            raise ConfigError(f"pool {pool.name!r} joins {name!r}, which is no pool with agents of its own")
        agents |= {agent.name: agent for agent in pools[name].agents}
    return dataclasses.replace(pool, agents=tuple(agents.values()))
