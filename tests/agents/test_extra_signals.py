"""Extra signals of bids on real models: requested only if wanted, and within their ranges."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edge_sale import assemble
from edge_sale.agents.extra_signals import EXTRA_SIGNALS
from edge_sale.auction.hold import collect, hold
from edge_sale.auction.scheduler import Scheduler
from edge_sale.event_bus import EventBus
from edge_sale.events import Placed, Spent
from edge_sale.scoring.signals import SIGNALS
from edge_sale.scoring.weights import Weights
from edge_sale.settings import load
from edge_sale.types import Task
from tests.scripted import Heard, Scripted, plan

TASK = Task("c1", "Write a Python function that returns the larger of two numbers.", "python")


@pytest.mark.models
def test_a_bid_has_the_extra_signals_that_are_wanted_and_no_others(tmp_path):
    """With all of them wanted, all are there and within their ranges. By default there is none."""
    settings = replace(load(), pool="starter", remember=False, seed=1, plan_tokens=24, threads=1)
    carried = {name for name, signal in SIGNALS.items() if signal.carried}
    for wanted in ((), tuple(EXTRA_SIGNALS)):
        market = assemble.market(assemble.plan(replace(settings, extra_signals=wanted), ["quick"]))
        (bid,), _ = collect(TASK, market.agents, market.scheduler)
        found = carried & set(bid.strategy.signals)
        assert found == (carried if wanted else set())
        for name in found:
            low, high = SIGNALS[name].span(bid.price)
            x = SIGNALS[name].of(bid)
            assert x is not None and math.isfinite(x) and low <= x <= high


@pytest.mark.models
def test_bids_have_the_extra_signals_that_the_weights_use():
    """Nobody has to switch on signals that fitted weights need."""
    settings = replace(load(), pool="starter", remember=False, seed=1, plan_tokens=16, threads=1)
    parts = assemble.plan(settings, ["quick"])
    weights = replace(parts.weights, signals={**parts.weights.signals, "draft_entropy": -0.5})
    market = assemble.market(replace(parts, weights=weights))
    heard = Heard()
    with market.scheduler.events.heard_by(heard):
        (bid,), _ = collect(TASK, market.agents, market.scheduler)
    assert {"draft_entropy", "draft_logprob"} <= set(bid.strategy.signals)
    assert "familiarity" not in bid.strategy.signals
    drawn = [event.entry.tokens_out for event in heard.of(Spent)]
    assert len(drawn) == 2 and drawn[1] <= 16  # the plan and the draft, both in the ledger


def test_prior_signals_are_put_on_every_bid():
    """Opening and refined bids get the agent's experience; an agent without a past gets none."""
    verdicts = {"pa": 1.0, "pb": 1.0}
    agents = [Scripted("a", 0.1, [plan("pa")], [verdicts]), Scripted("b", 0.2, [plan("pb")], [verdicts])]
    heard = Heard()
    scheduler = Scheduler({}, events=EventBus(heard), agents={agent.name: agent for agent in agents})
    weights = Weights("w", 1, "", {"experience": 1.0}, juror=0.0)
    award = hold(
        TASK, agents, scheduler, weights, full=True, prior_signals=lambda task, names: {"b": {"experience": 0.9}}
    )
    assert award.winner.bid.agent == "b"
    carried = {event.bid.agent: dict(event.bid.strategy.signals) for event in heard.of(Placed)}
    assert carried == {"a": {}, "b": {"experience": 0.9}}
