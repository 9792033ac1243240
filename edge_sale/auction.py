"""The auction of SALE (Alazraki et al., ICML 2026, arXiv 2602.02751), start to hammer.

Every agent bids a plan, every agent judges every plan, the least C - V leads; agents
cheaper than the leader refine their plans from the auction memory and are judged again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_sale.engines.desk import Desk
from edge_sale.errors import NoBids
from edge_sale.events import Began, Judged, Led, Placed, Recalled, SatOut, Won
from edge_sale.jury.panel import judge
from edge_sale.scoring.scorer import rank
from edge_sale.scoring.weights import Weights
from edge_sale.types import Agent, Award, Bid, Lesson, Memory, Phase, Purpose, Scored, Task


def hold(
    task: Task,
    agents: Sequence[Agent],
    desk: Desk,
    weights: Weights,
    memory: Memory | None = None,
    *,
    k: int = 8,
) -> Award:
    """Sells `task` to the agent whose plan asks least for what it promises.

    Cheaper losers refine from at most `k` lessons each; without `memory`, or with k = 0, nobody does.
    Raises NoBids, with each agent's reason, when there is nothing to choose from.
    """
    bids, sat_out = collect(task, agents, desk)
    opening = _scored(judge(task, bids, agents, desk), weights, desk)
    if not opening:
        raise NoBids(sat_out)
    provisional = opening[0]
    desk.emit(Led(provisional))

    past = recall(task, agents, memory, desk, k) if memory and k else {}
    pupils = [a for a in agents if a.price < provisional.bid.price and past.get(a.name)]
    lessons = {agent.name: past[agent.name] for agent in pupils}
    refined_bids, _ = collect(task, pupils, desk, lessons)
    refined = _scored(judge(task, refined_bids, agents, desk), weights, desk)

    # once more over all bids: a juror who failed half-way is now out for everybody
    ranked = rank([scored.bid for scored in (*opening, *refined)], weights)
    provisional = next(scored for scored in ranked if scored.bid.strategy is provisional.bid.strategy)
    winner = next(s for s in ranked if s is provisional or s.bid.phase == "refined")
    award = Award(task, winner, provisional, tuple(ranked), sat_out, lessons)
    desk.emit(Won(award, reason(award)))
    return award


def collect(
    task: Task,
    agents: Sequence[Agent],
    desk: Desk,
    lessons: Mapping[str, Sequence[Lesson]] | None = None,
) -> tuple[list[Bid], dict[str, str]]:
    """The agents' bids, refined where there are lessons; and why those who made none did not."""
    if not agents:
        return [], {}
    phase: Phase = "opening" if lessons is None else "refined"
    purpose: Purpose = "bid" if lessons is None else "refine"
    desk.emit(Began(purpose, tuple(agent.name for agent in agents)))
    jobs = {agent.name: agent.bid(task, (lessons or {}).get(agent.name, ())) for agent in agents}
    plans = desk.drive(jobs, purpose)
    bids, sat_out = [], {}
    for agent in agents:
        plan = plans[agent.name]
        if isinstance(plan, Exception):
            sat_out[agent.name] = str(plan)
            desk.emit(SatOut(agent.name, str(plan), purpose))
        else:
            bids.append(Bid(agent.name, agent.price, plan, phase=phase))
            desk.emit(Placed(bids[-1]))
    return bids, sat_out


def recall(
    task: Task, agents: Sequence[Agent], memory: Memory, desk: Desk, k: int
) -> dict[str, tuple[Lesson, ...]]:
    """What memory has for each agent on tasks like this one, whoever may then refine from it."""
    lessons = {}
    for agent in agents:
        lessons[agent.name] = tuple(memory.recall(task, agent.name, k))
        desk.emit(Recalled(agent.name, lessons[agent.name]))
    return lessons


def reason(award: Award) -> str:
    """Why the winner won, in a sentence."""
    won, first = award.winner, award.provisional
    name, price = won.bid.agent, f"asking {won.asking:.3f}"
    if won.bid.phase == "refined":
        taught = len(award.lessons[name])
        return (
            f"{name} refined its plan from {taught} lesson{'s' * (taught != 1)} and underbid "
            f"{first.bid.agent} ({price} against {first.asking:.3f})"
        )
    rivals = [scored for scored in award.ranked if scored.bid.agent != name]
    if not rivals:
        return f"{name} made the only bid ({price})"
    return f"{name} asks least ({price}; next {rivals[0].bid.agent} with {rivals[0].asking:.3f})"


def _scored(bids: Sequence[Bid], weights: Weights, desk: Desk) -> list[Scored]:
    ranked = rank(bids, weights)
    for scored in ranked:
        desk.emit(Judged(scored))
    return ranked
