"""A remote model as a fallback: when it is consulted, and what it does then.

The fallback is consulted in two cases only: the best local bid is worse than the fallback's by more than the margin
(see `auction.escalation`), or the local work failed its check. Whether a request may leave the machine at all is
decided by the egress gate (`remote.egress.EgressGate`), request by request. Where the fallback gives no answer the
best local bid stands, and the user is told why. The next task begins locally again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_sale.auction.escalation import Weighing, firmest, leaders, margin, scale, weigh
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import EdgeSaleError
from edge_sale.events import Began, Noted, Weighed, Wrote
from edge_sale.protocols import Agent
from edge_sale.scoring.weights import Weights
from edge_sale.types import Award, Job, Outcome, Past, RequestContext, Scored, Task


@dataclass(frozen=True, slots=True)
class Fallback:
    """A remote agent that stands by. With `live` it bids for the task itself, so nothing is estimated."""

    agent: Agent
    scheduler: Scheduler
    weights: Weights
    thrift: float
    context: RequestContext
    live: bool = False
    past: Callable[[Task], Sequence[Past]] = lambda task: ()
    seconds: float | None = None  # for each batch of its work; None: as long as a bid may take

    def outcomes(
        self, award: Award, run_locally: Callable[[Scored], Outcome], verified: Callable[[Outcome], Outcome]
    ) -> list[Outcome]:
        """What was done, in order; the last outcome stands.

        `run_locally` has a local bidder do its work, verified; `verified` adds what the check says of the
        fallback's.
        """
        won = award.winner.bid.agent == self.agent.name  # possible where it bids itself
        lost = won or self.lost(award)
        done: list[Outcome] = []
        if lost and (outcome := self.work(award, "it won the auction" if won else "the local bids lost")):
            done.append(verified(outcome))
            if done[-1].status != "failed":
                return done
            self._note(f"the work of {self.agent.name} failed{_check_of(done[-1])}; the best local bid is tried")
        best = next((s for s in (award.winner, *award.ranked) if s.bid.agent != self.agent.name), None)
        if best is None:
            return done or [Outcome(self.agent.name, "failed", "", notes=("no local agent made a bid",))]
        done.append(run_locally(best))
        if done[-1].status == "failed" and not lost:
            self._note(f"the work of {best.bid.agent} failed{_check_of(done[-1])}; {self.agent.name} is consulted")
            if outcome := self.work(award, "the local work failed"):
                done.append(verified(outcome))
        return done

    def lost(self, award: Award) -> bool:
        """Whether the local bids lose against the fallback. Listeners are told the numbers in both cases."""
        weighing = self._weigh(award)
        if weighing is None:
            return False
        self.scheduler.emit(
            Weighed(
                remote=self.agent.name,
                local=weighing.local.asking,
                fallback=weighing.fallback.asking,
                margin=weighing.margin,
                thrift=self.thrift,
                seen=weighing.seen,
                lost=weighing.lost,
                reason=weighing.reason,
            )
        )
        return weighing.lost

    def work(self, award: Award, why: str) -> Outcome | None:
        """The remote's work, along its own plan where it bid; None, with a note, where there is no answer."""
        name = self.agent.name
        # the plan of a bid that lost would not help it, and would be one more text that leaves
        plan = next((s.bid.strategy.text for s in award.ranked if s.bid.agent == name), "")
        self.context.set(award.task.id, f"escalate: {why}")
        emit = self.scheduler.emit
        emit(Began("escalate", (name,)))
        job: Job[Outcome] = self.agent.execute(award.task, plan, lambda text: emit(Wrote(name, text)))
        outcome = self.scheduler.drive({name: job}, "escalate", self.seconds)[name]
        if isinstance(outcome, EdgeSaleError):
            self._note(f"{outcome}; the best local bid stands")
            return None
        if not outcome.answer.strip():
            self._note(f"remote {name!r} gave an empty answer; the best local bid stands")
            return None
        return outcome

    def _note(self, text: str) -> None:
        self.scheduler.emit(Noted(text))

    def _weigh(self, award: Award) -> Weighing | None:
        local = [scored for scored in award.ranked if scored.bid.agent != self.agent.name]
        own = [scored for scored in award.ranked if scored.bid.agent == self.agent.name]
        if not local:
            return None
        if not own:  # it does not bid, or its bid was not asked for or did not come
            past = self.past(award.task)
            return weigh(local, self.agent.name, self.agent.price, past, self.weights, self.thrift)
        top = scale(own[0].bid.scores, self.weights)
        return firmest(
            Weighing(mine, own[0], margin(mine.cost, own[0].cost, self.thrift, top), self.thrift, 0, live=True)
            for mine in leaders(local)
        )


def _check_of(outcome: Outcome) -> str:
    return " its check" if outcome.verified is False else ""
