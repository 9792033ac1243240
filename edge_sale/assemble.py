"""From settings and cards to a market: the only place where parts are chosen."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_sale import __version__
from edge_sale.agents.answers import code_in, domain_of
from edge_sale.agents.local import LocalAgent
from edge_sale.catalog import fit, gguf, probe, store
from edge_sale.catalog.cards import AgentCard, ModelCard, PoolCard, load, shipped_dir
from edge_sale.catalog.free import free
from edge_sale.catalog.pools import pool_agents
from edge_sale.catalog.residents import Resident, Residents
from edge_sale.engines import tune
from edge_sale.engines.desk import Desk
from edge_sale.engines.machine import Tuning, cores
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
    """A market ready for tasks: files checked, fitted to the memory there is, memory open.

    Models are loaded when the first ask comes for them. Raises ModelMissing, BadModelFile or
    DoesNotFit before llama.cpp sees any file in this process.
    """
    settings = parts.settings
    if parts.missing:
        raise ModelMissing(parts.missing, f"edge-sale pull {parts.pool.name}")
    files = {card.name: checked(card, settings) for card in parts.chat}
    encoder = checked(parts.embedder, settings) if parts.embedder else None
    seed = secrets.randbits(31) if settings.seed is None else settings.seed
    tunings = {card.name: tuning(card, settings) for card in parts.chat}
    passes = checker(settings.sandbox)

    engines, contexts = _engines(parts.chat, files, settings, tunings)
    agents = [_agent(card, settings, seed, passes) for card in parts.pool.agents]
    desk = Desk(engines, seconds=settings.bid_seconds, agents={agent.name: agent for agent in agents})
    memory = _memory(parts.embedder, encoder, settings, desk) if parts.embedder and encoder else None
    return Market(
        agents=agents,
        desk=desk,
        weights=parts.weights,
        memory=memory,
        lessons=settings.lessons if settings.refine else 0,
        full=settings.full_auction,
        passes=passes,
        work_seconds=settings.work_seconds,
        run={
            "pool": parts.pool.name,
            "seed": seed,
            "prompts": fingerprint(),
            "weights": f"{parts.weights.name} v{parts.weights.version}",
            "models": {card.name: identity(card, settings) for card in parts.chat},
            "contexts": contexts,
            "threads": max(tuned.threads for tuned in tunings.values()),
            "edge_sale": __version__,
            "llama_cpp": version("llama-cpp-python"),
        },
    )


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
    """The model's file, still the one that was pulled, and tried in a child process once."""
    file = store.ready(card, settings.models_dir)
    command = f"edge-sale pull {card.name} --force"
    probe.loadable(file, identity(card, settings), settings.models_dir, command)
    return file


def _engines(
    cards: Sequence[ModelCard], files: Mapping[str, Path], settings: Settings, tunings: Mapping[str, Tuning]
) -> tuple[Residents[Engine], dict[str, int]]:
    """Engines that are loaded when they are asked for, and the context that each model is given."""
    room = free()
    budget = int(min(fit.SHARE * room.ram, settings.memory_gb * 1e9 or room.ram))
    room = replace(room, ram=int(budget / fit.SHARE))
    models: dict[str, Resident[Engine]] = {}
    contexts: dict[str, int] = {}
    for card in cards:
        info = gguf.inspect(files[card.name])
        fitted = fit.choose(info, room, context=card.context, name=card.name, gpu_layers=settings.gpu_layers)
        contexts[card.name] = fitted.context
        layers = fitted.gpu_layers if room.gpus else settings.gpu_layers
        tuned = replace(tunings[card.name], gpu_layers=layers, mapped=not fit.repacks(info))
        held = fit.choose(info, room, context=min(fitted.context, PLANNED), name=card.name, gpu_layers=layers).ram
        load = _loader(card, files[card.name], fitted.context, tuned, settings)
        models[card.name] = Resident(files[card.name], held, load)
    return Residents(models, budget), contexts


def _loader(
    card: ModelCard, file: Path, context: int, tuned: Tuning, settings: Settings
) -> Callable[[], Engine]:
    def load() -> Engine:
        from edge_sale.engines.llama import LlamaEngine  # llama.cpp: a quarter of a second to import

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


def _memory(card: ModelCard, file: Path, settings: Settings, desk: Desk) -> Memory:
    from edge_sale.engines.embedder import LlamaEmbedder
    from edge_sale.memory.store import AuctionMemory

    def spent(tokens: int, seconds: float) -> None:
        desk.emit(Spent(Entry(card.name, "embed", tokens, 0, seconds, card.price)))

    threads = settings.threads or cores()
    embedder: Embedder = LlamaEmbedder(card.name, file, identity(card, settings), threads=threads, spent=spent)
    return AuctionMemory.open(settings.memory_file, embedder, durable=settings.durable)


def identity(card: ModelCard, settings: Settings) -> str:
    """The sha256 of the model's file as it stood when it was made."""
    manifest = store.read_manifest(card, settings.models_dir)
    return manifest.sha256 if manifest else ""
