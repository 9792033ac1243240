"""Choose which past plans make a lesson. Pure functions."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_sale.types import Outcome, Phase

MIN_SIMILARITY = 0.35  # cosine below which a past task is not used (all-MiniLM-L6-v2: unrelated texts are < 0.1)


@dataclass(frozen=True, slots=True)
class PastPlan:
    """What a lesson needs to know of a bid in a past auction."""

    rank: int
    agent: str
    phase: Phase
    text: str
    won: bool


def contrast(
    agent: str, plans: Sequence[PastPlan], outcomes: Mapping[str, Outcome]
) -> tuple[PastPlan, PastPlan] | None:
    """Return a plan to copy and a plan to avoid, at least one of them `agent`'s own. None if there is no lesson.

    `plans` are all plans of one auction, the lowest asking first. The plan to copy is the winner's. If the winner's
    work was wrong, it is the best-ranked other plan whose work was right. Without such a plan there is no lesson: a
    plan that only lost to a bad one has not been shown to be good.
    """
    own = [plan for plan in plans if plan.agent == agent]
    good = _to_copy(plans, outcomes)
    if good is None or not own:
        return None
    if good.agent == agent:
        bad = next((p for p in plans if p.agent != agent and p.text != good.text), None)
    else:
        bad = max(own, key=lambda p: (p.won, p.phase == "refined"))
    return None if bad is None or bad.text == good.text else (good, bad)


def text_digest(text: str) -> bytes:
    """Return a digest that ignores case, spacing and the different Unicode forms of one character."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _to_copy(plans: Sequence[PastPlan], outcomes: Mapping[str, Outcome]) -> PastPlan | None:
    winner = next((plan for plan in plans if plan.won), None)
    if winner is None:
        return None
    right = {name: outcome.right for name, outcome in outcomes.items()}
    if right.get(winner.agent) is not False:
        return winner
    return next((plan for plan in plans if right.get(plan.agent)), None)
