"""From settings and cards to a market: the only place where parts are chosen."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_sale import __version__, remote_setup
from edge_sale.agents.answers import domain_of
from edge_sale.agents.checks import Checks
from edge_sale.agents.document_reader import Reader
from edge_sale.agents.extra_signals import EXTRA_SIGNALS
from edge_sale.agents.local import LocalAgent
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.hold import PriorSignals, Signals, no_prior_signals
from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.catalog import gguf_header, installed, memory_fit, trial_load
from edge_sale.catalog.cards import (
    BUNDLED_POOL,
    DEFAULT_POOL,
    MIXED_POOL,
    AgentCard,
    Catalogue,
    ModelCard,
    PoolCard,
    load,
    shipped_dir,
)
from edge_sale.catalog.loaded_models import Loadable, LoadedModels
from edge_sale.catalog.pools import pool_agents
from edge_sale.errors import ConfigError, ModelMissing, TaskError, UnknownName
from edge_sale.events import Searched, Spent
from edge_sale.hardware.memory import free
from edge_sale.hardware.processors import Tuning, cores
from edge_sale.learning import versions
from edge_sale.learning.recalibrate import followed
from edge_sale.llama import tune
from edge_sale.prompts import fingerprint
from edge_sale.remote.config import Remote
from edge_sale.remote_setup import Consent
from edge_sale.scoring.experience import settled
from edge_sale.scoring.weights import Weights, read
from edge_sale.settings import Settings
from edge_sale.types import Agent, Embedder, Engine, Entry, Task

if TYPE_CHECKING:
    from edge_sale.documents.passages import Passage
    from edge_sale.documents.store import Library
    from edge_sale.memory.store import AuctionMemory


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """What a run will use, resolved and checked by name, before anything heavy is loaded."""

    settings: Settings
    pool: PoolCard
    chat: tuple[ModelCard, ...]
    embedder: ModelCard | None  # None: this run neither recalls nor records
    weights: Weights
    bidders: tuple[Remote, ...] = ()  # remotes that are asked to bid
    fallback: Remote | None = None  # the remote that stands by
    notes: tuple[str, ...] = ()  # what was left out, and why
    beyond: str = ""  # what to say of a task outside the pool's trade

    @property
    def missing(self) -> list[str]:
        """Names of models that are not pulled yet."""
        cards = [*self.chat, *([self.embedder] if self.embedder else [])]
        return installed.missing(cards, self.settings.models_dir)


def new_task(text: str, *, domain: str = "", check: str | None = None, files: Sequence[str] = ()) -> Task:
    """A task under a new id; its domain is told from its words unless given. Raises TaskError."""
    if not text.strip():
        raise TaskError("the task is empty; say what you want done, as in: edge-sale run 'Sort a list in Python.'")
    if "\0" in text:
        raise TaskError("the task holds a NUL byte; it should be text")
    return Task(secrets.token_hex(4), text.strip(), domain or domain_of(text), tuple(files), check)


def plan(settings: Settings, agents: Sequence[str] = ()) -> MarketPlan:
    """The parts of a run; with `agents`, only those of the pool may bid. Raises UnknownName, ConfigError."""
    catalogue = load(settings.cards_dir)
    pool = pool_agents(catalogue, settings)
    known = {agent.name: agent for agent in pool.agents}
    far = remote_setup.allowed(settings, agents)
    if unknown := [name for name in agents if name not in known and name not in far.names]:
        raise UnknownName("agent", unknown[0], [*known, *far.names], see="edge-sale pools")
    if taken := sorted(set(known) & set(far.names)):
        raise ConfigError(f"{settings.config_file}: {taken[0]!r} is an agent's name and a remote's; rename the remote")
    if agents:
        pool = replace(pool, agents=tuple(known[name] for name in dict.fromkeys(agents) if name in known))
        if not (pool.agents or far.bidders):
            raise ConfigError(f"{', '.join(agents)} stands by as a fallback and makes no bids: name an agent too")
    if unknown := sorted(set(settings.extra_signals) - set(EXTRA_SIGNALS)):
        where, there = f"{settings.config_file}: [auction] carry", ", ".join(EXTRA_SIGNALS)
        raise ConfigError(f"{where}: nothing is called {unknown[0]!r}; there are: {there}")
    models = dict.fromkeys(agent.model for agent in pool.agents)
    weights, moved = followed(weights_in_force(pool, settings), settings, pool.name)
    return MarketPlan(
        settings=settings,
        pool=pool,
        chat=tuple(catalogue.model(name) for name in models),
        embedder=_encoder(pool, catalogue, settings) if settings.remember else None,
        weights=weights,
        bidders=far.bidders,
        fallback=far.fallback,
        notes=(*far.notes, *moved),
        beyond=_beyond(pool, catalogue, settings),
    )


def weights_in_force(pool: PoolCard, settings: Settings) -> Weights:
    """The user's word in config.toml, else what `edge-sale fit --apply` put in force for this pool, else its own."""
    own = weights_named(pool.weights, settings)
    named = settings.weights or settings.pools.get(pool.name, {}).get("weights")
    fitted = None if named else versions.in_force(settings.weights_dir, pool.name)
    return replace(fitted.weights, reserve_price=own.reserve_price) if fitted else own


