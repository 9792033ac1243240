"""Bench the fallback on recorded agent work (MINT): what each thrift solves, and how many tasks leave the machine.

GPT-4 is the remote, and five 7-8B models bid locally. The tasks are held out in FOLDS parts in turn, and the rest is
the memory. The score of a local plan is its agent's success on similar tasks (cosine of the product's own embedder),
shrunk towards its success on all tasks. The plan's length is that of the recorded opening thought. The remote's bid and
the decision to escalate come from `auction.escalation.weigh`, as in the product. Unlike in use, the memory knows how
the remote did on every past task, not only on those that were escalated.

`with checks`: work also escalates where its environment shows that it failed (programs with tests, household worlds).
The other lines escalate by bids alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_sale.auction.escalation import shrunk, weigh
from edge_sale.errors import EdgeSaleError, ModelMissing
from edge_sale.evaluation.mint import read
from edge_sale.evaluation.records import Item, Recording
from edge_sale.evaluation.report import Figure
from edge_sale.memory.recall import MIN_SIMILARITY
from edge_sale.scoring.scorer import TOP, rank
from edge_sale.scoring.weights import Weights
from edge_sale.settings import load
from edge_sale.types import Bid, Past, Scored, Strategy

REMOTE = "gpt-4-0613"
FOLDS = 5
NEIGHBOURS = 32
# the shipped weights of price and jury, with one juror in the place of three
WEIGHTS = Weights("bench", 1, "starter-1 with one juror", {"price_length": 0.1}, juror=0.9)
THRIFTS = tuple(step / 10 for step in range(11))


@dataclass(frozen=True, slots=True)
class Point:
    """Shares of all tasks: those that were solved, and those that were sent to the remote."""

    solved: float
    sent: float


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A held-out task as the fallback sees it: the local bids, and what is known of the remote."""

    item: Item
    local: tuple[Scored, ...]
    past: tuple[Past, ...]


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """The curve over thrift, with baselines. `runs` random divisions into folds are averaged."""
    if data is None:
        raise EdgeSaleError("this bench needs recorded runs: ./scripts/bench fallback --data FOLDER, which holds mint")
    recording = read(data / "mint" if (data / "mint").is_dir() else data)
    tell(f"{len(recording.items)} tasks, {len(recording.agents)} agents; embedding them")
    similarity = similarities([item.task.text for item in recording.items])
    divisions = [hold_out(recording, similarity, seed) for seed in range(runs)]
    figures = [
        Figure(f"{what}: {name}", 100 * value, "%")
        for what, values in baselines(recording).items()
        for name, value in values.items()
    ]
    for checks in (False, True):
        for thrift in THRIFTS:
            points = [curve_point(recording, held, thrift, checks=checks) for held in divisions]
            label = f"thrift {thrift:.1f}{' with checks' if checks else ''}"
            figures += [
                Figure(f"{label}: pass@1", 100 * float(np.mean([p.solved for p in points])), "%"),
                Figure(f"{label}: sent to the remote", 100 * float(np.mean([p.sent for p in points])), "%"),
            ]
    return figures


def curve_point(recording: Recording, held: Sequence[HeldOut], thrift: float, *, checks: bool) -> Point:
    """The shares at one thrift on these held-out tasks. A pure function of the recording."""
    solved = sent = 0
    for this in held:
        weighing = weigh(this.local, REMOTE, recording.prices[REMOTE], this.past, WEIGHTS, thrift)
        local = recording.trial(this.item, weighing.local.bid.agent)
        if weighing.lost or (checks and this.item.checked and not local.success):
            sent += 1
            solved += recording.trial(this.item, REMOTE).success
        else:
            solved += local.success
    return Point(solved / len(held), sent / len(held))


def baselines(recording: Recording) -> dict[str, dict[str, float]]:
    """What no fallback at all gives, and what a perfect one would give."""
    local = [agent for agent in recording.agents if agent != REMOTE]

    def share(right: Callable[[Item], bool]) -> float:
        return sum(right(item) for item in recording.items) / len(recording.items)

    def remote_solves(item: Item) -> bool:
        return recording.trial(item, REMOTE).success

    def a_local_solves(item: Item) -> bool:
        return any(recording.trial(item, agent).success for agent in local)

    best = max(local, key=lambda agent: share(lambda item: recording.trial(item, agent).success))
    return {
        "always remote": {"pass@1": share(remote_solves), "sent to the remote": 1.0},
        f"never remote, best local ({best})": {
            "pass@1": share(lambda item: recording.trial(item, best).success),
            "sent to the remote": 0.0,
        },
        "oracle": {
            "pass@1": share(lambda item: a_local_solves(item) or remote_solves(item)),
            "sent to the remote": share(lambda item: remote_solves(item) and not a_local_solves(item)),
        },
    }


def hold_out(recording: Recording, similarity: np.ndarray, seed: int) -> list[HeldOut]:
    """Every task held out once, with bids and past from the other folds."""
    order = np.random.default_rng(seed).permutation(len(recording.items))
    local = [agent for agent in recording.agents if agent != REMOTE]
    held = []
    for fold in range(FOLDS):
        out = set(order[fold::FOLDS].tolist())
        rest = [i for i in range(len(recording.items)) if i not in out]
        means = {agent: success(recording, rest, agent) for agent in local}
        for i in sorted(out):
            item = recording.items[i]
            similar = [j for j in rest if similarity[i, j] >= MIN_SIMILARITY]
            near = sorted(similar, key=lambda j: -similarity[i, j])[:NEIGHBOURS]
            bids = []
            for agent in local:
                score = TOP * shrunk(
                    means[agent], past_trials(recording, near, similarity[i], agent), lambda p: p.score
                )
                trial = recording.trial(item, agent)
                strategy = Strategy(trial.plan, trial.plan_tokens, trial.entropy or 0.0)
                bids.append(Bid(agent, recording.prices[agent], strategy, {"experience": score}))
            past = [
                Past(p.similarity, passed=p.score == 1.0) for p in past_trials(recording, near, similarity[i], REMOTE)
            ]
            held.append(HeldOut(item, tuple(rank(bids, WEIGHTS)), tuple(past)))
    return held


def past_trials(recording: Recording, near: Sequence[int], similarity: np.ndarray, agent: str) -> list[Past]:
    """An agent's successes (score 1) and failures (score 0) on the similar tasks `near`."""
    return [Past(float(similarity[j]), score=float(recording.trial(recording.items[j], agent).success)) for j in near]


def success(recording: Recording, indices: Sequence[int], agent: str) -> float:
    """An agent's share of these tasks solved."""
    return sum(recording.trial(recording.items[i], agent).success for i in indices) / len(indices)


def similarities(texts: Sequence[str]) -> np.ndarray:
    """Cosines of all pairs of texts, shape (n, n), by the embedder of the starter pool."""
    from edge_sale.catalog import cards, installed
    from edge_sale.llama.embedder import LlamaEmbedder

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    card = catalogue.model(catalogue.pool("starter").embedder)
    if installed.missing([card], settings.models_dir):
        raise ModelMissing([card.name], f"edge-sale pull {card.name}")
    embedder = LlamaEmbedder(card.name, installed.ready(card, settings.models_dir), "bench")
    vectors = np.asarray(embedder.embed(list(texts)), dtype=np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    result: np.ndarray = vectors @ vectors.T
    return result
