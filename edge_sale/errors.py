"""Everything edge-sale raises on purpose.

    EdgeSaleError                exit 1: the user's to mend; one line, with the way out
    ├── ConfigError              a key, a value or a file of the configuration
    ├── UnknownName              a pool, agent, card or auction that does not exist
    ├── TaskError                an empty task, or one longer than the agent's context
    ├── ModelMissing             a model that is not pulled yet
    ├── DoesNotFit               a model that would make this machine swap
    ├── BadModelFile             truncated, wrong magic, wrong sha256, not a GGUF
    ├── PullFailed               no source gave a whole, verified file
    ├── MemoryFault              the auction memory's file, or a vector it refuses
    ├── LibraryFault             an index of documents: missing, damaged, without room
    ├── SandboxMissing           code would have to run bare
    ├── EgressFault              the egress log cannot be kept, so nothing may leave
    ├── ExtraMissing             a package that an optional part needs
    ├── NoBids                   every agent sat out
    │   └── BelowReservePrice           no bid reaches the reserve price: the task is not of the pool's trade
    └── EngineError              one ask of a model failed; the others go on
        ├── PromptTooLong        prompt and answer do not fit the context
        ├── BadGrammar           a grammar that llama.cpp cannot parse
        ├── NoChatTemplate       a model file without a chat template
        ├── NotFinite            NaN or infinite logits
        ├── NoRoom               a model larger than the budget for loaded ones
        ├── OutOfMemory          a context that cannot be allocated
        ├── TimedOut             the time limit of an ask ran out
        ├── NotSent              offline, private, over budget, or the user said no: nothing left
        ├── RemoteFailed         a remote is down, slow, out of credit, refusing or broken
        └── Cancelled            stopped from outside

Anything else that reaches the door is our bug: it leaves a crash file, exit 3.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class EdgeSaleError(Exception):
    """The user's to mend: the message is one line that names the thing and the way out."""

    details: Mapping[str, object] = {}  # what --json says beside the message


class ConfigError(EdgeSaleError):
    """A key, a value or a file of the configuration."""


class UnknownName(EdgeSaleError):
    """A name that is not there, with the ones that are."""

    def __init__(self, kind: str, name: str, known: Iterable[str], see: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        shown = ", ".join(names) if names else "none"
        tail = f"; see: {see}" if see else ""
        super().__init__(f"unknown {kind} {name!r}; known: {shown}{hint}{tail}")
        self.kind, self.name, self.known = kind, name, names


class TaskError(EdgeSaleError):
    """An empty task, or one longer than the context."""


class ModelMissing(EdgeSaleError):
    """A model that is not pulled yet; `models` names them, `command` pulls them."""

    def __init__(self, models: Iterable[str], command: str) -> None:
        self.models, self.command = sorted(models), command
        names = ", ".join(repr(name) for name in self.models)
        super().__init__(f"not on this machine yet: {names}; pull with: {command}")


class BadModelFile(EdgeSaleError):
    """A model file refused before llama.cpp sees it."""


class DoesNotFit(EdgeSaleError):
    """A model that would make the machine swap; the message has the numbers and what would fit."""


class PullFailed(EdgeSaleError):
    """No source gave a whole, verified file."""


class MemoryFault(EdgeSaleError):
    """The auction memory's file, or something it refuses to store."""


class LibraryFault(EdgeSaleError):
    """An index of documents: missing, damaged, or without room on the disk."""


class SandboxMissing(EdgeSaleError):
    """Code would have to run without a sandbox."""


class EgressFault(EdgeSaleError):
    """The egress log cannot be written or read: what cannot be logged is not sent."""


class ExtraMissing(EdgeSaleError):
    """A package that an optional part of edge-sale needs is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package {package!r}; install it with: pip install 'edge-sale[{extra}]'")


class NoBids(EdgeSaleError):
    """Every agent sat out; `reasons` says why, agent by agent."""

    def __init__(self, reasons: Mapping[str, str], beyond: str = "") -> None:
        self.reasons = dict(reasons)
        why = "; ".join(f"{agent}: {reason}" for agent, reason in self.reasons.items())
        more = f"; {beyond}" if beyond else ""
        super().__init__(f"no agent made a bid ({why or 'the pool is empty'}){more}")


class BelowReservePrice(NoBids):
    """No bid reaches the reserve price; `reached` says how far each agent's came, of `least`."""

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
    """One ask of a model failed."""


class PromptTooLong(EngineError):
    """Prompt and answer do not fit the context; nothing is cut silently."""

    def __init__(self, model: str, tokens: int, limit: int) -> None:
        self.model, self.tokens, self.limit = model, tokens, limit
        super().__init__(
            f"model {model!r}: {tokens} tokens of prompt and answer, room for {limit}; "
            "shorten the task or choose an agent with a larger context"
        )


class BadGrammar(EngineError):
    """A grammar that llama.cpp cannot parse."""


class NoChatTemplate(EngineError):
    """A model file without a chat template."""


class NotFinite(EngineError):
    """NaN or infinite logits."""


class NoRoom(EngineError):
    """A model that does not fit into the budget for loaded models even alone."""


class OutOfMemory(EngineError):
    """A context that cannot be allocated."""


class TimedOut(EngineError):
    """The time limit of an ask ran out."""


class Cancelled(EngineError):
    """Stopped from outside."""


class NotSent(EngineError):
    """Nothing left the machine: offline, private, over budget, or the user said no."""


class RemoteFailed(EngineError):
    """A remote gave no whole answer. What it will still be paid for is said here, in tokens."""

    def __init__(self, message: str, *, tokens_in: int = 0, tokens_out: int = 0, price: float = 0.0) -> None:
        super().__init__(message)
        self.tokens_in, self.tokens_out, self.price = tokens_in, tokens_out, price


def naming(error: Exception, model: str) -> Exception:
    """An engine's error with the model's name in it, which llama.cpp's calls do not know; others as they are."""
    if isinstance(error, EngineError) and not isinstance(error, TimedOut) and repr(model) not in str(error):
        return type(error)(f"model {model!r}: {error}")
    return error
