"""The two engines that the engine's bench compares, and what all its rows share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks import engine_pool
from benchmarks.race import Clock, Laps, Sides, Tell, race
from benchmarks.sequential import SequentialEngine
from edge_sale.protocols import Engine
from edge_sale.types import Generate, Generation

LIMIT = 900.0  # seconds after which no other round or row begins
LLAMA = "Llama"


@dataclass(slots=True)
class EngineSetup:
    """What every row needs: both engines on one model file, the number of rounds, and the time that is left."""

    model: engine_pool.Starter
    ours: Any
    llama: SequentialEngine
    runs: int
    tell: Tell
    clock: Clock = field(default_factory=lambda: Clock(LIMIT))

    def race(self, what: str, sides: Sides, *, warm: bool = True) -> Laps:
        """Let the sides take turns for the bench's number of rounds."""
        return race(what, sides, self.runs, self.clock, self.tell, warm=warm)

    def forget(self) -> None:
        """Make both engines read the next prompt from its first token."""
        self.ours.forget()
        self.llama.forget()


def drawn_by(engine: Engine, request: Generate) -> list[Generation]:
    """The samples of one request. Raises its exception if it failed."""
    reply = engine.generate([request])[0]
    if isinstance(reply, Exception):
        raise reply
    return reply