def pools_embedder(settings: Settings) -> ModelCard:
    """The embedder of the pool in use: of documents, and of vectors that are made anew."""
    catalogue = load(settings.cards_dir)
    return catalogue.model(pool_agents(catalogue, settings).embedder)


def memorys_embedder(settings: Settings) -> ModelCard:
    """The embedder that the auction memory goes on with."""
    catalogue = load(settings.cards_dir)
    return _encoder(pool_agents(catalogue, settings), catalogue, settings)


def _encoder(pool: PoolCard, catalogue: Catalogue, settings: Settings) -> ModelCard:
    """The pool's embedder; where nobody chose the pool, the one that made the memory's vectors goes on.

    So that pulling the starter, after which its agents bid too, does not leave the past behind.
    """
    wanted = catalogue.model(pool.embedder)
    former = catalogue.model(catalogue.pool(BUNDLED_POOL).embedder)
    if settings.pool or pool.name != MIXED_POOL:
        return wanted
    from edge_sale.memory import embedder_identity

    return former if embedder_identity.embedder(settings.memory_file) == identity(former, settings) else wanted


def weights_named(name: str, settings: Settings) -> Weights:
    """The weights file of that name, the user's own before the shipped."""
    folders = [settings.cards_dir / "weights", shipped_dir() / "weights"]
    known = {file.stem: file for folder in reversed(folders) for file in sorted(folder.glob("*.toml"))}
    if name in known:
        return read(known[name])
    fitted = {f"fit-{number}": number for number in versions.numbers(settings.weights_dir)}
    if name in fitted:
        return versions.get(settings.weights_dir, fitted[name]).weights
    raise UnknownName("weights", name, [*known, *fitted])


def market(parts: MarketPlan, ask: Consent = remote_setup.no_terminal, workspace: Workspace | None = None) -> Market:
    """A market ready for tasks: files checked, fitted to the memory there is, memory open.

    `ask` is the user's consent to what would leave. `site` is the folder that tasks with `repo` are about.
    Models are loaded when the first ask comes for them.
    Raises ModelMissing, BadModelFile or DoesNotFit before llama.cpp sees any file in this process.
    """
    settings = parts.settings
    if parts.missing:
        raise ModelMissing(parts.missing, f"edge-sale pull {parts.pool.name}")
    files = {card.name: checked(card, settings) for card in parts.chat}
    encoder = checked(parts.embedder, settings) if parts.embedder else None
    seed = secrets.randbits(31) if settings.seed is None else settings.seed
    tunings = {card.name: tuning(card, settings) for card in parts.chat}
    checks = Checks(settings.sandbox)

    engines, contexts = _engines(parts.chat, files, settings, tunings)
    agents: list[Agent] = [_agent(card, settings, seed, checks, workspace, parts.weights) for card in parts.pool.agents]
    agents += [remote_setup.agent(remote, settings, workspace) for remote in parts.bidders]
    scheduler = Scheduler(engines, seconds=settings.bid_seconds, agents={agent.name: agent for agent in agents})
    if workspace:
        workspace.tell = lambda event: scheduler.emit(event)
    memory = _memory(parts.embedder, encoder, settings, scheduler) if parts.embedder and encoder else None
    past = memory.past if memory else None
    remotes_ready = remote_setup.stand_by(
        parts.bidders, parts.fallback, scheduler, parts.weights, settings, past, ask, workspace
    )
    return Market(
        agents=agents,
        scheduler=scheduler,
        weights=parts.weights,
        memory=memory,
        record=settings.record,
        lessons=settings.lessons if settings.refine else 0,
        # what a live fallback bids is compared in any case, so it is not left out
        full=settings.full_auction or (parts.fallback is not None and parts.fallback.auctioned),
        passes=checks.passes,
        work_seconds=settings.work_seconds,
        run={
            "pool": parts.pool.name,
            "seed": seed,
            "prompts": fingerprint(),
            "weights": f"{parts.weights.name} v{parts.weights.version}",
            "models": {card.name: identity(card, settings) for card in parts.chat},
            "contexts": contexts,
            "threads": max((tuned.threads for tuned in tunings.values()), default=0),
            "edge_sale": __version__,
            "llama_cpp": version("llama-cpp-python"),
            **({"fallback_of": parts.fallback.name, "thrift": settings.thrift} if parts.fallback else {}),
        },
        fallback=remotes_ready.fallback,
        errand=remotes_ready.errand,
        prior_signals=_prior_signals(memory) if memory else no_prior_signals,
        beyond=parts.beyond,
    )


