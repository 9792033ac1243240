"""A recording as arrays, with the embedder's vectors and the jury's scores: what methods learn from.

Axes: N items, A agents, D dimensions of a vector. Agents are in the recording's order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_sale.evaluation.judges import Opinion
from edge_sale.evaluation.records import Recording
from edge_sale.scoring import hashed_features

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Arrays over a recording. `opinions` is empty where no jury scored the plans."""

    of: Recording
    vectors: Floats  # (N, D), unit vectors of the tasks' texts
    opinions: Mapping[str, Opinion]

    @property
    def agents(self) -> tuple[str, ...]:
        return self.of.agents

    @cached_property
    def prices(self) -> Floats:
        return np.array([self.of.prices[agent] for agent in self.agents])

    @cached_property
    def largest(self) -> int:
        """Index of the agent with the highest price."""
        return int(np.argmax(self.prices))

    @cached_property
    def local(self) -> list[int]:
        """Indices of all other agents, the cheapest first."""
        return [int(a) for a in np.argsort(self.prices, kind="stable") if a != self.largest]

    @cached_property
    def success(self) -> Floats:
        return self._each("success")

    @cached_property
    def tokens(self) -> Floats:
        return self._each("tokens")

    @cached_property
    def plan_tokens(self) -> Floats:
        return self._each("plan_tokens")

    @cached_property
    def dollars(self) -> Floats:
        return self.tokens * self.prices / 1e6

    @cached_property
    def entropy(self) -> Floats | None:
        """Mean token entropy of the plans, (N, A), or None where any record lacks it."""
        found = self._each("entropy")
        return None if np.isnan(found).any() else found

    @cached_property
    def checked(self) -> NDArray[np.bool_]:
        return np.array([item.checked for item in self.of.items])

    @cached_property
    def scores(self) -> dict[str, Floats]:
        """juror -> scores, (N, A)."""
        if not self.opinions:
            return {}
        given = [self.opinions[item.task.id].scores for item in self.of.items]
        return {juror: np.array([[one[juror][agent] for agent in self.agents] for one in given]) for juror in given[0]}

    @cached_property
    def hashed_features(self) -> Floats:
        """Unit vectors of the tasks' wording (see `scoring/hashed_features.py`)."""
        return hashed_features.vectors([item.task.text for item in self.of.items])

    def subset(self, places: Sequence[int] | NDArray[np.int64]) -> View:
        """The same over these items only, in this order."""
        chosen = [int(place) for place in places]
        return View(self.of.subset(self.of.items[i] for i in chosen), self.vectors[chosen], self.opinions)

    def similarity_to(self, past: View) -> Floats:
        """Cosine of each item here to each item of `past`, (N, N of past)."""
        return np.asarray(self.vectors @ past.vectors.T, dtype=float)

    def _each(self, name: str) -> Floats:
        table = [[getattr(self.of.trial(item, agent), name) for agent in self.agents] for item in self.of.items]
        return np.array(table, dtype=float)
