"""The records that the whole package shares; `protocols` has the protocols.

Prices are US dollars per million tokens, times are seconds, entropies and log probabilities are in nats.
Records are frozen: a changed record is a new one, by `dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Purpose = Literal["bid", "judge", "refine", "work", "embed", "escalate"]
Phase = Literal["opening", "refined"]
Status = Literal["done", "passed", "failed", "cancelled"]


# --- what is asked of a model ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat; `content` is untrusted text and never becomes control tokens."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat. The next turn is that of `turn`, and begins with `prefill`."""

    messages: tuple[Message, ...]
    prefill: str = ""
    fixed: int = 0  # how many leading messages are the same for every task, and hold nothing of the user's
    turn: Literal["assistant", "user"] = "assistant"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. `temperature` 0 is greedy; `seed` fixes every draw."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    grammar: str = ""


@dataclass(frozen=True, slots=True)
class Generate:
    """A request for `samples` continuations of one prompt; sample i draws with seed + i."""

    prompt: Prompt
    sampling: Sampling = Sampling()
    samples: int = 1
    headroom: int = 0  # tokens that must fit behind the prompt, if more than max_tokens
    on_text: Callable[[str], None] | None = None  # streamed pieces of the first sample


@dataclass(frozen=True, slots=True)
class LogLik:
    """A request for log p(text | prompt). Nothing is sampled."""

    prompt: Prompt
    text: str


@dataclass(frozen=True, slots=True)
class Choose:
    """A request for the probabilities of `options`, each one token, as the next token. Nothing is sampled."""

    prompt: Prompt
    options: tuple[str, ...]


Request = Generate | LogLik | Choose


@dataclass(frozen=True, slots=True)
class Generation:
    """One drawn continuation. `entropy` is the mean over its tokens of H(next token)."""

    text: str
    tokens: int
    prompt_tokens: int
    entropy: float
    logprob: float  # mean log p of the drawn tokens
    ended: Literal["end", "stop", "length"]
    seconds: float  # this sample's share of its batch, by tokens
    reused: int = 0  # tokens of the prompt that were not read again
    price: float | None = None  # per million tokens, where it is not the agent's: a remote's, both ways weighed


@dataclass(frozen=True, slots=True)
class LogProb:
    """log p(text | prompt), summed over the text's tokens."""

    total: float
    tokens: int
    prompt_tokens: int
    seconds: float
    reused: int = 0

    @property
    def mean(self) -> float:
        return self.total / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """p(option) for each option, in order, normalised over the options."""

    probabilities: tuple[float, ...]
    prompt_tokens: int
    seconds: float
    reused: int = 0


Job = Generator[Sequence[Request], list[Any], T]
"""Work that needs a model: a generator that yields requests, is sent their replies, and returns T.

`auction.scheduler` runs the jobs of several agents in step, so that requests to one model share a batch while each
agent is written as straight-line code.
"""


# --- the auction -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """What the user wants done. `check` is Python run after the answer; exit 0 passes."""

    id: str
    text: str
    domain: str = "text"  # or "python": what kind of answer, and which prompts
    files: tuple[str, ...] = ()
    check: str | None = None
    repo: bool = False  # the work is changes to a folder, and the check a shell command there
    earlier: tuple[tuple[str, str], ...] = ()  # turns of this session, oldest first: what was said, what was answered


@dataclass(frozen=True, slots=True)
class Strategy:
    """A plan as it was bid: its length in tokens and mean per-token entropy in nats."""

    text: str
    tokens: int
    entropy: float
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bid:
    """An agent's plan for a task, its price, and what each juror made of it (0..5)."""

    agent: str
    price: float
    strategy: Strategy
    scores: Mapping[str, float] = field(default_factory=dict)
    phase: Phase = "opening"


@dataclass(frozen=True, slots=True)
class Scored:
    """A bid with its cost C and value V; the lowest `asking` = C - V wins.

    `unheard` is what jurors who were not asked could have added to V, and `risk` what they could have taken
    from it: they could not change the winner.
    """

    bid: Bid
    cost: float
    value: float
    unheard: float = 0.0
    risk: float = 0.0

    @property
    def asking(self) -> float:
        return self.cost - self.value

    @property
    def least(self) -> float:
        """What it would ask had everyone who was not asked spoken for it."""
        return self.asking - self.unheard

    @property
    def most(self) -> float:
        """What it would ask had everyone who was not asked spoken against it."""
        return self.asking + self.risk


@dataclass(frozen=True, slots=True)
class Lesson:
    """A past task as a contrastive pair of plans; at least one is the recalling agent's."""

    auction: str
    task: str
    won: str
    lost: str
    winner: str
    loser: str
    similarity: float  # cosine to the task at hand
    outcome: Status | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What an agent did on a past task like the one at hand; None: it did not come to that."""

    similarity: float  # cosine to the task at hand
    passed: bool | None = None  # whether its work was verified
    score: float | None = None  # the mean score of its plan, 0..5
    plan_tokens: int | None = None
    entropy: float | None = None  # of its plan, nats
    price: float | None = None  # per million tokens, as it was paid for its work


@dataclass(frozen=True, slots=True)
class Award:
    """The result of an auction: who won with which bid, and every bid by rising asking."""

    task: Task
    winner: Scored
    provisional: Scored
    ranked: tuple[Scored, ...]
    sat_out: Mapping[str, str] = field(default_factory=dict)  # agent -> why it made no bid
    lessons: Mapping[str, tuple[Lesson, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: who spent what, for which purpose."""

    who: str
    purpose: Purpose
    tokens_in: int
    tokens_out: int
    seconds: float
    price: float
    reused: int = 0  # of tokens_in, those that the engine had read before

    @property
    def dollars(self) -> float:
        return (self.tokens_in + self.tokens_out) * self.price / 1e6


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer from documents has something from. Lines (of a PDF pages) from 1, both ends included."""

    mark: int  # the [n] that stands for it in the answer
    path: str  # relative to the folder of the documents
    first: int
    last: int
    place: str  # notes.md:3-9, or report.pdf, page 2
    text: str  # the lines themselves
    by: Literal["agent", "match"]  # cited by the agent, or found to say what the answer says


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the winner's work ended. A failed run is an outcome, not an exception."""

    agent: str
    status: Status
    answer: str
    verified: bool | None = None  # True or False where a check ran, None where there was none
    notes: tuple[str, ...] = ()  # what the user should know, such as code that does not parse
    steps: int = 1
    verdict: bool | None = None  # the user's own word afterwards: good or bad
    citations: tuple[Citation, ...] = ()  # of an answer from documents: all of what was read

    @property
    def right(self) -> bool | None:
        """Whether the work was right, as far as anybody knows: the user's word before the check's; None: unknown."""
        if self.verdict is not None:
            return self.verdict
        if self.verified is False or self.status == "failed":
            return False
        return True if self.verified or self.status == "passed" else None


@dataclass(slots=True)
class RequestContext:
    """For which task, and why, the next requests leave the machine. The egress log shows both."""

    task: str = ""
    reason: str = "auction"

    def set(self, task: str, reason: str) -> None:
        self.task, self.reason = task, reason
