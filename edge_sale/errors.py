"""All errors that edge-sale raises on purpose.

    EdgeSaleError                a problem that the user can fix: one line with the way out, exit code 1
    ├── ConfigError              a wrong key, value or file in the configuration
    ├── UnknownName              a name that does not exist, with those that do
    ├── TaskError                a task that is empty, no text or too long, or a folder that no task can be about
    ├── ModelMissing             a model is not pulled yet
    ├── DoesNotFit               a model would make this machine swap
    ├── BadModelFile             a model file is truncated, has the wrong sha256, or is not a GGUF
    ├── PullFailed               no source gave a complete, verified file
    ├── MemoryFault              the file of the auction memory is damaged, or refuses a record
    ├── LibraryFault             a document index is missing or damaged, or the disk is full
    ├── SandboxMissing           code would run without a sandbox
    ├── EgressFault              the egress log cannot be written or read, so nothing may be sent
    ├── ExtraMissing             a package of an optional extra is not installed
    ├── NoBids                   no agent made a bid
    │   └── BelowReservePrice    no bid reaches the reserve price: the task is outside the pool's domain
    └── EngineError              one request to a model failed; other requests go on
        ├── PromptTooLong        prompt and answer do not fit the context
        ├── BadGrammar           llama.cpp cannot parse a grammar
        ├── NoChatTemplate       a model file has no usable chat template
        ├── NotFinite            the logits are NaN or infinite
        ├── NoRoom               a model is larger than the whole budget for loaded models
        ├── OutOfMemory          a context cannot be allocated
        ├── TimedOut             a request ran into its time limit
        ├── NotSent              nothing left the machine: offline, private, over budget, or the user said no
        ├── RemoteFailed         a remote is down, slow, out of credit, or gave no complete answer
        └── Cancelled            the request was stopped from outside

`edge_sale.cli.main` treats any other exception as a bug of edge-sale: it writes a crash file and exits with code 3.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class EdgeSaleError(Exception):
    """A problem that the user can fix. The message is one line that names the problem and the way out."""

    details: Mapping[str, object] = {}  # fields that --json adds to the message


class ConfigError(EdgeSaleError):
    """A wrong key, value or file in the configuration."""


class UnknownName(EdgeSaleError):
    """A name that does not exist. The message lists the names that do, and the most similar one."""

    def __init__(self, kind: str, name: str, known: Iterable[str], see: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        shown = ", ".join(names) if names else "none"
        tail = f"; see: {see}" if see else ""
        super().__init__(f"unknown {kind} {name!r}; known: {shown}{hint}{tail}")
        self.kind, self.name, self.known = kind, name, names


class TaskError(EdgeSaleError):
    """A task that is empty, is not text or is too long, or a folder that no task can be about."""


class ModelMissing(EdgeSaleError):
    """Models that are not pulled yet: `models` holds their names, `command` pulls them."""

    def __init__(self, models: Iterable[str], command: str) -> None:
        self.models, self.command = sorted(models), command
        names = ", ".join(repr(name) for name in self.models)
        super().__init__(f"not on this machine yet: {names}; pull with: {command}")


class BadModelFile(EdgeSaleError):
    """A model file that was refused before llama.cpp opened it."""


class DoesNotFit(EdgeSaleError):
    """A model that would make this machine swap. The message has the numbers and says what would fit."""


class PullFailed(EdgeSaleError):
    """No source gave a complete, verified file."""


class MemoryFault(EdgeSaleError):
    """The file of the auction memory is damaged, or refuses to store a record."""


class LibraryFault(EdgeSaleError):
    """A document index is missing or damaged, or the disk is full."""


class SandboxMissing(EdgeSaleError):
    """Code would run without a sandbox, because none is available."""


class EgressFault(EdgeSaleError):
    """The egress log cannot be written or read. A request that cannot be logged is not sent."""


class ExtraMissing(EdgeSaleError):
    """A package that an optional part of edge-sale needs is not installed; `extra` installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package {package!r}; install it with: pip install 'edge-sale[{extra}]'")


class NoBids(EdgeSaleError):
    """No agent made a bid. `reasons` maps each agent to why; `beyond` is the way out, for the message."""

    def __init__(self, reasons: Mapping[str, str], beyond: str = "") -> None:
        self.reasons = dict(reasons)
        why = "; ".join(f"{agent}: {reason}" for agent, reason in self.reasons.items())
        more = f"; {beyond}" if beyond else ""
        super().__init__(f"no agent made a bid ({why or 'the pool is empty'}){more}")


class BelowReservePrice(NoBids):
    """No bid reaches the reserve price `least`. `reached` maps each agent to what its bid reached, 0..1."""

    def __init__(
        self, reasons: Mapping[str, str], reached: Mapping[str, float], least: float, beyond: str = ""
    ) -> None:
        self.reasons, self.reached, self.least = dict(reasons), dict(reached), least
        self.details = {"refused": {"reached": self.reached, "reserve_price": least, "sat_out": self.reasons}}
        best = max(self.reached, key=lambda name: self.reached[name])
        EdgeSaleError.__init__(
            self,
            f"no bid reaches the reserve price: {best} comes nearest with {reached[best]:.2f} of {least:.2f}"
            + (f"; {beyond}" if beyond else ""),
        )


class EngineError(EdgeSaleError):
    """One request to a model failed."""


class PromptTooLong(EngineError):
    """Prompt and answer do not fit the context. Nothing is cut off silently."""

    def __init__(self, model: str, tokens: int, limit: int) -> None:
        self.model, self.tokens, self.limit = model, tokens, limit
        super().__init__(
            f"model {model!r}: {tokens} tokens of prompt and answer, room for {limit}; "
            "shorten the task or choose an agent with a larger context"
        )


class BadGrammar(EngineError):
    """llama.cpp cannot parse a grammar."""


class NoChatTemplate(EngineError):
    """A model file has no usable chat template."""


class NotFinite(EngineError):
    """The logits are NaN or infinite."""


class NoRoom(EngineError):
    """A model is larger than the whole budget for loaded models."""


class OutOfMemory(EngineError):
    """A context cannot be allocated."""


class TimedOut(EngineError):
    """A request ran into its time limit."""


class Cancelled(EngineError):
    """The request was stopped from outside."""


class NotSent(EngineError):
    """Nothing left the machine: offline, private, over budget, or the user said no."""


class RemoteFailed(EngineError):
    """A remote gave no complete answer.

    It charges for `tokens_in` and `tokens_out` all the same, at `price` US dollars per million tokens.
    """

    def __init__(self, message: str, *, tokens_in: int = 0, tokens_out: int = 0, price: float = 0.0) -> None:
        super().__init__(message)
        self.tokens_in, self.tokens_out, self.price = tokens_in, tokens_out, price


def naming(error: Exception, model: str) -> Exception:
    """The error with the model's name in its message, if it is an EngineError without one; other errors unchanged."""
    if isinstance(error, EngineError) and not isinstance(error, TimedOut) and repr(model) not in str(error):
        return type(error)(f"model {model!r}: {error}")
    return error
