"""A market whose local agents follow a script and whose fallback is a real client of a real endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge_sale.agents.checks import verifier
from edge_sale.agents.remote import RemoteAgent
from edge_sale.auction.fallback import Fallback
from edge_sale.auction.market import Market
from edge_sale.auction.scheduler import Scheduler
from edge_sale.remote.budget import Budget
from edge_sale.remote.config import Remote
from edge_sale.remote.egress import EgressGate, OutboundRequest
from edge_sale.remote.engine import RemoteEngine
from edge_sale.remote.redaction import Redactor
from edge_sale.scoring.weights import Weights
from edge_sale.types import Outcome, Past, Task
from tests.scripted import Scripted, ScriptedMemory, plan

KEY = "sk-test-0123456789abcdefghij"
WEIGHTS = Weights("test", 1, "made up", {"price_length": 0.1}, juror=0.2)


def remote(url: str, **changes: object) -> Remote:
    """A remote with a short time limit."""
    values: dict[str, object] = {"price_in": 3.0, "price_out": 9.0, "seconds": 0.5, "max_tokens": 40, **changes}
    return Remote("far", url, "some-model", "env:FAR_KEY", **values)  # type: ignore[arg-type]


def engine(
    this: Remote,
    log: Path,
    *,
    closed: str = "",
    agree: Callable[[OutboundRequest], str] = lambda outbound: "",
    budget: Budget | None = None,
    keep: bool = False,
    own: Sequence[str] = (KEY,),
    key: str = KEY,
    told: list[str] | None = None,
) -> RemoteEngine:
    egress_gate = EgressGate(log, lambda: closed, agree, budget or Budget(), keep)
    return RemoteEngine(
        this, lambda: key, egress_gate, lambda: Redactor(own), (told if told is not None else []).append
    )


def market(
    far: RemoteEngine,
    *,
    score: float = 1.0,
    thrift: float = 0.2,
    work: str = "local",
    memory: ScriptedMemory | None = None,
    passes: Callable[[Task, str], bool | None] = lambda task, answer: None,
    past: Sequence[Past] = (),
    rounds: int = 1,
    bid_seconds: float | None = None,
) -> tuple[Market, Scripted]:
    """A market for `rounds` tasks. The one local agent gives its own plan `score` of 5."""
    home = Scripted(
        "home",
        0.05,
        [plan("1. Do it.") for _ in range(rounds)],
        [{"1. Do it.": score} for _ in range(rounds)],
        Outcome("home", "done", work),
    )
    agent = RemoteAgent("far", far.remote.price, mine=False, max_tokens=far.remote.max_tokens)
    scheduler = Scheduler({"far": far}, seconds=bid_seconds, agents={"home": home, "far": agent})
    context = far.egress_gate.context
    fallback = Fallback(agent, scheduler, WEIGHTS, thrift, context, past=lambda task: past, seconds=far.remote.seconds)
    sold = Market([home], scheduler, WEIGHTS, memory, verify=verifier(passes), fallback=fallback, context=context)
    return sold, home
