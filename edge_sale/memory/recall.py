"""Which past plans make a lesson: the pure part of recall."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_sale.types import Outcome, Phase

SIMILAR = 0.35  # cosine below which a past task has nothing to say (all-MiniLM-L6-v2: strangers < 0.1)


@dataclass(frozen=True, slots=True)
class PastPlan:
    """A bid of a past auction, as far as a lesson needs it."""

    rank: int
    agent: str
    phase: Phase
    text: str
    won: bool


def contrast(
    agent: str, plans: Sequence[PastPlan], outcomes: Mapping[str, Outcome]
) -> tuple[PastPlan, PastPlan] | None:
    """The plan to copy and the plan to avoid, one of them `agent`'s own; None: no lesson in it.

    `plans` are all of one auction by rising asking. The winner's plan is the one to
    copy unless its work was wrong; then it is the best-ranked other plan whose work
    was right, and without one there is no lesson: a plan that merely lost against a bad
    one has not been shown to be good.
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


def likeness(text: str) -> bytes:
    """A digest that is equal for texts equal but for case, spacing and Unicode's double forms."""
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
