"""The requests of a batch as sequences of tokens: a text to be scored, a choice, or an answer being drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from edge_sale.llama.sampler import Sampler
from edge_sale.llama.tokenized_prompt import TokenizedPrompt
from edge_sale.llama.vocabulary import Detokenizer
from edge_sale.types import Generation, Sampling


@dataclass(slots=True)
class Run(ABC):
    """Tokens to be decoded in one sequence; logits are wanted from position `want` on."""

    tokens: list[int]
    sequence: int  # -1 until the context assigns one
    want: int
    prompt: TokenizedPrompt = field(default=TokenizedPrompt([]), kw_only=True)
    reused: int = field(default=0, kw_only=True)  # tokens that did not have to be read again
    error: Exception | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether everything that was requested is known."""


@dataclass(slots=True)
class Scoring(Run):
    """The likelihood of a text after a prompt: position `want + i` predicts the token `targets[i]`."""

    targets: list[int] = field(default_factory=list)
    scored: int = 0
    total: float = 0.0  # log p of the first `scored` targets, in nats

    @property
    def finished(self) -> bool:
        return self.scored == len(self.targets)


@dataclass(slots=True)
class Choosing(Run):
    """A choice among single tokens, read from the logits of the prompt's last position."""

    options: list[int]
    probabilities: tuple[float, ...] = ()

    @property
    def finished(self) -> bool:
        return bool(self.probabilities)


@dataclass(slots=True)
class Draw(Run):
    """One sample of an answer, drawn token by token after the prompt in `tokens`."""

    request: int  # the number of the request in its batch
    sampling: Sampling
    sampler: Sampler
    detokenizer: Detokenizer
    stream: Callable[[str], None] | None
    text: str = ""
    shown: int = 0  # characters of the text that were streamed
    drawn: int = 0  # tokens
    last: int = -1  # the last drawn token
    entropy: float = 0.0  # sum over the drawn tokens, in nats
    logprob: float = 0.0  # sum over the drawn tokens, in nats
    ended: Literal["", "end", "stop", "length"] = ""

    @property
    def finished(self) -> bool:
        return bool(self.ended)

    @property
    def position(self) -> int:
        """The position of the last drawn token, which has not been decoded yet."""
        return len(self.tokens) + self.drawn - 1

    def take(self, token: int, entropy: float, logprob: float, is_end: bool) -> None:
        """Add one token, with the entropy of the distribution that it was drawn from and its log p, in nats."""
        before = len(self.text)
        self.entropy += entropy
        self.logprob += logprob
        self.drawn += 1
        self.last = token
        if is_end:
            self.text += self.detokenizer.end()
            self.ended = "end"
        else:
            self.text += self.detokenizer.add(token)
            self._cut_at_stop(before)
        if not self.ended and self.drawn >= self.sampling.max_tokens:
            self.text += self.detokenizer.end()
            self.ended = "length"
        self._show()

    def _cut_at_stop(self, before: int) -> None:
        """End the text before the first stop string that the last token completed."""
        found = [self.text.find(stop, max(0, before - len(stop) + 1)) for stop in self.sampling.stop]
        if places := [at for at in found if at >= 0]:
            self.text, self.ended = self.text[: min(places)], "stop"

    def _show(self) -> None:
        """Stream the new text, except for an ending that may become a stop string."""
        if not self.stream:
            return
        held = 0 if self.ended else max((len(stop) - 1 for stop in self.sampling.stop), default=0)
        if len(self.text) - held > self.shown:
            self.stream(self.text[self.shown : len(self.text) - held])
            self.shown = len(self.text) - held

    def generation(self, seconds: float) -> Generation:
        """The finished answer; `seconds` is its share of the batch's time."""
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
