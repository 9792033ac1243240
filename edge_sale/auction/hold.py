"""Hold the auction of SALE (Alazraki et al., ICML 2026, arXiv 2602.02751) for one task.

Every agent bids a plan. Every agent judges every plan. The bid with the least C - V leads. Agents cheaper than the
leader refine their plans from the auction memory, and these are judged again. A bid or a score that can no longer
change the winner is not asked for (see `auction.jury`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from edge_sale.auction.jury import Jury, batches
from edge_sale.auction.scheduler import Scheduler
from edge_sale.errors import BelowReservePrice, NoBids
from edge_sale.events import Began, Judged, Led, Placed, Recalled, SatOut, Skipped, Won
from edge_sale.protocols import Agent, Memory
from edge_sale.scoring.weights import Weights
from edge_sale.types import Award, Bid, Lesson, Phase, Purpose, Scored, Task

Signals = Mapping[str, Mapping[str, float]]  # agent -> signal -> number
PriorSignals = Callable[[Task, Sequence[str]], Signals]
NOTHING: Signals = {}


def no_prior_signals(task: Task, agents: Sequence[str]) -> Signals:
    """The signals of the agents before they bid, where there is no memory: none."""
    return NOTHING


def hold(
    task: Task,
    agents: Sequence[Agent],
    scheduler: Scheduler,
    weights: Weights,
    memory: Memory | None = None,
    *,
    k: int = 8,
    full: bool = False,
    prior_signals: PriorSignals = no_prior_signals,
    allow_below_reserve: bool = False,
) -> Award:
    """Award `task` to the agent whose bid has the least C - V.

    Agents cheaper than the leader refine from at most `k` lessons each; without `memory`, or with k = 0, none does.
    With `full` every bid and every score is asked for; the winner and its C - V are the same.
    `prior_signals` gives signals of the agents that do not come from their plans, such as experience.
    Raises NoBids with each agent's reason where no agent made a bid, and BelowReservePrice where
    no bid reaches the reserve price; with `allow_below_reserve` such bids are then let stand.
    """
    jury = Jury(task, agents, scheduler, weights, full)
    signals = prior_signals(task, [agent.name for agent in agents])
    bids, sat_out = opening(task, agents, jury, scheduler, signals)
    if not bids and not (allow_below_reserve and jury.low):
        raise no_bids(sat_out, jury.low, weights)
    bids = bids or jury.low
    ranked = jury.clear(bids)
    tell(ranked, scheduler)
    provisional = ranked[0].bid
    scheduler.emit(Led(ranked[0]))

    past = recall(task, agents, memory, scheduler, k) if memory and k else {}
    refiners = [a for a in agents if a.price < provisional.price and past.get(a.name)]
    lessons = {agent.name: past[agent.name] for agent in refiners}
    refined, _ = collect(task, refiners, scheduler, lessons, signals)
    refined, _ = standing(refined, jury, scheduler, "refine")
    final = jury.clear([provisional, *refined])
    tell([scored for scored in final if scored.bid.phase == "refined"], scheduler)

    ranked = jury.ranked([*bids, *refined])  # again over all bids: a juror that failed meanwhile counts for none
    jury.tell_skipped(ranked)
    award = Award(
        task,
        winner=_same(final[0].bid, ranked),
        provisional=_same(provisional, ranked),
        ranked=tuple(ranked),
        sat_out=sat_out,
        lessons=lessons,
    )
    scheduler.emit(Won(award, reason(award)))
    return award


def opening(
    task: Task, agents: Sequence[Agent], jury: Jury, scheduler: Scheduler, prior_signals: Signals = NOTHING
) -> tuple[list[Bid], dict[str, str]]:
    """All opening bids in the order of the agents; and for each agent without a bid, the reason."""
    bids: dict[str, Bid] = {}
    sat_out: dict[str, str] = {}
    for batch in [agents] if jury.full else batches(agents):
        asked = []
        for agent in batch:
            if why := jury.hopeless(agent, list(bids.values())):
                sat_out[agent.name] = f"not asked: {why}"
                scheduler.emit(Skipped("bid", (agent.name,), agent.name, why))
            else:
                asked.append(agent)
        made, missing = collect(task, asked, scheduler, prior_signals=prior_signals)
        made, low = standing(made, jury, scheduler, "bid")
        missing |= low
        bids |= {bid.agent: bid for bid in made}
        sat_out |= missing
    return [bids[agent.name] for agent in agents if agent.name in bids], sat_out


def collect(
    task: Task,
    agents: Sequence[Agent],
    scheduler: Scheduler,
    lessons: Mapping[str, Sequence[Lesson]] | None = None,
    prior_signals: Signals = NOTHING,
) -> tuple[list[Bid], dict[str, str]]:
    """The agents' bids, refined where `lessons` are given; and for each agent without a bid, the reason."""
    if not agents:
        return [], {}
    phase: Phase = "opening" if lessons is None else "refined"
    purpose: Purpose = "bid" if lessons is None else "refine"
    scheduler.emit(Began(purpose, tuple(agent.name for agent in agents)))
    jobs = {agent.name: agent.bid(task, (lessons or {}).get(agent.name, ())) for agent in agents}
    plans = scheduler.drive(jobs, purpose)
    bids, sat_out = [], {}
    for agent in agents:
        plan = plans[agent.name]
        if isinstance(plan, Exception):
            sat_out[agent.name] = str(plan)
            scheduler.emit(SatOut(agent.name, str(plan), purpose))
        else:
            if more := prior_signals.get(agent.name):
                plan = replace(plan, signals={**plan.signals, **more})
            bids.append(Bid(agent.name, agent.price, plan, phase=phase))
            scheduler.emit(Placed(bids[-1]))
    return bids, sat_out