def over_documents(sold: Market, library: Library) -> Market:
    """The same market, whose agents answer from a library's passages. Bids and jurors do not see these."""

    def find(question: str, k: int) -> list[Passage]:
        found = library.search(question, k)
        sold.scheduler.emit(Searched(question, tuple(passage.place for passage in found)))
        return found

    def reader(agent: Agent) -> Reader:
        if isinstance(agent, LocalAgent):
            return Reader(agent, find, agent.samples, agent.temperature, agent.seed_for("work"))
        return Reader(agent, find, examples=False)

    readers = {name: reader(agent) for name, agent in sold.scheduler.agents.items()}
    sold.agents = [readers[agent.name] for agent in sold.agents]
    sold.scheduler.agents = readers
    if sold.fallback:
        sold.fallback = replace(sold.fallback, agent=readers[sold.fallback.agent.name])
    return sold


def _prior_signals(memory: AuctionMemory) -> PriorSignals:
    """What memory says of agents before they bid: experience, which every bid then carries."""

    def known(task: Task, agents: Sequence[str]) -> Signals:
        records = memory.records(task, agents)
        return {agent: {"experience": settled(r.near, r.right, r.tried)} for agent, r in records.items()}

    return known


def _beyond(pool: PoolCard, catalogue: Catalogue, settings: Settings) -> str:
    """What to say of a task outside the pool's trade."""
    if not pool.trade:
        return ""
    starter = catalogue.pool(DEFAULT_POOL)
    cards = [catalogue.model(name) for name in starter.models]
    way = f"edge-sale pull {starter.name}"
    if not installed.missing(cards, settings.models_dir):
        way = f"edge-sale run --pool {MIXED_POOL}"
    return f"these agents know {pool.trade}, and nothing else; for anything else: {way}"


