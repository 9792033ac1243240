"""Set up the remotes of a run: which bid, which stands by as the fallback, and the egress gate they all share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from edge_sale.agents.remote import RemoteAgent
from edge_sale.agents.workspace import Workspace
from edge_sale.environment import forced_offline, own_secrets
from edge_sale.errors import EdgeSaleError
from edge_sale.event_bus import EventBus
from edge_sale.events import Asked, Noted
from edge_sale.protocols import Engine
from edge_sale.remote.budget import Budget
from edge_sale.remote.config import Remote, fallback, key_of, remotes
from edge_sale.remote.egress import EgressGate, OutboundRequest
from edge_sale.settings import Settings
from edge_sale.types import RequestContext

Consent = Callable[[OutboundRequest], str]
"""Gives the reason why a request may not leave, or an empty text where it may."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The remotes that the settings let a run use. `names` are those of all remotes that are configured."""

    names: tuple[str, ...]
    bidders: tuple[Remote, ...] = ()
    fallback: Remote | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteSetup:
    """The remotes of one market: an engine and an agent for each, by name.

    `context` says for which task, and why, the next request is sent.
    """

    engines: Mapping[str, Engine] = field(default_factory=dict)
    agents: Mapping[str, RemoteAgent] = field(default_factory=dict)
    context: RequestContext = field(default_factory=RequestContext)


def allowed(settings: Settings, wanted: Sequence[str]) -> Allowed:
    """Which remotes bid and which stands by. Where agents are named (`wanted`), only those of them bid."""
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
    """Consent where there is no one to ask: policy `ask` then means no."""
    return "policy is ask, and there is no terminal to ask on (--escalate auto sends without asking)"


def set_up(
    wanted: Sequence[Remote], settings: Settings, consent: Consent, workspace: Workspace | None, events: EventBus
) -> RemoteSetup:
    """Engines and agents for the `wanted` remotes, behind one egress gate. Nothing is sent."""
    if not wanted:
        return RemoteSetup()
    gate = egress_gate(settings, consent, events)
    engines = remote_engines(wanted, gate, lambda line: events(Noted(line)))
    return RemoteSetup(engines, {r.name: agent(r, settings, workspace) for r in wanted}, gate.context)


def egress_gate(
    settings: Settings, consent: Consent = no_terminal, asked: Callable[[Asked], None] = lambda event: None
) -> EgressGate:
    """The way out for remotes, under the user's settings. `asked` hears that the user is about to be asked."""
    known = remotes(settings)

    def agree(outbound: OutboundRequest) -> str:
        if known[outbound.remote].location == "lan" or settings.policy == "auto":
            return ""
        if settings.policy == "never":
            return "policy is never ([escalate] in config.toml, or escalate in .edge-sale.toml)"
        asked(Asked(outbound.remote, outbound.host, outbound.size, outbound.expected))
        return consent(outbound)

    budget = Budget(settings.per_task, settings.per_day, settings.per_month)
    return EgressGate(settings.egress_log, lambda: settings.closed or _forced(), agree, budget, settings.keep_payload)


def _forced() -> str:
    return "EDGE_SALE_OFFLINE is set" if forced_offline() else ""


def remote_engines(wanted: Sequence[Remote], gate: EgressGate, tell: Callable[[str], None]) -> dict[str, Engine]:
    """An engine for each remote. Its key is looked up when a request is about to leave, not earlier."""
    from edge_sale.remote.engine import RemoteEngine
    from edge_sale.remote.redaction import Redactor

    def key(remote: Remote) -> Callable[[], str]:
        return cache(lambda: key_of(remote))

    def own() -> list[str]:
        return [*own_secrets(), *(found for remote in wanted if (found := _found(keys[remote.name])))]

    keys = {remote.name: key(remote) for remote in wanted}
    redactor = cache(lambda: Redactor(own()))  # one for all remotes of the run
    return {remote.name: RemoteEngine(remote, keys[remote.name], gate, redactor, tell) for remote in wanted}


def _found(key: Callable[[], str]) -> str:
    """A key, or an empty text where there is none: the request that needs it will say so."""
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
