"""Run one task: auction, execute, verify, escalate, record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_sale.auction.fallback import Fallback
from edge_sale.auction.hold import PriorSignals, hold, no_bids, no_prior_signals
from edge_sale.auction.ledger import Ledger
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import BelowReservePrice, EdgeSaleError, MemoryFault, NoBids
from edge_sale.events import (
    Began,
    Event,
    Finished,
    Listener,
    Noted,
    Opened,
    Recorded,
    Refused,
    Weighed,
    Wrote,
    to_json,
)
from edge_sale.protocols import Agent, Memory
from edge_sale.scoring.weights import Weights
from edge_sale.types import Award, Job, Outcome, RequestContext, Scored, Task


@dataclass(frozen=True, slots=True)
class Sale:
    """What came of a task: the award, the outcome where it was executed, and what all of it cost."""

    award: Award
    outcome: Outcome | None
    ledger: Ledger
    run: Mapping[str, Any]
    recorded: bool


def unverified(task: Task, outcome: Outcome) -> Outcome:
    """Verifies nothing: the outcome as it is."""
    return outcome


@dataclass(frozen=True, slots=True)
class Market:
    """Agents, weights and memory, ready for tasks. `run` says how the market was set up."""

    agents: Sequence[Agent]
    scheduler: Scheduler
    weights: Weights
    memory: Memory | None = None
    record: bool = True  # False: lessons are recalled, nothing is recorded
    lessons: int = 8
    full: bool = False  # ask for every bid and every judgement, also those that cannot change the winner
    verify: Callable[[Task, Outcome], Outcome] = unverified  # see agents.checks
    work_seconds: float | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    fallback: Fallback | None = None  # None: no task is ever escalated
    context: RequestContext = field(default_factory=RequestContext)
    prior_signals: PriorSignals = no_prior_signals
    beyond: str = ""  # what to tell the user about a task outside the pool's trade

    def solve(self, task: Task, listener: Listener, *, execute: bool = True) -> Sale:
        """Hold the auction for `task`; with `execute` the winner then does the task.

        The auction is recorded at the end, whole or not at all. Raises NoBids, and BelowReservePrice for a task
        outside the pool's trade. Work that fails is an outcome, not an exception.
        """
        ledger, weighed = Ledger(), Latest(Weighed)
        events = self.scheduler.events
        with events.heard_by(ledger), events.heard_by(weighed), events.heard_by(listener):
            award = self.auction(task, execute)
            outcome: Outcome | None = None
            earlier: Sequence[Outcome] = ()
            if execute:
                *earlier, outcome = self.execute(award)
                for note in outcome.notes:
                    events(Noted(note))
                events(Finished(outcome))
            elif self.fallback:
                self.fallback.lost(award)  # tells the numbers; nothing is sent for that
            run = {**self.run, **({"fallback": to_json(weighed.event)} if weighed.event else {})}
            kept = {**run, "entries": ledger.entries, "earlier": earlier}
            recorded = self.memory is not None and self.record and self.remember(self.memory, award, outcome, kept)
        return Sale(award, outcome, ledger, run, recorded)

    def auction(self, task: Task, execute: bool) -> Award:
        """Who wins the task. Raises NoBids, BelowReservePrice."""
        self.context.set(task.id, "auction")
        self.scheduler.emit(Opened(task, {agent.name: agent.price for agent in self.agents}, self.run))
        try:
            return hold(
                task,
                self.agents,
                self.scheduler,
                self.weights,
                self.memory,
                k=self.lessons,
                full=self.full,
                prior_signals=self.prior_signals,
                allow_below_reserve=execute and self.fallback is not None,
            )
        except BelowReservePrice as low:
            raise self.refused(BelowReservePrice(low.reasons, low.reached, low.least, self.beyond)) from None
        except NoBids as none:  # a task that is too long for the agents is outside their trade as well
            raise NoBids(none.reasons, self.beyond) from None

    def execute(self, award: Award) -> list[Outcome]:
        """What was done, in order, each verified; the last outcome stands."""

        def run_locally(scored: Scored) -> Outcome:
            return verified(self.work(award, scored))

        def verified(outcome: Outcome) -> Outcome:
            return self.verify(award.task, outcome)

        if self.fallback is None:
            return [run_locally(award.winner)]
        reserve_price = self.weights.reserve_price
        if reserve_price and reserve_price.refuses(award.winner.bid):  # no local agent's trade: perhaps the fallback's
            outcome = self.fallback.work(award, "no local bid reaches the reserve price")
            if outcome is None:
                low = [scored.bid for scored in award.ranked]
                raise self.refused(no_bids(award.sat_out, low, self.weights, self.beyond))
            return [verified(outcome)]
        return self.fallback.outcomes(award, run_locally, verified)

    def work(self, award: Award, scored: Scored) -> Outcome:
        """The bidder's work along its plan."""
        bid = scored.bid
        self.context.set(award.task.id, "work")
        agent = next(agent for agent in self.agents if agent.name == bid.agent)
        emit = self.scheduler.emit
        emit(Began("work", (agent.name,)))
        job: Job[Outcome] = agent.execute(award.task, bid.strategy.text, lambda text: emit(Wrote(agent.name, text)))
        outcome = self.scheduler.drive({agent.name: job}, "work", self.work_seconds)[agent.name]
        if isinstance(outcome, EdgeSaleError):
            return Outcome(agent.name, "failed", "", notes=(f"{agent.name} could not finish: {outcome}",))
        return outcome

    def refused(self, why: NoBids) -> NoBids:
        """Tells listeners that no agent does the task; gives the error to raise."""
        if isinstance(why, BelowReservePrice):
            self.scheduler.emit(Refused(why.reached, why.least, str(why)))
        return why

    def remember(self, memory: Memory, award: Award, outcome: Outcome | None, kept: Mapping[str, Any]) -> bool:
        """Records the auction. Where that fails the user is told, and still gets the answer."""
        try:
            memory.record(award, outcome, kept)
        except MemoryFault as fault:
            self.scheduler.emit(Noted(f"this auction was not recorded: {fault}"))
            return False
        self.scheduler.emit(Recorded(award.task.id))
        return True


class Latest:
    """A listener that keeps the latest event of one kind."""

    def __init__(self, kind: type[Event]) -> None:
        self.kind = kind
        self.event: Event | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, self.kind):
            self.event = event
