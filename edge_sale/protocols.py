"""The protocols that parts of a market fulfil: the smallest that do the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from edge_sale.types import (
    Award,
    Choice,
    Choose,
    Generate,
    Generation,
    Job,
    Lesson,
    LogLik,
    LogProb,
    Outcome,
    Prompt,
    Strategy,
    Task,
)

if TYPE_CHECKING:
    import numpy as np


class Engine(Protocol):
    """A model that answers requests. A request that fails is returned as an exception; the others go on."""

    name: str
    context: int  # tokens that one sequence may hold

    def count(self, prompt: Prompt) -> int: ...
    def generate(
        self, requests: Sequence[Generate], seconds: float | None = None
    ) -> list[list[Generation] | Exception]: ...
    def loglik(self, requests: Sequence[LogLik], seconds: float | None = None) -> list[LogProb | Exception]: ...
    def choose(self, requests: Sequence[Choose], seconds: float | None = None) -> list[Choice | Exception]: ...


class Embedder(Protocol):
    """Turns texts into unit vectors. Vectors of embedders with another `identity` are never compared."""

    name: str
    identity: str  # sha256 of the model file
    dimension: int

    def embed(self, texts: Sequence[str]) -> np.ndarray: ...


class Agent(Protocol):
    """A model, a work strategy and a price."""

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def price(self) -> float: ...

    def bid(self, task: Task, lessons: Sequence[Lesson] = ()) -> Job[Strategy]: ...
    def judge(self, task: Task, plans: Sequence[str]) -> Job[list[float]]: ...
    def execute(self, task: Task, plan: str, show: Callable[[str], None]) -> Job[Outcome]: ...


class Memory(Protocol):
    """The auction memory: past tasks with their bids, winners and outcomes."""

    def recall(self, task: Task, agent: str, k: int = 8) -> list[Lesson]: ...
    def record(self, award: Award, outcome: Outcome | None, run: Mapping[str, Any]) -> None: ...
