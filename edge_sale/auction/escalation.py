"""When local bids lose against the fallback: an estimate of its bid, and a margin. Numbers only, no requests.

The fallback does not see a task in order to bid. Its bid is estimated from its past on similar tasks. Each quantity is
shrunk towards a prior that weighs as much as PRIOR_TASKS tasks:

    x = (PRIOR_TASKS · prior + Σ s_i · x_i) / (PRIOR_TASKS + Σ s_i)       s_i: cosine to the task at hand

    plan's length and entropy  prior: the means of the opening bids at hand
    price                      prior: its declared one; then what was paid a token
    score by each juror, 0..5  prior: PRIOR_SCORE; then 5 for work that passed its check, 0 for work
                               that failed, else the mean score of its plan where it bid

C and V then follow from the auction's own weights, as for any bid.

`thrift` t is the dial: what it costs to escalate, as a share of S, the most value that a jury can give (5 times the
sum of the jurors' weights). The local bids lose when the best of them is worse than the fallback by more than a
margin:

    (C_l − V_l) − (C_r − V_r)  >  margin(t) = t · S · (1 − C_l / C_r) − (C_r − C_l)

This is the same as  V_r − V_l > t · S · (1 − C_l / C_r): the gain in value must be in proportion to what staying
local saves. So the price of the remote need not fit the scale of the weights, which were set for prices a hundred
times lower. With t = 0 the fallback wins whenever it promises more. With t = 1 no gain is enough, and only local
work that fails its check escalates.

Refined bids are written after reading lessons, so text in past tasks could influence them. They may win and keep a
task local. They do not change the estimate of the fallback's bid, and they cannot make the local bids lose: those
lose only where the best opening bid loses too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from edge_sale.scoring.scorer import TOP, rank
from edge_sale.scoring.signals import MOST_ODDS, log_odds
from edge_sale.scoring.weights import Weights
from edge_sale.types import Bid, Past, Scored, Strategy

PRIOR_TASKS = 4.0
PRIOR_SCORE = 3.5  # of 5: GPT-4 solved 69.5 % of the agent tasks in MINT


def margin(cost_local: float, cost_fallback: float, thrift: float, scale: float) -> float:
    """How much worse than the fallback a local C − V may be. See the formula above.

    Where the fallback costs nothing, staying local counts as saving all of its cost. Where it costs no more than
    the local bid, staying local saves nothing, so any gain is enough.
    """
    saved = 1.0 if cost_fallback <= 0 else max(0.0, 1.0 - cost_local / cost_fallback)
    return thrift * scale * saved - (cost_fallback - cost_local)


def scale(jurors: Iterable[str], weights: Weights) -> float:
    """The most value that these jurors can give a plan; 1 where they have no weight.

    Where V is log odds (weights fitted from outcomes) it is the whole range of log odds.
    """
    if weights.odds:
        return 2 * MOST_ODDS
    return TOP * sum(weights.of_juror(juror) for juror in jurors) or 1.0


@dataclass(frozen=True, slots=True)
class Weighing:
    """The best local bid and the fallback side by side."""

    local: Scored
    fallback: Scored
    margin: float
    thrift: float
    seen: int
    live: bool = False  # the fallback bid itself: nothing is estimated

    @property
    def lost(self) -> bool:
        """Whether the local bids lose."""
        return self.local.asking - self.fallback.asking > self.margin

    @property
    def reason(self) -> str:
        """The numbers and the decision, in one sentence."""
        remote, local = self.fallback.bid.agent, self.local.bid.agent
        known = f"{self.seen} similar task{'s' * (self.seen != 1)}" if self.seen else "its price alone"
        price = f"{remote} asks {self.fallback.asking:.3f}"
        if not self.live:
            price = f"{remote} would be expected to ask {self.fallback.asking:.3f} (by {known})"
        behind = self.local.asking - self.fallback.asking
        end = f"{local} is {behind:.3f} worse" if behind > 0 else f"{local} is {-behind:.3f} better"
        decision = "the local bids lose" if self.lost else "the task stays local"
        return (
            f"{decision}: {local} asks {self.local.asking:.3f}, {price}; {end}, and the margin at thrift "
            f"{self.thrift:g} is {self.margin:.3f}"
        )


def weigh(
    local: Sequence[Scored], remote: str, price: float, past: Sequence[Past], weights: Weights, thrift: float
) -> Weighing:
    """The best of the `local` bids against what `remote` would be expected to bid."""

    def against(bid: Bid) -> Weighing:
        jurors = sorted(bid.scores)
        fallback = estimate(local, remote, price, past, weights, jurors)
        (mine,) = rank([bid], weights)  # by the same jurors as the fallback's estimate
        limit = margin(mine.cost, fallback.cost, thrift, scale(jurors, weights))
        return Weighing(mine, fallback, limit, thrift, len(past))

    return firmest(against(scored.bid) for scored in leaders(local))


def leaders(local: Sequence[Scored]) -> list[Scored]:
    """The local bid that asks least; and, where it is another one, the opening bid that asks least."""
    least, first = (min(bids, key=lambda scored: scored.asking) for bids in (local, _opening(local)))
    return [least] if first is least else [least, first]


def firmest(weighings: Iterable[Weighing]) -> Weighing:
    """The first weighing that the local bid does not lose; where all are lost, the first."""
    found = list(weighings)
    return next((weighing for weighing in found if not weighing.lost), found[0])


def _opening(local: Sequence[Scored]) -> Sequence[Scored]:
    return [scored for scored in local if scored.bid.phase == "opening"] or local


def estimate(
    local: Sequence[Scored], remote: str, price: float, past: Sequence[Past], weights: Weights, jurors: Sequence[str]
) -> Scored:
    """The bid that `remote` is expected to make, scored by the auction's weights."""
    plans = [scored.bid.strategy for scored in _opening(local)]
    length = shrunk(sum(plan.tokens for plan in plans) / len(plans), past, lambda p: p.plan_tokens)
    entropy = shrunk(sum(plan.entropy for plan in plans) / len(plans), past, lambda p: p.entropy)
    score = shrunk(PRIOR_SCORE, past, merit)
    paid = shrunk(price, past, lambda p: p.price)
    plan = Strategy("", round(length), entropy)
    (scored,) = rank([Bid(remote, paid, plan, dict.fromkeys(jurors, score))], weights)
    # fitted weights know the jurors and signals of local agents only; what tells here is the remote's past
    return replace(scored, value=log_odds(score / TOP)) if weights.odds else scored


def merit(past: Past) -> float | None:
    """The quality of an agent's work on a past task, 0..5; None where it is not known."""
    return past.score if past.passed is None else TOP * past.passed


def shrunk(prior: float, past: Sequence[Past], of: Callable[[Past], float | None]) -> float:
    """The mean of the known values, weighted by similarity and shrunk towards `prior`."""
    known = [(p.similarity, value) for p in past if (value := of(p)) is not None]
    weight = PRIOR_TASKS + sum(similarity for similarity, _ in known)
    return (PRIOR_TASKS * prior + sum(similarity * value for similarity, value in known)) / weight
