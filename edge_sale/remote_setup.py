"""Remotes as a run may use them: who bids, who stands by, and the one door that all of them go through."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from edge_sale.agents.remote import RemoteAgent
from edge_sale.agents.workspace import Workspace
from edge_sale.auction.fallback import Fallback
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EdgeSaleError
from edge_sale.events import Asked, Noted
from edge_sale.remote.config import Remote, fallback, key_of, remotes
from edge_sale.remote.egress import Budget, EgressGate, OutboundRequest
from edge_sale.scoring.weights import Weights
from edge_sale.settings import Settings, forced_offline, own_secrets
from edge_sale.types import Engine, Past, Task

Consent = Callable[[OutboundRequest], str]  # why a request may not leave, or nothing


@dataclass(frozen=True, slots=True)
class Allowed:
    """The remotes as settings let a run use them."""

    names: tuple[str, ...]
    bidders: tuple[Remote, ...] = ()
    fallback: Remote | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteSetup:
    """What a market has abroad: `errand(task id, reason)` says what the next request is for."""

    fallback: Fallback | None = None
    errand: Callable[[str, str], None] = lambda task, reason: None


def allowed(settings: Settings, wanted: Sequence[str]) -> Allowed:
    """Which remotes bid and which stands by; of those that bid only `wanted` ones, where any agent is named."""
    known = remotes(settings)
    bidders = [r for name, r in known.items() if r.auctioned and (not wanted or name in wanted)]
    standby = fallback(settings)
    if settings.closed:
        notes = [f"remote {r.name!r} does not bid: {settings.closed}" for r in bidders]
        return Allowed(tuple(known), notes=tuple(notes))
    if settings.policy == "never":
        notes = [f"remote {r.name!r} does not bid: policy is never" for r in bidders if r.location == "remote"]
        return Allowed(tuple(known), tuple(r for r in bidders if r.location == "lan"), None, tuple(notes))
    return Allowed(tuple(known), tuple(bidders), standby)


def no_terminal(outbound: OutboundRequest) -> str:
    """Consent where there is no one to give it: policy `ask` then means no."""
    return "policy is ask, and there is no terminal to ask on (--escalate auto sends without asking)"


def egress_gate(
    settings: Settings, ask: Consent = no_terminal, asked: Callable[[Asked], None] = lambda event: None
) -> EgressGate:
    """The way out for remotes, under the user's settings."""
    known = remotes(settings)

    def agree(outbound: OutboundRequest) -> str:
        if known[outbound.remote].location == "lan" or settings.policy == "auto":
            return ""
        if settings.policy == "never":
            return "policy is never ([escalate] in config.toml, or escalate in .edge-sale.toml)"
        asked(Asked(outbound.remote, outbound.host, outbound.size, outbound.expected))
        return ask(outbound)

    budget = Budget(settings.per_task, settings.per_day, settings.per_month)
    return EgressGate(settings.egress_log, lambda: settings.closed or _forced(), agree, budget, settings.keep_payload)


def _forced() -> str:
    return "EDGE_SALE_OFFLINE is set" if forced_offline() else ""


def stand_by(
    bidders: Sequence[Remote],
    standby: Remote | None,
    scheduler: Scheduler,
    weights: Weights,
    settings: Settings,
    past: Callable[[Task, str], Sequence[Past]] | None,
    ask: Consent,
    workspace: Workspace | None,
) -> RemoteSetup:
    """Adds the remotes' engines to the scheduler; `standby` becomes the fallback, judged by its past on like tasks."""
    wanted = {remote.name: remote for remote in (*bidders, *([standby] if standby else []))}
    if not wanted:
        return RemoteSetup()
    out = egress_gate(settings, ask, lambda event: scheduler.emit(event))
    engines = remote_engines(list(wanted.values()), out, lambda line: scheduler.emit(Noted(line)))
    scheduler.engines = ChainMap(engines, cast("dict[str, Engine]", scheduler.engines))  # local ones stay unloaded

    def errand(task: str, reason: str) -> None:
        out.task, out.reason = task, reason

    if standby is None:
        return RemoteSetup(None, errand)
    bidder = scheduler.agents.get(standby.name) or agent(standby, settings, workspace)
    scheduler.agents = {**scheduler.agents, standby.name: bidder}

    def former(task: Task) -> Sequence[Past]:
        return past(task, standby.name) if past else ()

    live, seconds = standby.auctioned, standby.seconds
    return RemoteSetup(Fallback(bidder, scheduler, weights, settings.thrift, live, former, errand, seconds), errand)


def remote_engines(wanted: Sequence[Remote], out: EgressGate, tell: Callable[[str], None]) -> dict[str, Engine]:
    """An engine for each remote. Keys are looked up when something is about to leave, and no earlier."""
    from edge_sale.remote.client import RemoteEngine, redactor

    def key(remote: Remote) -> Callable[[], str]:
        return cache(lambda: key_of(remote))

    def own() -> list[str]:
        return [*own_secrets(), *(found for remote in wanted if (found := quietly(keys[remote.name])))]

    keys = {remote.name: key(remote) for remote in wanted}
    hide = redactor(own)
    return {remote.name: RemoteEngine(remote, keys[remote.name], out, hide, tell) for remote in wanted}


def quietly(key: Callable[[], str]) -> str:
    """A key, or nothing where it is not there: who needs it will say so."""
    try:
        return key()
    except EdgeSaleError:
        return ""


def agent(remote: Remote, settings: Settings, workspace: Workspace | None) -> RemoteAgent:
    """The agent behind a remote."""
    return RemoteAgent(
        remote.name,
        remote.price,
        remote.location == "lan",
        settings.plan_tokens,
        remote.max_tokens,
        remote.prompts,
        workspace,
    )
