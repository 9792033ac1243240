"""From settings and cards to a market: the only place where parts are chosen."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from edge_sale import __version__
from edge_sale.agents.answers import code_in, domain_of
from edge_sale.agents.local import LocalAgent
from edge_sale.catalog import store
from edge_sale.catalog.cards import AgentCard, ModelCard, PoolCard, load, shipped_dir
from edge_sale.catalog.pools import pool_agents
from edge_sale.engines.desk import Desk
from edge_sale.engines.machine import cores
from edge_sale.errors import ModelMissing, TaskError, UnknownName
from edge_sale.events import Spent
from edge_sale.market import Market
from edge_sale.prompts import fingerprint
from edge_sale.scoring.weights import Weights, read
from edge_sale.settings import Settings
from edge_sale.types import Embedder, Engine, Entry, Memory, Task


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will use, resolved and checked by name, before anything heavy is loaded."""

    settings: Settings
    pool: PoolCard
    chat: tuple[ModelCard, ...]
    embedder: ModelCard | None  # None: this run neither recalls nor records
    weights: Weights

    @property
    def missing(self) -> list[str]:
        """Names of models that are not pulled yet."""
        cards = [*self.chat, *([self.embedder] if self.embedder else [])]
        return store.missing(cards, self.settings.models_dir)


def new_task(text: str, *, domain: str = "", check: str | None = None, files: Sequence[str] = ()) -> Task:
    """A task under a new id; its domain is told from its words unless given. Raises TaskError."""
    if not text.strip():
        raise TaskError("the task is empty; say what you want done, as in: edge-sale run 'Write a haiku.'")
    if "\0" in text:
        raise TaskError("the task holds a NUL byte; it should be text")
    return Task(secrets.token_hex(4), text.strip(), domain or domain_of(text), tuple(files), check)


def plan(settings: Settings, agents: Sequence[str] = ()) -> Plan:
    """The parts of a run; with `agents`, only those of the pool may bid. Raises UnknownName, ConfigError."""
    catalogue = load(settings.cards_dir)
    pool = pool_agents(catalogue, settings)
    known = {agent.name: agent for agent in pool.agents}
    if unknown := [name for name in agents if name not in known]:
        raise UnknownName("agent", unknown[0], known, see="edge-sale pools")
    if agents:
        pool = replace(pool, agents=tuple(known[name] for name in dict.fromkeys(agents)))
    models = dict.fromkeys(agent.model for agent in pool.agents)
    return Plan(
        settings=settings,
        pool=pool,
        chat=tuple(catalogue.model(name) for name in models),
        embedder=catalogue.model(pool.embedder) if settings.remember else None,
        weights=weights_named(pool.weights, settings),
    )


def weights_named(name: str, settings: Settings) -> Weights:
    """The weights file of that name, the user's own before the shipped."""
    folders = [settings.cards_dir / "weights", shipped_dir() / "weights"]
    known = {file.stem: file for folder in reversed(folders) for file in sorted(folder.glob("*.toml"))}
    if name not in known:
        raise UnknownName("weights", name, known)
    return read(known[name])


def market(parts: Plan) -> Market:
    """A market ready for tasks: files checked, weights loaded, memory open.

    Raises ModelMissing or BadModelFile before llama.cpp sees any file.
    """
    settings = parts.settings
    if parts.missing:
        raise ModelMissing(parts.missing, f"edge-sale pull {parts.pool.name}")
    files = {card.name: store.ready(card, settings.models_dir) for card in parts.chat}
    encoder = store.ready(parts.embedder, settings.models_dir) if parts.embedder else None
    seed = secrets.randbits(31) if settings.seed is None else settings.seed
    threads = settings.threads or cores()
    passes = checker(settings.sandbox)

    engines = {card.name: _engine(card, files[card.name], settings, threads) for card in parts.chat}
    agents = [_agent(card, settings, seed, passes) for card in parts.pool.agents]
    desk = Desk(engines, seconds=settings.bid_seconds, agents={agent.name: agent for agent in agents})
    memory = _memory(parts.embedder, encoder, settings, threads, desk) if parts.embedder and encoder else None
    return Market(
        agents=agents,
        desk=desk,
        weights=parts.weights,
        memory=memory,
        lessons=settings.lessons if settings.refine else 0,
        passes=passes,
        work_seconds=settings.work_seconds,
        run={
            "pool": parts.pool.name,
            "seed": seed,
            "prompts": fingerprint(),
            "weights": f"{parts.weights.name} v{parts.weights.version}",
            "models": {card.name: _identity(card, settings) for card in parts.chat},
            "threads": threads,
            "edge_sale": __version__,
            "llama_cpp": version("llama-cpp-python"),
        },
    )


