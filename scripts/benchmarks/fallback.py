"""The fallback on recorded agent work (MINT): what each thrift gives, and what of it leaves the machine.

GPT-4 is the remote, five 7-8B models bid at home. Tasks are held out in FOLDS parts in turn; the rest
is the memory. A local plan's score is its agent's success on similar tasks (cosine of the product's own
embedder), shrunk towards its success on all; its length is that of the recorded opening thought. The
remote's bid is what `auction.escalation` makes of its successes on similar tasks, the escalation itself is
`scoring.fallback.weigh`, as in the product. Unlike in use, memory knows how the remote did on every past
task, not only on those that were escalated.

`with checks`: work whose environment tells that it failed (programs with tests, household worlds)
escalates too. The plain lines are bids alone.
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
    """Shares of tasks solved and of tasks sent away."""

    solved: float
    sent: float


@dataclass(frozen=True, slots=True)
class Held:
    """A held-out task as the fallback meets it: the local bids, and what is known of the remote."""

    item: Item
    local: tuple[Scored, ...]
    past: tuple[Past, ...]


def measure(data: Path | None, runs: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """The curve over thrift with its yardsticks. `runs` random foldings are averaged."""
    if data is None:
        raise EdgeSaleError("this bench needs recorded runs: ./scripts/bench fallback --data FOLDER, which holds mint")
    recording = read(data / "mint" if (data / "mint").is_dir() else data)
    tell(f"{len(recording.items)} tasks, {len(recording.agents)} agents; embedding them")
    likeness = similarities([item.task.text for item in recording.items])
    helds = [hold_out(recording, likeness, seed) for seed in range(runs)]
    figures = [
        Figure(f"{what}: {name}", 100 * value, "%")
        for what, values in yardsticks(recording).items()
        for name, value in values.items()
    ]
    for checks in (False, True):
        for thrift in THRIFTS:
            points = [curve_point(recording, held, thrift, checks=checks) for held in helds]
            label = f"thrift {thrift:.1f}{' with checks' if checks else ''}"
            figures += [
                Figure(f"{label}: pass@1", 100 * float(np.mean([p.solved for p in points])), "%"),
                Figure(f"{label}: sent to the remote", 100 * float(np.mean([p.sent for p in points])), "%"),
            ]
    return figures


def curve_point(recording: Recording, held: Sequence[Held], thrift: float, *, checks: bool) -> Point:
    """What one thrift gives on these held-out tasks. A pure function of the recording."""
    solved = sent = 0
    for this in held:
        weighing = weigh(this.local, REMOTE, recording.prices[REMOTE], this.past, WEIGHTS, thrift)
        home = recording.trial(this.item, weighing.local.bid.agent)
        if weighing.lost or (checks and this.item.checked and not home.success):
            sent += 1
            solved += recording.trial(this.item, REMOTE).success
        else:
            solved += home.success
    return Point(solved / len(held), sent / len(held))


def yardsticks(recording: Recording) -> dict[str, dict[str, float]]:
    """What no fallback at all gives, and what a perfect one would."""
    local = [agent for agent in recording.agents if agent != REMOTE]

    def share(right: Callable[[Item], bool]) -> float:
        return sum(right(item) for item in recording.items) / len(recording.items)

    def away(item: Item) -> bool:
        return recording.trial(item, REMOTE).success

    def some(item: Item) -> bool:
        return any(recording.trial(item, agent).success for agent in local)

    best = max(local, key=lambda agent: share(lambda item: recording.trial(item, agent).success))
    return {
        "always remote": {"pass@1": share(away), "sent to the remote": 1.0},
        f"never remote, best local ({best})": {
            "pass@1": share(lambda item: recording.trial(item, best).success),
            "sent to the remote": 0.0,
        },
        "oracle": {
            "pass@1": share(lambda item: some(item) or away(item)),
            "sent to the remote": share(lambda item: away(item) and not some(item)),
        },
    }


def hold_out(recording: Recording, likeness: np.ndarray, seed: int) -> list[Held]:
    """Every task once as held out, with bids and past from the other folds."""
    order = np.random.default_rng(seed).permutation(len(recording.items))
    local = [agent for agent in recording.agents if agent != REMOTE]
    held = []
    for fold in range(FOLDS):
        out = set(order[fold::FOLDS].tolist())
        rest = [i for i in range(len(recording.items)) if i not in out]
        means = {agent: success(recording, rest, agent) for agent in local}
        for i in sorted(out):
            item = recording.items[i]
            similar = [j for j in rest if likeness[i, j] >= MIN_SIMILARITY]
            near = sorted(similar, key=lambda j: -likeness[i, j])[:NEIGHBOURS]
            bids = []
            for agent in local:
                score = TOP * shrunk(means[agent], known(recording, near, likeness[i], agent), lambda p: p.score)
                trial = recording.trial(item, agent)
                strategy = Strategy(trial.plan, trial.plan_tokens, trial.entropy or 0.0)
                bids.append(Bid(agent, recording.prices[agent], strategy, {"experience": score}))
            past = [Past(p.similarity, passed=p.score == 1.0) for p in known(recording, near, likeness[i], REMOTE)]
            held.append(Held(item, tuple(rank(bids, WEIGHTS)), tuple(past)))
    return held


def known(recording: Recording, near: Sequence[int], likeness: np.ndarray, agent: str) -> list[Past]:
    """An agent's successes (score 1) and failures (0) on the tasks `near` by."""
    return [Past(float(likeness[j]), score=float(recording.trial(recording.items[j], agent).success)) for j in near]


def success(recording: Recording, indices: Sequence[int], agent: str) -> float:
    """An agent's share of these tasks solved."""
    return sum(recording.trial(recording.items[i], agent).success for i in indices) / len(indices)


def similarities(texts: Sequence[str]) -> np.ndarray:
    """Cosines of all pairs of texts, shape (n, n), by the starter pool's embedder."""
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