def standing(
    bids: Sequence[Bid], jury: Jury, scheduler: Scheduler, purpose: Purpose
) -> tuple[list[Bid], dict[str, str]]:
    """The bids that reach the reserve price; and for each agent whose bid does not, the reason."""
    kept, low = [], {}
    for bid in bids:
        if why := jury.below(bid):
            low[bid.agent] = why
            scheduler.emit(SatOut(bid.agent, why, purpose))
        else:
            kept.append(bid)
    return kept, low


def recall(
    task: Task, agents: Sequence[Agent], memory: Memory, scheduler: Scheduler, k: int
) -> dict[str, tuple[Lesson, ...]]:
    """The lessons that the memory has for each agent on tasks like this one."""
    lessons = {}
    for agent in agents:
        lessons[agent.name] = tuple(memory.recall(task, agent.name, k))
        scheduler.emit(Recalled(agent.name, lessons[agent.name]))
    return lessons


def reason(award: Award) -> str:
    """Why the winner won, in a sentence."""
    won, first = award.winner, award.provisional
    name, price = won.bid.agent, f"asking {won.asking:.3f}"
    if won.bid.phase == "refined":
        lessons = len(award.lessons[name])
        return (
            f"{name} refined its plan from {lessons} lesson{'s' * (lessons != 1)} and underbid "
            f"{first.bid.agent} ({price} against {first.asking:.3f})"
        )
    rivals = [scored for scored in award.ranked if scored.bid.agent != name]
    if not rivals:
        return f"{name} made the only bid ({price})"
    return f"{name} asks least ({price}; next {rivals[0].bid.agent} with {rivals[0].asking:.3f})"


def no_bids(sat_out: Mapping[str, str], low: Sequence[Bid], weights: Weights, beyond: str = "") -> NoBids:
    """The error to raise: no agent made a bid, or no bid reaches the reserve price."""
    if low and weights.reserve_price:
        reached = {bid.agent: weights.reserve_price.reached(bid) for bid in low}
        return BelowReservePrice(sat_out, reached, weights.reserve_price.least, beyond)
    return NoBids(sat_out, beyond)


def tell(ranked: Sequence[Scored], scheduler: Scheduler) -> None:
    """Tells listeners the scores, cost and value of each bid."""
    for scored in ranked:
        scheduler.emit(Judged(scored))


def _same(bid: Bid, ranked: Sequence[Scored]) -> Scored:
    """The entry of the ranking that is this bid's."""
    return next(s for s in ranked if (s.bid.agent, s.bid.phase) == (bid.agent, bid.phase))
