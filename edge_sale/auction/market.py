"""One task from auction to memory: sold, done, verified, escalated where home lost, recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edge_sale.agents.answers import syntax_fault
from edge_sale.auction.fallback import Errand, Fallback
from edge_sale.auction.hold import PriorSignals, hold, no_bids, no_prior_signals
from edge_sale.auction.ledger import Ledger
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import BelowReservePrice, EdgeSaleError, MemoryFault, NoBids
from edge_sale.events import Began, Finished, Listener, Noted, Opened, Recorded, Refused, Weighed, Wrote, to_json
from edge_sale.scoring.weights import Weights
from edge_sale.types import Agent, Award, Job, Memory, Outcome, Scored, Task


@dataclass(frozen=True, slots=True)
class Sale:
    """What came of a task: the award, the outcome where it was executed, and what all of it cost."""

    award: Award
    outcome: Outcome | None
    ledger: Ledger
    run: Mapping[str, Any]
    recorded: bool


@dataclass(slots=True)
class Market:
    """Agents, scorer and memory, ready for tasks. `run` says how the market was set up."""

    agents: Sequence[Agent]
    scheduler: Scheduler
    weights: Weights
    memory: Memory | None = None
    record: bool = True  # False: recalled from and not added to
    lessons: int = 8
    full: bool = False  # ask for every bid and judgement, also those that can change nothing
    passes: Callable[[Task, str], bool | None] = lambda task, answer: None
    work_seconds: float | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    fallback: Fallback | None = None  # None: nothing is ever escalated
    errand: Errand = lambda task, reason: None
    prior_signals: PriorSignals = no_prior_signals  # what memory says of the agents before they bid
    beyond: str = ""  # what to say of a task below the reserve price: the pool's trade, and the way out of it

    def solve(self, task: Task, emit: Listener, *, execute: bool = True) -> Sale:
        """Auctions `task` and, with `execute`, has the winner do it. Recorded whole, at the end, or not at all.

        Raises NoBids, and BelowReservePrice for a task that is not of the pool's trade. What goes wrong in the
        work is the outcome's, not an exception.
        """
        ledger = Ledger()
        weighed: list[Weighed] = []

        def tell(event: Any) -> None:
            ledger(event)
            if isinstance(event, Weighed):
                weighed.append(event)
            emit(event)

        self.scheduler.emit = tell
        self.errand(task.id, "auction")
        tell(Opened(task, {agent.name: agent.price for agent in self.agents}, self.run))
        try:
            award = hold(
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
            raise self.refused(BelowReservePrice(low.reasons, low.reached, low.least, self.beyond), tell) from None
        except NoBids as none:  # a task too long for the trade is outside it as well
            raise NoBids(none.reasons, self.beyond) from None
        earlier: Sequence[Outcome] = ()
        outcome = None
        if execute:
            *earlier, outcome = self.outcomes(award, tell)
            for note in outcome.notes:
                tell(Noted(note))
            tell(Finished(outcome))
        elif self.fallback:
            self.fallback.lost(award, tell)  # says what would come of it; nothing leaves for that
        run = {**self.run, **({"fallback": to_json(weighed[-1])} if weighed else {})}
        kept = {**run, "entries": ledger.entries, "earlier": earlier}
        recorded = self.memory is not None and self.record and self.remember(self.memory, award, outcome, kept, tell)
        return Sale(award, outcome, ledger, run, recorded)

    def outcomes(self, award: Award, tell: Listener) -> list[Outcome]:
        """What was done, in order, verified; the last one stands."""

        def run_locally(scored: Scored) -> Outcome:
            return self.verify(award.task, self.work(award, scored, tell))

        if self.fallback is None:
            return [run_locally(award.winner)]
        reserve_price = self.weights.reserve_price
        if reserve_price and reserve_price.refuses(award.winner.bid):  # the fallback's own trade, or nobody's
            outcome = self.fallback.work(award, "no local bid reaches the reserve price", tell)
            if outcome is None:
                low = [scored.bid for scored in award.ranked]
                raise self.refused(no_bids(award.sat_out, low, self.weights, self.beyond), tell)
            return [self.verify(award.task, outcome)]
        return self.fallback.outcomes(award, run_locally, lambda outcome: self.verify(award.task, outcome), tell)

    def refused(self, why: NoBids, tell: Listener) -> NoBids:
        """Tells that nobody does the task, and gives the error to raise."""
        if isinstance(why, BelowReservePrice):
            tell(Refused(why.reached, why.least, str(why)))
        return why

    def remember(
        self, memory: Memory, award: Award, outcome: Outcome | None, kept: Mapping[str, Any], tell: Listener
    ) -> bool:
        """Records the auction. Where that fails the user is told, and still has the answer."""
        try:
            memory.record(award, outcome, kept)
        except MemoryFault as fault:
            tell(Noted(f"this auction was not recorded: {fault}"))
            return False
        tell(Recorded(award.task.id))
        return True

    def work(self, award: Award, scored: Scored, tell: Listener) -> Outcome:
        """The bidder's work along its plan."""
        bid = scored.bid
        self.errand(award.task.id, "work")
        agent = next(agent for agent in self.agents if agent.name == bid.agent)
        tell(Began("work", (agent.name,)))
        job: Job[Outcome] = agent.execute(award.task, bid.strategy.text, lambda text: tell(Wrote(agent.name, text)))
        outcome = self.scheduler.drive({agent.name: job}, "work", self.work_seconds)[agent.name]
        if isinstance(outcome, EdgeSaleError):
            return Outcome(agent.name, "failed", "", notes=(f"{agent.name} could not finish: {outcome}",))
        return outcome

    def verify(self, task: Task, outcome: Outcome) -> Outcome:
        """The outcome with what can be told of its answer: the check's verdict, or that it does not parse."""
        if outcome.verified is not None or outcome.status != "done":
            return outcome
        if task.domain == "python" and (fault := syntax_fault(outcome.answer)):
            note = f"the Python in this answer does not parse ({fault})"
            return replace(outcome, status="failed", verified=False, notes=(*outcome.notes, note))
        passed = self.passes(task, outcome.answer)
        if passed is None:
            return outcome
        note = "the answer passes the check" if passed else "the answer fails the check"
        return replace(
            outcome,
            status="passed" if passed else "failed",
            verified=passed,
            notes=(*outcome.notes, note),
        )
