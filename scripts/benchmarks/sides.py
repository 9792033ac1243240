"""The two sides of the engine's bench, and what all its rows share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks import engine_pool
from benchmarks.race import Clock, Laps, Sides, Tell, race
from benchmarks.sequential import SequentialEngine
from edge_sale.types import Engine, Generate, Generation

LIMIT = 900.0  # seconds after which no further round or row begins
LLAMA = "Llama"


@dataclass(slots=True)
class EngineSetup:
    """What every row needs: both engines over one file, how many rounds, and until when."""

    model: engine_pool.Starter
    ours: Any
    llama: SequentialEngine
    runs: int
    tell: Tell
    clock: Clock = field(default_factory=lambda: Clock(LIMIT))
    decoded: float = 0.0  # tokens/s of ours, for the share of the machine's bound

    def race(self, what: str, sides: Sides, *, warm: bool = True) -> Laps:
        return race(what, sides, self.runs, self.clock, self.tell, warm=warm)

    def forget(self) -> None:
        """Both sides read the next prompt from its first token."""
        self.ours.forget()
        self.llama.forget()


def drawn_by(engine: Engine, request: Generate) -> list[Generation]:
    """The ask's samples. Raises what went wrong with it."""
    reply = engine.generate([request])[0]
    if isinstance(reply, Exception):
        raise reply
    return reply
