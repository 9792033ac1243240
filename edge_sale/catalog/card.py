"""Records of the catalogue: what is known of a model, of an agent and of a pool.

`card_reader` reads them from TOML, `card_writer` writes them, and `cards` collects all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file to pull; `sha256` decides whether it is the right one.

    Empty where nobody pinned it: then it is recorded from the first pull that the hub itself
    vouches for, and holds from then on (store.pinned).
    """

    name: str
    bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the files can be had. Which fields are set depends on `kind`: see SOURCES."""

    kind: str  # hub | wheel | path | shipped
    repo: str = ""
    revision: str = "main"
    folder: str = ""  # inside the repository or the wheel
    package: str = ""
    version: str = ""
    bytes: int = 0  # of the whole wheel
    path: Path = Path()  # a finished GGUF, used in place: of the user's own, or one that comes with edge-sale

    def __str__(self) -> str:
        if self.kind == "hub":
            return f"hub {self.repo}@{self.revision[:12]}"
        if self.kind == "shipped":
            return "comes with edge-sale"
        return f"wheel {self.package} {self.version}" if self.kind == "wheel" else f"path {self.path}"


@dataclass(frozen=True, slots=True)
class Make:
    """How the model's GGUF is made from what was pulled; `how` is `with` in the card."""

    how: str  # requantize | bert
    file: str
    to: str = ""  # requantize: the tensor type
    heads: int = 0  # bert: attention heads


@dataclass(frozen=True, slots=True)
class ChatNotes:
    """What to know when talking to the model.

    `syntax` names the family of its template, `tools` how it writes a tool call. `thinking`
    says whether it thinks before it answers unless told otherwise, None: not known; `switch`
    is the template's variable that turns thinking on and off, empty: there is none.
    """

    syntax: str = ""
    tools: str = ""
    thinking: bool | None = None
    switch: str = ""
    stop: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model. `context` is in tokens, `price` in dollars per million tokens."""

    name: str
    title: str
    role: str
    licence: str
    parameters: int
    context: int
    architecture: str
    price: float
    sources: tuple[Source, ...]
    files: tuple[FileSpec, ...] = ()  # empty only where every source is a path
    kind: str = "dense"
    make: Make | None = None
    chat: ChatNotes = ChatNotes()

    @property
    def pinned(self) -> bool:
        """Whether the card says the sha256 of every file, so that the very first pull is checked by it."""
        return all(spec.sha256 for spec in self.files)

    @property
    def shipped(self) -> Path | None:
        """Where the model lies if it comes with edge-sale: it is always here, and never pulled."""
        return next((source.path for source in self.sources if source.kind == "shipped"), None)

    @property
    def bytes(self) -> int:
        """What is pulled, in bytes; 0 where the user's own file is the model."""
        return sum(spec.bytes for spec in self.files)

    @property
    def gguf(self) -> str:
        """The name of the ready GGUF, once pulled; empty where the user's own file is the model."""
        if self.make:
            return self.make.file
        return self.files[0].name if self.files else ""


@dataclass(frozen=True, slots=True)
class AgentCard:
    """A model, a way of working and a price in dollars per million tokens."""

    name: str
    model: str
    work: str
    price: float
    jury: str = "recoverability"
    samples: int = 1
    temperature: float = 0.0
    max_tokens: int | None = None  # None: settings.max_tokens
    plan_tokens: int | None = None  # None: settings.plan_tokens
    plan_temperature: float = 0.7  # agents on the same weights should not bid the same plan
    prompts: str = ""  # a folder of prompts of its own, for models trained to them
    about: str = ""


@dataclass(frozen=True, slots=True)
class PoolCard:
    """Who bids, which model embeds tasks for the memory, and which weights score the bids."""

    name: str
    title: str
    embedder: str
    weights: str
    agents: tuple[AgentCard, ...]
    trade: str = ""  # what its agents can do, where that is not everything
    join: tuple[str, ...] = ()  # pools whose agents are this one's

    @property
    def models(self) -> list[str]:
        """Every model the pool needs, each once: the agents' first, then the embedder."""
        return list(dict.fromkeys([*(agent.model for agent in self.agents), self.embedder]))
