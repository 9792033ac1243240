"""Build a market from the parts that `planning` chose."""

from __future__ import annotations

import secrets
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edge_sale import __version__, remote_setup
from edge_sale.agents.answers import domain_of
from edge_sale.agents.checks import Checks, verifier
from edge_sale.agents.document_reader import Reader
from edge_sale.agents.extra_signals import EXTRA_SIGNALS
from edge_sale.agents.local import LocalAgent
from edge_sale.agents.workspace import Workspace
from edge_sale.assemble import models
from edge_sale.assemble.planning import MarketPlan
from edge_sale.auction.fallback import Fallback
from edge_sale.auction.hold import PriorSignals, Signals, no_prior_signals
from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.catalog.cards import AgentCard, ModelCard
from edge_sale.errors import ModelMissing, TaskError
from edge_sale.event_bus import EventBus
from edge_sale.events import Searched, Spent
from edge_sale.prompts import fingerprint
from edge_sale.protocols import Agent, Engine
from edge_sale.remote.config import Remote
from edge_sale.remote_setup import Consent, RemoteSetup
from edge_sale.scoring.experience import settled
from edge_sale.scoring.weights import Weights
from edge_sale.settings import Settings
from edge_sale.types import Entry, Past, Task

if TYPE_CHECKING:
    from edge_sale.documents.passages import Passage
    from edge_sale.documents.store import Library
    from edge_sale.memory.store import AuctionMemory

Engines = Mapping[str, Engine]


def new_task(text: str, *, domain: str = "", check: str | None = None, files: Sequence[str] = ()) -> Task:
    """A task under a new id. Its domain follows from its words unless it is given. Raises TaskError."""
    if not text.strip():
        raise TaskError("the task is empty; say what you want done, as in: edge-sale run 'Sort a list in Python.'")
    if "\0" in text:
        raise TaskError("the task holds a NUL byte; it should be text")
    return Task(secrets.token_hex(4), text.strip(), domain or domain_of(text), tuple(files), check)


def market(
    plan: MarketPlan,
    consent: Consent = remote_setup.no_terminal,
    workspace: Workspace | None = None,
    *,
    events: EventBus | None = None,
    around: Callable[[Engines], Engines] = lambda engines: engines,
) -> Market:
    """A market that is ready for tasks: files checked, models fitted to the memory there is, auction memory open.

    `consent` decides on each request that would leave. `workspace` is the folder that tasks with `repo` are about;
    it reports to the same `events`. `around` may put engines of its own in front of the local ones.
    Models are loaded when the first request needs them.
    Raises ModelMissing, BadModelFile or DoesNotFit before llama.cpp reads any file in this process.
    """
    settings, events = plan.settings, events or EventBus()
    if plan.missing:
        raise ModelMissing(plan.missing, f"edge-sale pull {plan.pool.name}")
    files = {card.name: models.checked(card, settings) for card in plan.chat}
    encoder = models.checked(plan.embedder, settings) if plan.embedder else None
    tunings = {card.name: models.tuning(card, settings) for card in plan.chat}
    local, contexts = models.engines(plan.chat, files, settings, tunings)

    seed = secrets.randbits(31) if settings.seed is None else settings.seed
    checks = Checks(settings.sandbox)
    remotes = remote_setup.set_up(_remotes_of(plan), settings, consent, workspace, events)
    agents: list[Agent] = [_agent(card, settings, seed, checks, workspace, plan.weights) for card in plan.pool.agents]
    agents += [remotes.agents[remote.name] for remote in plan.bidders]
    scheduler = Scheduler(
        _together(remotes.engines, around(local)),
        events,
        settings.bid_seconds,
        {**{agent.name: agent for agent in agents}, **remotes.agents},
    )
    memory = _memory(plan.embedder, encoder, settings, events) if plan.embedder and encoder else None
    return Market(
        agents=agents,
        scheduler=scheduler,
        weights=plan.weights,
        memory=memory,
        record=settings.record,
        lessons=settings.lessons if settings.refine else 0,
        # a fallback that bids itself is compared with the others in any case, so its bid is not left out
        full=settings.full_auction or (plan.fallback is not None and plan.fallback.auctioned),
        verify=verifier(checks.passes),
        work_seconds=settings.work_seconds,
        run={
            "pool": plan.pool.name,
            "seed": seed,
            "prompts": fingerprint(),
            "weights": f"{plan.weights.name} v{plan.weights.version}",
            "models": {card.name: models.identity(card, settings) for card in plan.chat},
            "contexts": contexts,
            "threads": max((tuned.threads for tuned in tunings.values()), default=0),
            "edge_sale": __version__,
            "llama_cpp": version("llama-cpp-python"),
            **({"fallback_of": plan.fallback.name, "thrift": settings.thrift} if plan.fallback else {}),
        },
        fallback=_fallback(plan, scheduler, remotes, memory),
        context=remotes.context,
        prior_signals=_prior_signals(memory) if memory else no_prior_signals,
        beyond=plan.beyond,
    )