def tuning(card: ModelCard, settings: Settings) -> Tuning:
    """How a model is run: the user's word, else what was measured here, else the machine's own cores."""
    of = identity(card, settings)
    measured = tune.stored(settings.tuned_file, of) if of else None
    wanted: dict[str, Any] = {
        "threads": settings.threads or None,
        "batch_threads": settings.batch_threads,
        "batch": settings.batch,
        "micro_batch": settings.micro_batch,
        "flash": settings.flash_attention,
        "lookup": settings.lookup,
        "gpu_layers": settings.gpu_layers,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return replace(measured or Tuning(threads=cores()), **given)


PLANNED = 8192  # tokens that an auction's sequences hold together, about: what a loaded model is counted with


def checked(card: ModelCard, settings: Settings) -> Path:
    """The model's file, still the one that was pulled, and tried in a child process once.

    What comes with edge-sale is trusted as its code is, once its sha256 is right.
    """
    file = installed.ready(card, settings.models_dir)
    if card.shipped:
        return file
    command = f"edge-sale pull {card.name} --force"
    trial_load.loadable(file, identity(card, settings), settings.models_dir, command)
    return file


def _engines(
    cards: Sequence[ModelCard], files: Mapping[str, Path], settings: Settings, tunings: Mapping[str, Tuning]
) -> tuple[LoadedModels[Engine], dict[str, int]]:
    """Engines that are loaded when they are asked for, and the context that each model is given."""
    room = free()
    budget = int(min(memory_fit.SHARE * room.ram, settings.memory_gb * 1e9 or room.ram))
    room = replace(room, ram=int(budget / memory_fit.SHARE))
    models: dict[str, Loadable[Engine]] = {}
    contexts: dict[str, int] = {}
    for card in cards:
        info = gguf_header.inspect(files[card.name])
        fitted = memory_fit.choose(info, room, context=card.context, name=card.name, gpu_layers=settings.gpu_layers)
        contexts[card.name] = fitted.context
        layers = fitted.gpu_layers if room.gpus else settings.gpu_layers
        tuned = replace(tunings[card.name], gpu_layers=layers, mapped=not memory_fit.repacks(info))
        held = memory_fit.choose(
            info, room, context=min(fitted.context, PLANNED), name=card.name, gpu_layers=layers
        ).ram
        load = _loader(card, files[card.name], fitted.context, tuned, settings)
        models[card.name] = Loadable(files[card.name], held, load)
    return LoadedModels(models, budget), contexts


def _loader(card: ModelCard, file: Path, context: int, tuned: Tuning, settings: Settings) -> Callable[[], Engine]:
    def load() -> Engine:
        from edge_sale.llama.engine import LlamaEngine  # llama.cpp: a quarter of a second to import

        return LlamaEngine(
            card.name,
            file,
            context=context,
            tuning=tuned,
            identity=identity(card, settings),
            prefixes=settings.prefix_dir,
            prefix_bytes=settings.prefix_cache_mb * 2**20,
        )

    return load


def _agent(
    card: AgentCard, settings: Settings, seed: int, checks: Checks, workspace: Workspace | None, weights: Weights
) -> LocalAgent:
    wanted = {*settings.extra_signals, *weights.carried}
    return LocalAgent(
        name=card.name,
        model=card.model,
        price=card.price,
        work=card.work,
        jury=card.jury,
        samples=card.samples,
        temperature=card.temperature,
        plan_tokens=card.plan_tokens or settings.plan_tokens,
        max_tokens=card.max_tokens or settings.max_tokens,
        seed=seed,
        plan_temperature=card.plan_temperature,
        prompts=card.prompts,
        extra_signals=tuple(name for name in EXTRA_SIGNALS if name in wanted),
        checks=checks,
        workspace=workspace,
    )


def _memory(card: ModelCard, file: Path, settings: Settings, scheduler: Scheduler) -> AuctionMemory:
    from edge_sale.memory.retention import Bounds
    from edge_sale.memory.store import AuctionMemory

    def spent(tokens: int, seconds: float) -> None:
        scheduler.emit(Spent(Entry(card.name, "embed", tokens, 0, seconds, card.price)))

    encoder = _embedder(card, file, settings, spent)
    bounds = Bounds(settings.memory_mb, settings.memory_days)
    return AuctionMemory.open(settings.memory_file, encoder, durable=settings.durable, bounds=bounds)


def engine(card: ModelCard, settings: Settings) -> Engine:
    """One model alone, loaded. Raises ModelMissing, BadModelFile."""
    file = _file(card, settings)
    tuned = replace(tuning(card, settings), mapped=not memory_fit.repacks(gguf_header.inspect(file)))
    return _loader(card, file, card.context, tuned, settings)()


def embedder(card: ModelCard, settings: Settings) -> Embedder:
    """One embedder alone, loaded. Raises ModelMissing, BadModelFile."""
    return _embedder(card, _file(card, settings), settings, None)


def _file(card: ModelCard, settings: Settings) -> Path:
    if installed.missing([card], settings.models_dir):
        raise ModelMissing([card.name], f"edge-sale pull {card.name}")
    return checked(card, settings)


def _embedder(card: ModelCard, file: Path, settings: Settings, spent: Callable[[int, float], None] | None) -> Embedder:
    from edge_sale.llama.embedder import LlamaEmbedder

    threads = settings.threads or cores()
    return LlamaEmbedder(
        card.name, file, identity(card, settings), threads=threads, gpu_layers=settings.gpu_layers, spent=spent
    )


def identity(card: ModelCard, settings: Settings) -> str:
    """The sha256 of the model's file as it stood when it was made."""
    manifest = installed.read_manifest(card, settings.models_dir)
    return manifest.sha256 if manifest else ""
