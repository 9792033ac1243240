"""The jury: every agent scores every plan, its own included, as long as that can change who wins.

*Lazy clearing.* A score is from 0 to 5 and a signal has its span, so a bid asks no less than if all jurors
still to be heard spoke for it, and no more than if they spoke against it (gave it 5 and 0, or the other way
round where fitted weights count a juror negative). A bid whose least is above another's most has lost: no
further juror reads it, and an agent whose best bid would have lost is not asked for one. The winner and its
C - V are those of the full auction, for jurors that answer or fail alike for every plan. (A refined bid is
always asked for: its agent is cheaper than the leader, so it might ask less.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from edge_sale.auction.scheduler import Scheduler
from edge_sale.events import Began, SatOut, Skipped
from edge_sale.scoring.scorer import appraise, best_case, by_asking
from edge_sale.scoring.weights import Weights
from edge_sale.types import Agent, Bid, Scored, Task

SLACK = 1e-9  # sums of floats in another order differ by less; whoever is closer is heard to the end

Key = tuple[str, str]  # agent and phase: whose bid


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
        """Why a bid does not reach the reserve price, whatever jurors would say; empty where it does."""
        reserve_price = self.weights.reserve_price
        if why := reserve_price.refuses(bid) if reserve_price else "":
            self.low += [bid] if bid.phase == "opening" else []
        return why

    def clear(self, bids: Sequence[Bid]) -> list[Scored]:
        """The bids by rising asking; the first has won, and everyone who may still judge has judged it.

        A juror that fails counts for nobody from then on, and the trace says why.
        """
        while todo := self._next(bids):
            self._ask(*todo)
        return self.ranked(bids)

    def ranked(self, bids: Sequence[Bid]) -> list[Scored]:
        """The bids by rising asking with the scores they have; nobody is asked."""
        return by_asking(map(self._appraise, bids))

    def hopeless(self, agent: Agent, rivals: Sequence[Bid]) -> str:
        """Why no bid of this agent can win against the rivals; empty where one might.

        Has the rivals judged where that alone can tell.
        """
        if self.full or not rivals:
            return ""
        best = best_case(agent.name, agent.price, self._living, self.weights)
        standing = list(map(self._appraise, rivals))
        if min(one.most for one in standing) + SLACK >= best > min(one.least for one in standing) + SLACK:
            standing = self.clear(rivals)
        leader = min(standing, key=lambda one: one.most)
        if leader.most + SLACK >= best:
            return ""
        return f"even its best bid would ask {best:.3f}, {leader.bid.agent} asks {leader.most:.3f}"

    def tell_skipped(self, ranked: Sequence[Scored]) -> None:
        """Says which jurors were not asked about which plan, and why."""
        for scored in ranked:
            unheard = tuple(sorted(self._living - set(scored.bid.scores)))
            if unheard:
                why = f"even if all spoke for it, it would ask {scored.least:.3f}, {ranked[0].bid.agent} asks "
                self.scheduler.emit(Skipped("judge", unheard, scored.bid.agent, f"{why}{ranked[0].asking:.3f}"))

    @property
    def _living(self) -> set[str]:
        return {juror.name for juror in self.jurors} - self._failed

    def _appraise(self, bid: Bid) -> Scored:
        scores = self._scores.get((bid.agent, bid.phase), {})
        heard = {name: score for name, score in scores.items() if name not in self._failed}
        return appraise(replace(bid, scores=heard), self._living, self.weights)

    def _next(self, bids: Sequence[Bid]) -> tuple[list[Agent], list[Bid]] | None:
        """The next jurors to hear, and on which bids; None where the winner is known."""
        standing = [self._appraise(bid) for bid in bids]
        most = min((one.most for one in standing), default=0.0)
        open_ = [one.bid for one in standing if self.full or one.least <= most + SLACK]
        living = [juror for juror in self.jurors if juror.name not in self._failed]
        for group in [living] if self.full else batches(living):
            names = {juror.name for juror in group}
            if lacking := [bid for bid in open_ if names - set(bid.scores)]:
                return group, lacking
        return None

    def _ask(self, jurors: Sequence[Agent], bids: Sequence[Bid]) -> None:
        self.scheduler.emit(Began("judge", tuple(juror.name for juror in jurors)))
        plans = [bid.strategy.text for bid in bids]
        verdicts = self.scheduler.drive({juror.name: juror.judge(self.task, plans) for juror in jurors}, "judge")
        for name, verdict in verdicts.items():
            if isinstance(verdict, Exception):
                self._failed.add(name)
                self.scheduler.emit(SatOut(name, str(verdict), "judge"))
                continue
            for bid, score in zip(bids, verdict, strict=True):
                self._scores.setdefault((bid.agent, bid.phase), {})[name] = score


def batches(agents: Sequence[Agent]) -> Iterator[list[Agent]]:
    """Agents on the same weights, whom one batch serves; those with the cheapest agent first."""
    for model in dict.fromkeys(agent.model for agent in sorted(agents, key=lambda agent: agent.price)):
        yield [agent for agent in agents if agent.model == model]
