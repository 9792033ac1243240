"""Which parts a run will use: pool, models, weights and remotes, resolved by name before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sale import legacy_names, remote_setup
from edge_sale.agents.extra_signals import EXTRA_SIGNALS
from edge_sale.assemble.models import identity
from edge_sale.catalog import installed
from edge_sale.catalog.cards import (
    BUNDLED_POOL,
    DEFAULT_POOL,
    MIXED_POOL,
    Catalogue,
    ModelCard,
    PoolCard,
    load,
    shipped_dir,
)
from edge_sale.catalog.pools import pool_agents
from edge_sale.errors import ConfigError, UnknownName
from edge_sale.learning import versions
from edge_sale.learning.recalibrate import recalibrated
from edge_sale.remote.config import Remote
from edge_sale.scoring.weights import Weights, read
from edge_sale.settings import Settings


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """The parts of a run. `missing` names the models that have to be pulled first."""

    settings: Settings
    pool: PoolCard
    chat: tuple[ModelCard, ...]
    embedder: ModelCard | None  # None: this run neither recalls nor records
    weights: Weights
    bidders: tuple[Remote, ...] = ()  # remotes that are asked to bid
    fallback: Remote | None = None  # the remote that stands by
    notes: tuple[str, ...] = ()  # what was left out, and why
    beyond: str = ""  # what to tell the user about a task outside the pool's trade

    @property
    def missing(self) -> list[str]:
        """Names of models that are not on this machine yet."""
        cards = [*self.chat, *([self.embedder] if self.embedder else [])]
        return installed.missing(cards, self.settings.models_dir)


def plan(settings: Settings, agents: Sequence[str] = ()) -> MarketPlan:
    """The parts of a run. With `agents`, only those of the pool may bid. Raises UnknownName, ConfigError."""
    catalogue = load(settings.cards_dir)
    pool = pool_agents(catalogue, settings)
    local = {agent.name: agent for agent in pool.agents}
    remote = remote_setup.allowed(settings, agents)
    if unknown := [name for name in agents if name not in local and name not in remote.names]:
        raise UnknownName("agent", unknown[0], [*local, *remote.names], see="edge-sale pools")
    if taken := sorted(set(local) & set(remote.names)):
        raise ConfigError(f"{settings.config_file}: {taken[0]!r} is an agent's name and a remote's; rename the remote")
    if agents:
        pool = replace(pool, agents=tuple(local[name] for name in dict.fromkeys(agents) if name in local))
        if not (pool.agents or remote.bidders):
            raise ConfigError(f"{', '.join(agents)} stands by as a fallback and makes no bids: name an agent too")
    if unknown := sorted(set(settings.extra_signals) - set(EXTRA_SIGNALS)):
        where, there = f"{settings.config_file}: [auction] extra_signals", ", ".join(EXTRA_SIGNALS)
        raise ConfigError(f"{where}: nothing is called {unknown[0]!r}; there are: {there}")
    models = dict.fromkeys(agent.model for agent in pool.agents)
    weights, moved = recalibrated(weights_in_force(pool, settings), settings, pool.name)
    return MarketPlan(
        settings=settings,
        pool=pool,
        chat=tuple(catalogue.model(name) for name in models),
        embedder=_memorys_embedder(pool, catalogue, settings) if settings.remember else None,
        weights=weights,
        bidders=remote.bidders,
        fallback=remote.fallback,
        notes=(*remote.notes, *moved),
        beyond=_beyond(pool, catalogue, settings),
    )


def weights_in_force(pool: PoolCard, settings: Settings) -> Weights:
    """The weights of a run: those named in config.toml, else those that `edge-sale fit --apply` put in force for
    this pool, else the pool's own."""
    own = weights_named(pool.weights, settings)
    named = settings.weights or settings.pools.get(pool.name, {}).get("weights")
    fitted = None if named else versions.in_force(settings.weights_dir, pool.name)
    return replace(fitted.weights, reserve_price=own.reserve_price) if fitted else own


def weights_named(name: str, settings: Settings) -> Weights:
    """The weights file of that name; the user's own files come before the shipped ones. Raises UnknownName."""
    name = legacy_names.weights_name(name, "weights")
    known: dict[str, Path] = {}
    for folder in (shipped_dir() / "weights", settings.cards_dir / "weights"):
        known |= {legacy_names.WEIGHTS.get(file.stem, file.stem): file for file in sorted(folder.glob("*.toml"))}
    if name in known:
        return read(known[name])
    fitted = {f"fit-{number}": number for number in versions.numbers(settings.weights_dir)}
    if name in fitted:
        return versions.get(settings.weights_dir, fitted[name]).weights
    raise UnknownName("weights", name, [*known, *fitted])


def pools_embedder(settings: Settings) -> ModelCard:
    """The embedder of the pool in use: for documents, and for vectors that are made anew."""
    catalogue = load(settings.cards_dir)
    return catalogue.model(pool_agents(catalogue, settings).embedder)


def memorys_embedder(settings: Settings) -> ModelCard:
    """The embedder of the auction memory."""
    catalogue = load(settings.cards_dir)
    return _memorys_embedder(pool_agents(catalogue, settings), catalogue, settings)


def _memorys_embedder(pool: PoolCard, catalogue: Catalogue, settings: Settings) -> ModelCard:
    """The pool's embedder; in the mixed pool that nobody chose, the embedder that made the memory's vectors.

    After the starter pool is pulled its agents bid too. That must not make the user's past unreadable.
    """
    wanted = catalogue.model(pool.embedder)
    former = catalogue.model(catalogue.pool(BUNDLED_POOL).embedder)
    if settings.pool or pool.name != MIXED_POOL:
        return wanted
    from edge_sale.memory import embedder_identity

    return former if embedder_identity.embedder(settings.memory_file) == identity(former, settings) else wanted


def _beyond(pool: PoolCard, catalogue: Catalogue, settings: Settings) -> str:
    """What to tell the user about a task outside the pool's trade: what the agents know, and the way out."""
    if not pool.trade:
        return ""
    starter = catalogue.pool(DEFAULT_POOL)
    cards = [catalogue.model(name) for name in starter.models]
    way = f"edge-sale pull {starter.name}"
    if not installed.missing(cards, settings.models_dir):
        way = f"edge-sale run --pool {MIXED_POOL}"
    return f"these agents know {pool.trade}, and nothing else; for anything else: {way}"
