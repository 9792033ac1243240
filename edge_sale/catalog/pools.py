"""The pool of a run: the cards' pools and agents, with what config.toml changes of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from edge_sale import legacy_names
from edge_sale.catalog import installed
from edge_sale.catalog.card import AgentCard, PoolCard
from edge_sale.catalog.card_reader import NAME
from edge_sale.catalog.cards import BUNDLED_POOL, DEFAULT_POOL, MIXED_POOL, Catalogue
from edge_sale.errors import ConfigError, UnknownName
from edge_sale.settings import Settings


def in_use(catalogue: Catalogue, settings: Settings) -> str:
    """The name of the pool that the user chose.

    Without a choice it is the bundled pool, or the mixed pool once the starter's models are pulled.
    """
    if settings.pool:
        return legacy_names.pool_name(settings.pool, "pool")
    starter = [catalogue.model(name) for name in catalogue.pool(DEFAULT_POOL).models]
    return BUNDLED_POOL if installed.missing(starter, settings.models_dir) else MIXED_POOL


def pool_agents(catalogue: Catalogue, settings: Settings) -> PoolCard:
    """The pool that `settings` chooses, with its agents as config.toml changes them, and every name resolved.

    `[agents.NAME]` changes fields of a known agent or makes a new one. `[pools.NAME]` changes a known pool or makes
    a new one, which takes what it leaves out from the starter pool. Raises UnknownName and ConfigError.
    """
    settings = dataclasses.replace(settings, pool=in_use(catalogue, settings))
    base = catalogue.pools.get(settings.pool)
    changes = settings.pools.get(settings.pool)
    if base is None and changes is None:
        raise UnknownName("pool", settings.pool, [*catalogue.pools, *settings.pools], see="edge-sale pools")
    pool = base or _new_pool(catalogue, settings)
    known = agents(catalogue, settings, pool)
    names = [agent.name for agent in pool.agents]
    if changes is not None:
        names = _names(changes.get("agents", names), settings)
        others = {key: value for key, value in changes.items() if key != "agents"}
        pool = dataclasses.replace(pool, **others)
    for name in names:
        if name not in known:
            raise UnknownName("agent", name, known, see="edge-sale pools")
    chosen = tuple(known[name] for name in names)
    for agent in chosen:
        _check_role(catalogue, agent.model, "chat", f"agent {agent.name!r}")
    _check_role(catalogue, pool.embedder, "embed", f"the embedder of pool {pool.name!r}")
    return dataclasses.replace(pool, agents=chosen, weights=settings.weights or pool.weights)


def agents(catalogue: Catalogue, settings: Settings, pool: PoolCard | None = None) -> dict[str, AgentCard]:
    """Every agent by name. Where two pools use one name, the agent of `pool` has it. Raises ConfigError."""
    known = {agent.name: agent for card in catalogue.pools.values() for agent in card.agents}
    known |= {agent.name: agent for agent in pool.agents} if pool else {}
    for name, changes in settings.agents.items():
        if name in known:
            known[name] = dataclasses.replace(known[name], **changes)
        else:
            known[name] = _new_agent(name, changes, f"{settings.config_file}: [agents.{name}]")
    return known


def _new_agent(name: str, values: Mapping[str, Any], where: str) -> AgentCard:
    if missing := [key for key in ("model", "work", "price") if key not in values]:
        raise ConfigError(f"{where}: a new agent needs {', '.join(missing)}")
    if not re.fullmatch(NAME, name):
        raise ConfigError(f"{where}: an agent's name is lower case, digits, '.', '_' and '-'")
    return AgentCard(name=name, **values)


def _new_pool(catalogue: Catalogue, settings: Settings) -> PoolCard:
    if "agents" not in settings.pools[settings.pool]:
        raise ConfigError(f"{settings.config_file}: [pools.{settings.pool}]: a new pool needs agents")
    starter = catalogue.pool(DEFAULT_POOL)
    return dataclasses.replace(starter, name=settings.pool, title=settings.pool, agents=())


def _names(values: list[str], settings: Settings) -> list[str]:
    where = f"{settings.config_file}: [pools.{settings.pool}] agents"
    if not values:
        raise ConfigError(f"{where} should be a list of agents' names, is empty")
    if len(set(values)) < len(values):
        raise ConfigError(f"{where} names an agent twice: {', '.join(values)}")
    return values


def _check_role(catalogue: Catalogue, model: str, role: str, who: str) -> None:
    card = catalogue.model(model)
    if card.role != role:
        raise ConfigError(f"{who} needs a model of role {role}; {model!r} is of role {card.role}")
