"""One sequence on its way through a batch: a text to be scored, or an answer being drawn."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_sale.llama.cells import Reading
from edge_sale.llama.native import Detokenizer
from edge_sale.types import Generation, Sampling


@dataclass(slots=True)
class Run(ABC):
    """Tokens to decode as `sequence`; logits are wanted from position `want` on."""

    tokens: list[int]
    sequence: int  # -1 until it has one
    want: int
    reading: Reading = field(default=Reading([]), kw_only=True)  # the prompt in its pieces
    reused: int = field(default=0, kw_only=True)  # tokens that were not read again
    error: Exception | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether all that was wanted of it is known."""


@dataclass(slots=True)
class Scoring(Run):
    """A text under a prompt: `targets[i]` is the token that position `want + i` should predict."""

    targets: list[int] = field(default_factory=list)
    scored: int = 0
    total: float = 0.0  # log p of the first `scored` targets, nats

    @property
    def finished(self) -> bool:
        return self.scored == len(self.targets)


@dataclass(slots=True)
class Choosing(Run):
    """A choice among single tokens, read at the prompt's last position."""

    options: list[int]
    probabilities: tuple[float, ...] = ()

    @property
    def finished(self) -> bool:
        return bool(self.probabilities)


@dataclass(slots=True)
class Draw(Run):
    """An answer being drawn after the prompt in `tokens`."""

    request: int  # which ask it belongs to
    sampling: Sampling
    sampler: Any
    words: Detokenizer
    stream: Callable[[str], None] | None
    greedy: bool = False  # nothing but the likeliest token is ever drawn
    text: str = ""
    shown: int = 0  # characters already streamed
    drawn: int = 0
    last: int = -1
    entropy: float = 0.0  # summed over drawn tokens
    logprob: float = 0.0
    ended: Literal["", "end", "stop", "length"] = ""

    @property
    def finished(self) -> bool:
        return bool(self.ended)

    @property
    def place(self) -> int:
        """The position of the last drawn token, which has not been decoded yet."""
        return len(self.tokens) + self.drawn - 1

    def take(self, token: int, entropy: float, logprob: float, is_end: bool) -> None:
        """One more token, with the entropy of the distribution it was drawn from, in nats."""
        before = len(self.text)
        self.entropy += entropy
        self.logprob += logprob
        self.drawn += 1
        self.last = token
        if is_end:
            self.text += self.words.end()
            self.ended = "end"
        else:
            self.text += self.words.add(token)
            self._cut_at_stop(before)
        if not self.ended and self.drawn >= self.sampling.max_tokens:
            self.text += self.words.end()
            self.ended = "length"
        self._show()

    def _cut_at_stop(self, before: int) -> None:
        found = [self.text.find(stop, max(0, before - len(stop) + 1)) for stop in self.sampling.stop]
        if places := [at for at in found if at >= 0]:
            self.text, self.ended = self.text[: min(places)], "stop"

    def _show(self) -> None:
        if not self.stream:
            return
        # what may yet turn out to be the beginning of a stop is held back
        held = 0 if self.ended else max((len(stop) - 1 for stop in self.sampling.stop), default=0)
        if len(self.text) - held > self.shown:
            self.stream(self.text[self.shown : len(self.text) - held])
            self.shown = len(self.text) - held

    def generation(self, seconds: float) -> Generation:
        """The finished draw; `seconds` is its share of the batch."""
        drawn = max(self.drawn, 1)
        return Generation(
            text=self.text,
            tokens=self.drawn,
            prompt_tokens=len(self.tokens),
            entropy=self.entropy / drawn,
            logprob=self.logprob / drawn,
            ended=self.ended or "length",
            seconds=seconds,
            reused=self.reused,
        )


def measure(logits: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Entropy and log normaliser of each row, in nats: shapes (rows,) and (rows,).

    H = log Z - E[logit], with the row's maximum taken out first. Row by row: what a row needs fits the
    processor's cache, and float32 is exact to about 1e-5 nats, far below what batch shapes change.
    """
    entropies, log_zs = np.empty(len(logits)), np.empty(len(logits))
    shifted, weights = np.empty_like(logits[0]), np.empty_like(logits[0])
    for row, values in enumerate(logits):
        top = values.max()
        np.subtract(values, top, out=shifted)
        np.exp(shifted, out=weights)
        z = float(weights.sum())
        log_z = math.log(z) if z > 0 else math.nan
        # einsum and not BLAS, whose threads would fight llama.cpp's
        entropies[row] = log_z - float(np.einsum("i,i->", weights, shifted)) / z
        log_zs[row] = log_z + float(top)
    return entropies, log_zs
