"""The remote as a fallback: when the local bids lose against it, and what happens then.

It is consulted in two cases only: the best local bid is worse than the fallback by more than the margin
(`auction.escalation`), or the local work failed its check. Whether anything may leave at all is for the
door (`remote.egress.EgressGate`) to say, request by request. Where nothing comes back, the task stays at home and the
user is told why; each task begins at home again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_sale.auction.escalation import Weighing, firmest, leaders, margin, scale, weigh
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EdgeSaleError
from edge_sale.events import Began, Listener, Noted, Weighed, Wrote
from edge_sale.scoring.weights import Weights
from edge_sale.types import Agent, Award, Job, Outcome, Past, Scored, Task

Errand = Callable[[str, str], None]
"""Hears for which task, and why, whatever leaves from now on does so: it stands in the egress log."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """A remote agent that stands by. `live`: it bid for the task itself, so that nothing is estimated."""

    agent: Agent
    scheduler: Scheduler
    weights: Weights
    thrift: float
    live: bool = False
    past: Callable[[Task], Sequence[Past]] = lambda task: ()
    errand: Errand = lambda task, reason: None
    seconds: float | None = None  # for its work, a batch; None: as long as a bid may take

    def outcomes(
        self, award: Award, home: Callable[[Scored], Outcome], verify: Callable[[Outcome], Outcome], tell: Listener
    ) -> list[Outcome]:
        """What was done, in order; the last one stands. `home` carries a local bid out, verified."""
        won = award.winner.bid.agent == self.agent.name  # a live bid may win outright
        lost = won or self.lost(award, tell)
        done: list[Outcome] = []
        if lost and (outcome := self.work(award, "it won the auction" if won else "the local bids lost", tell)):
            done.append(verify(outcome))
            if done[-1].status != "failed":
                return done
            tell(Noted(f"the work of {self.agent.name} failed{_how(done[-1])}; the best local bid is tried"))
        best = next((s for s in (award.winner, *award.ranked) if s.bid.agent != self.agent.name), None)
        if best is None:
            return done or [Outcome(self.agent.name, "failed", "", notes=("nobody at home made a bid",))]
        done.append(home(best))
        if done[-1].status == "failed" and not lost:
            tell(Noted(f"the work of {best.bid.agent} failed{_how(done[-1])}; {self.agent.name} is consulted"))
            if outcome := self.work(award, "the local work failed", tell):
                done.append(verify(outcome))
        return done

    def lost(self, award: Award, tell: Listener) -> bool:
        """Whether the local bids lose against the fallback. The numbers are told either way."""
        weighing = self._weigh(award)
        if weighing is None:
            return False
        local, fallback = weighing.local.asking, weighing.fallback.asking
        tell(
            Weighed(
                self.agent.name,
                local,
                fallback,
                weighing.margin,
                self.thrift,
                weighing.seen,
                weighing.lost,
                weighing.reason,
            )
        )
        return weighing.lost

    def work(self, award: Award, why: str, tell: Listener) -> Outcome | None:
        """The remote's work, along its own plan where it bid; None, and a note, where nothing came of it."""
        name = self.agent.name
        # a plan that lost is no help to it, and would be one more thing that leaves
        plan = next((s.bid.strategy.text for s in award.ranked if s.bid.agent == name), "")
        self.errand(award.task.id, f"escalate: {why}")
        tell(Began("escalate", (name,)))
        job: Job[Outcome] = self.agent.execute(award.task, plan, lambda text: tell(Wrote(name, text)))
        outcome = self.scheduler.drive({name: job}, "escalate", self.seconds)[name]
        if isinstance(outcome, EdgeSaleError):
            tell(Noted(f"{outcome}; the best local bid stands"))
            return None
        if not outcome.answer.strip():
            tell(Noted(f"remote {name!r} gave an empty answer; the best local bid stands"))
            return None
        return outcome

    def _weigh(self, award: Award) -> Weighing | None:
        home = [scored for scored in award.ranked if scored.bid.agent != self.agent.name]
        own = [scored for scored in award.ranked if scored.bid.agent == self.agent.name]
        if not home:
            return None
        if not own:  # it stands by, or its live bid was not asked for or did not come
            past = self.past(award.task)
            return weigh(home, self.agent.name, self.agent.price, past, self.weights, self.thrift)
        top = scale(own[0].bid.scores, self.weights)
        return firmest(
            Weighing(mine, own[0], margin(mine.cost, own[0].cost, self.thrift, top), self.thrift, 0, live=True)
            for mine in leaders(home)
        )


def _how(outcome: Outcome) -> str:
    return " its check" if outcome.verified is False else ""