def over_documents(market: Market, library: Library) -> Market:
    """The same market, whose winner answers from a library's passages. Bids and jurors do not see them."""

    def find(question: str, k: int) -> list[Passage]:
        found = library.search(question, k)
        market.scheduler.emit(Searched(question, tuple(passage.place for passage in found)))
        return found

    def reader(agent: Agent) -> Reader:
        if isinstance(agent, LocalAgent):
            return Reader(agent, find, agent.samples, agent.temperature, agent.seed_for("work"))
        return Reader(agent, find, examples=False)

    readers = {name: reader(agent) for name, agent in market.scheduler.agents.items()}
    scheduler = replace(market.scheduler, agents=readers)
    fallback = market.fallback
    if fallback:
        fallback = replace(fallback, agent=readers[fallback.agent.name], scheduler=scheduler)
    agents = [readers[agent.name] for agent in market.agents]
    return replace(market, agents=agents, scheduler=scheduler, fallback=fallback)


def _remotes_of(plan: MarketPlan) -> list[Remote]:
    """The remotes that bid and the one that stands by, each once."""
    return list({r.name: r for r in (*plan.bidders, *([plan.fallback] if plan.fallback else []))}.values())


def _together(remote: Engines, local: Engines) -> Engines:
    """Remote and local engines as one mapping; local models stay unloaded until one is used."""
    return ChainMap(cast("dict[str, Engine]", remote), cast("dict[str, Engine]", local)) if remote else local


def _fallback(
    plan: MarketPlan, scheduler: Scheduler, remotes: RemoteSetup, memory: AuctionMemory | None
) -> Fallback | None:
    if plan.fallback is None:
        return None
    remote = plan.fallback

    def past(task: Task) -> Sequence[Past]:
        return memory.past(task, remote.name) if memory else ()

    return Fallback(
        agent=remotes.agents[remote.name],
        scheduler=scheduler,
        weights=plan.weights,
        thrift=plan.settings.thrift,
        context=remotes.context,
        live=remote.auctioned,
        past=past,
        seconds=remote.seconds,
    )


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


def _memory(card: ModelCard, file: Path, settings: Settings, events: EventBus) -> AuctionMemory:
    from edge_sale.memory.retention import Bounds
    from edge_sale.memory.store import AuctionMemory

    def spent(tokens: int, seconds: float) -> None:
        events(Spent(Entry(card.name, "embed", tokens, 0, seconds, card.price)))

    encoder = models.load_embedder(card, file, settings, spent)
    bounds = Bounds(settings.memory_mb, settings.memory_days)
    return AuctionMemory.open(settings.memory_file, encoder, durable=settings.durable, bounds=bounds)


def _prior_signals(memory: AuctionMemory) -> PriorSignals:
    """What memory says of the agents before they bid: their experience, which every bid then carries."""

    def prior_signals(task: Task, agents: Sequence[str]) -> Signals:
        records = memory.records(task, agents)
        return {agent: {"experience": settled(r.near, r.right, r.tried)} for agent, r in records.items()}

    return prior_signals