def checker(sandbox: str) -> Callable[[Task, str], bool | None]:
    """Whether an answer passes its task's check, run after the answer's code in the sandbox."""

    def passes(task: Task, answer: str) -> bool | None:
        if task.check is None:
            return None
        from edge_sale.sandbox.python import run_python

        return run_python(f"{code_in(answer)}\n\n{task.check}\n", mode=sandbox).exit_code == 0

    return passes


def _agent(
    card: AgentCard, settings: Settings, seed: int, passes: Callable[[Task, str], bool | None]
) -> LocalAgent:
    return LocalAgent(
        name=card.name,
        model=card.model,
        price=card.price,
        work=card.work,
        jury=card.jury,
        samples=card.samples,
        temperature=card.temperature,
        plan_tokens=settings.plan_tokens,
        max_tokens=card.max_tokens or settings.max_tokens,
        seed=seed,
        passes=passes,
    )


def _memory(card: ModelCard, file: Path, settings: Settings, threads: int, desk: Desk) -> Memory:
    from edge_sale.memory.store import AuctionMemory

    def spent(tokens: int, seconds: float) -> None:
        desk.emit(Spent(Entry(card.name, "embed", tokens, 0, seconds, card.price)))

    encoder = _embedder(card, file, settings, threads, spent)
    return AuctionMemory.open(settings.memory_file, encoder, durable=settings.durable)


def engine(card: ModelCard, settings: Settings) -> Engine:
    """One model alone, loaded. Raises ModelMissing or BadModelFile."""
    return _engine(card, _file(card, settings), settings, settings.threads or cores())


def embedder(card: ModelCard, settings: Settings) -> Embedder:
    """One embedder alone, loaded. Raises ModelMissing or BadModelFile."""
    return _embedder(card, _file(card, settings), settings, settings.threads or cores(), None)


def identity(card: ModelCard, settings: Settings) -> str:
    """The sha256 of the model's file, without loading it. Raises ModelMissing or BadModelFile."""
    _file(card, settings)
    return _identity(card, settings)


def _file(card: ModelCard, settings: Settings) -> Path:
    if store.missing([card], settings.models_dir):
        raise ModelMissing([card.name], f"edge-sale pull {card.name}")
    return store.ready(card, settings.models_dir)


def _engine(card: ModelCard, file: Path, settings: Settings, threads: int) -> Engine:
    from edge_sale.engines.llama import LlamaEngine  # llama.cpp: a quarter of a second to import

    return LlamaEngine(card.name, file, context=card.context, threads=threads, gpu_layers=settings.gpu_layers)


def _embedder(
    card: ModelCard, file: Path, settings: Settings, threads: int, spent: Callable[[int, float], None] | None
) -> Embedder:
    from edge_sale.engines.embedder import LlamaEmbedder

    return LlamaEmbedder(card.name, file, _identity(card, settings), threads=threads, spent=spent)


def _identity(card: ModelCard, settings: Settings) -> str:
    """The sha256 of the model's file as it stood when it was made."""
    manifest = store.read_manifest(card, settings.models_dir)
    return manifest.sha256 if manifest else ""
