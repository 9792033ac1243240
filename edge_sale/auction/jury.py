"""The jury: every agent scores every plan, its own included, as long as a score can change the winner.

*Lazy clearing.* A score lies between 0 and 5, and every signal has bounds. So the asking price of a bid (C - V) has
bounds too while jurors are still to be asked: they could all speak for it, or all against it (5 and 0, or the other
way round where fitted weights count a juror negative). A bid whose lower bound is above the upper bound of another
has lost: no further juror reads it. An agent whose best possible bid has lost is not asked for a bid. The winner and
its C - V are those of the full auction, provided that a juror answers, or fails, for all plans alike. Refined bids
are always asked for: their agents are cheaper than the leader, so they may ask less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from edge_sale.auction.scheduler import Scheduler
from edge_sale.events import Began, SatOut, Skipped
from edge_sale.protocols import Agent
from edge_sale.scoring.scorer import appraise, best_case, by_asking
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Scored, Task

SLACK = 1e-9  # sums of floats in another order differ by less; bids that are closer are judged to the end

Key = tuple[str, str]  # agent and phase of a bid


@dataclass(slots=True)
class Jury:
    """All agents as jurors of one task. `full` asks every juror for every plan."""

    task: Task
    jurors: Sequence[Agent]
    scheduler: Scheduler
    weights: Weights
    full: bool = False
    _scores: dict[Key, dict[str, float]] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)
    low: list[Bid] = field(default_factory=list)  # opening bids that do not reach the reserve price

    def below(self, bid: Bid) -> str:
        """The reason why a bid does not reach the reserve price; empty where it does."""
        reserve_price = self.weights.reserve_price
        if why := reserve_price.refuses(bid) if reserve_price else "":
            self.low += [bid] if bid.phase == "opening" else []
        return why

    def clear(self, bids: Sequence[Bid]) -> list[Scored]:
        """The bids by rising asking price. The first has won, and every juror has judged it.

        A juror that fails counts for no bid from then on, and an event says why.
        """
        while todo := self._next(bids):
            self._ask(*todo)
        return self.ranked(bids)

    def ranked(self, bids: Sequence[Bid]) -> list[Scored]:
        """The bids by rising asking price with the scores they have; no juror is asked."""
        return by_asking(map(self._appraise, bids))

    def hopeless(self, agent: Agent, rivals: Sequence[Bid]) -> str:
        """The reason why no bid of this agent can win against the rivals; empty where one might.

        Where the rivals' bounds do not tell, the rivals are judged.
        """
        if self.full or not rivals:
            return ""
        best = best_case(agent.name, agent.price, self._active, self.weights)
        standing = list(map(self._appraise, rivals))
        if min(one.most for one in standing) + SLACK >= best > min(one.least for one in standing) + SLACK:
            standing = self.clear(rivals)
        leader = min(standing, key=lambda one: one.most)
        if leader.most + SLACK >= best:
            return ""
        return f"even its best bid would ask {best:.3f}, {leader.bid.agent} asks {leader.most:.3f}"

    def tell_skipped(self, ranked: Sequence[Scored]) -> None:
        """Tells listeners which jurors were not asked about which plan, and why."""
        for scored in ranked:
            unheard = tuple(sorted(self._active - set(scored.bid.scores)))
            if unheard:
                why = f"even if all spoke for it, it would ask {scored.least:.3f}, {ranked[0].bid.agent} asks "
                self.scheduler.emit(Skipped("judge", unheard, scored.bid.agent, f"{why}{ranked[0].asking:.3f}"))

    @property
    def _active(self) -> set[str]:
        return {juror.name for juror in self.jurors} - self._failed

    def _appraise(self, bid: Bid) -> Scored:
        scores = self._scores.get((bid.agent, bid.phase), {})
        heard = {name: score for name, score in scores.items() if name not in self._failed}
        return appraise(replace(bid, scores=heard), self._active, self.weights)

    def _next(self, bids: Sequence[Bid]) -> tuple[list[Agent], list[Bid]] | None:
        """The jurors to ask next, and about which bids; None where the winner is known."""
        standing = [self._appraise(bid) for bid in bids]
        most = min((one.most for one in standing), default=0.0)
        open_ = [one.bid for one in standing if self.full or one.least <= most + SLACK]
        active = [juror for juror in self.jurors if juror.name not in self._failed]
        for group in [active] if self.full else batches(active):
            names = {juror.name for juror in group}
            if lacking := [bid for bid in open_ if names - set(bid.scores)]:
                return group, lacking
        return None

    def _ask(self, jurors: Sequence[Agent], bids: Sequence[Bid]) -> None:
        self.scheduler.emit(Began("judge", tuple(juror.name for juror in jurors)))
        plans = [bid.strategy.text for bid in bids]
        replies = self.scheduler.drive({juror.name: juror.judge(self.task, plans) for juror in jurors}, "judge")
        for name, reply in replies.items():
            if isinstance(reply, Exception):
                self._failed.add(name)
                self.scheduler.emit(SatOut(name, str(reply), "judge"))
                continue
            for bid, score in zip(bids, reply, strict=True):
                self._scores.setdefault((bid.agent, bid.phase), {})[name] = score


def batches(agents: Sequence[Agent]) -> Iterator[list[Agent]]:
    """Agents grouped by model, so that one batch serves a group; the group with the cheapest agent comes first."""
    for model in dict.fromkeys(agent.model for agent in sorted(agents, key=lambda agent: agent.price)):
        yield [agent for agent in agents if agent.model == model]
