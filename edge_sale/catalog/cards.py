"""Cards: what a model, an agent and a pool are, read from TOML and strictly checked.

A model's card is `models/NAME.toml`, a pool's `models/pools/NAME.toml`. Shipped cards
come first; the user's own (settings.cards_dir) add to them or replace them by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edge_sale.catalog import strict
from edge_sale.errors import ConfigError, UnknownName

ROLES = ("chat", "embed")
KINDS = ("dense", "hybrid", "sliding-window", "encoder")  # what its layers remember: see catalog/memory_fit.py
TOOLS = ("", "hermes", "qwen-xml", "gemma", "phi", "llama", "lfm")  # how it writes a tool call; empty: none
WORKS = ("quick", "drafts", "planner")
JURIES = ("recoverability", "likert")
PROMPTS = ("", "trade")  # folders of edge_sale/prompts; empty: those for any instruct model
REQUANTIZE = ("Q4_0", "Q5_0", "Q8_0", "F16")
DEFAULT_POOL = "starter"  # what a pool of the user's own does not say is as in this one
BUNDLED_POOL = "bundled"  # its models come with edge-sale, so it can bid on any machine
MIXED_POOL = "mixed"  # both of them in one market


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


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every card there is, by name."""

    models: Mapping[str, ModelCard]
    pools: Mapping[str, PoolCard]

    def model(self, name: str) -> ModelCard:
        """The model's card. Raises UnknownName with the known ones."""
        if name not in self.models:
            raise UnknownName("model", name, self.models, see="edge-sale models")
        return self.models[name]

    def pool(self, name: str) -> PoolCard:
        """The pool's card, as shipped or in the user's cards. Raises UnknownName."""
        if name not in self.pools:
            raise UnknownName("pool", name, self.pools, see="edge-sale pools")
        return self.pools[name]


def load(user_dir: Path | None = None) -> Catalogue:
    """The shipped cards with the user's own on top. Raises ConfigError naming file and key."""
    models: dict[str, ModelCard] = {}
    pools: dict[str, PoolCard] = {}
    for folder in [shipped_dir(), *([user_dir] if user_dir else [])]:
        models |= {card.name: card for card in map(read_model, sorted(folder.glob("*.toml")))}
        for file in sorted((folder / "pools").glob("*.toml")):
            pools[file.stem] = read_pool(file)
    pools |= {pool.name: _joined(pool, pools) for pool in pools.values() if pool.join}
    return Catalogue(models, pools)


def shipped_dir() -> Path:
    """The folder of shipped cards: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "models", package.parent / "models"):
        if (folder / "pools").is_dir():
            return folder
    raise ConfigError(f"no model cards in {package / 'models'}: the installation is not whole; install again")


# --- one file, one card ------------------------------------------------------

# table -> key -> (type, is it required)
MODEL: dict[str, tuple[Any, bool]] = {
    "name": (str, True),
    "title": (str, True),
    "role": (str, True),
    "licence": (str, True),
    "parameters": (int, True),
    "context": (int, True),
    "architecture": (str, True),
    "price": (strict.NUMBER, True),
    "files": (list, False),
    "sources": (list, True),
    "make": (dict, False),
    "chat": (dict, False),
    "kind": (str, False),
}
FILE = {"name": (str, True), "bytes": (int, True), "sha256": (str, False)}
SOURCES: dict[str, dict[str, tuple[Any, bool]]] = {
    "hub": {"kind": (str, True), "repo": (str, True), "revision": (str, True), "folder": (str, False)},
    "wheel": {
        "kind": (str, True),
        "package": (str, True),
        "version": (str, True),
        "folder": (str, True),
        "bytes": (int, True),
    },
    "path": {"kind": (str, True), "path": (str, True)},
    "shipped": {"kind": (str, True), "folder": (str, True)},
}
MAKES: dict[str, dict[str, tuple[Any, bool]]] = {
    "requantize": {"with": (str, True), "file": (str, True), "to": (str, True)},
    "bert": {"with": (str, True), "file": (str, True), "heads": (int, True)},
}
CHAT: dict[str, tuple[Any, bool]] = {
    "syntax": (str, False),
    "tools": (str, False),
    "thinking": (bool, False),
    "switch": (str, False),
    "stop": (list, False),
    "note": (str, False),
}
POOL: dict[str, tuple[Any, bool]] = {
    "name": (str, True),
    "title": (str, True),
    "embedder": (str, True),
    "weights": (str, True),
    "agents": (list, False),
    "join": (list, False),
    "trade": (str, False),
}
AGENT: dict[str, tuple[Any, bool]] = {
    "name": (str, True),
    "model": (str, True),
    "work": (str, True),
    "price": (strict.NUMBER, True),
    "jury": (str, False),
    "samples": (int, False),
    "temperature": (strict.NUMBER, False),
    "max_tokens": (int, False),
    "plan_tokens": (int, False),
    "plan_temperature": (strict.NUMBER, False),
    "prompts": (str, False),
    "about": (str, False),
}


def read_model(file: Path) -> ModelCard:
    """The model's card in `file`. Raises ConfigError naming file and key."""
    data = strict.table(strict.read_toml(file), MODEL, file, "")
    strict.own_name(data, file)
    strict.one_of(data["role"], ROLES, file, "role")
    strict.one_of(data.get("kind", "dense"), KINDS, file, "kind")
    files = tuple(_file(row, file) for row in data.get("files", []))
    sources = tuple(_source(row, file, files) for row in data["sources"])
    if not sources:
        raise ConfigError(f"{file}: sources is empty; give at least one [[sources]]")
    if not files and any(source.kind != "path" for source in sources):
        raise ConfigError(f"{file}: missing key 'files': what a hub or wheel source should hold")
    if len({spec.name for spec in files}) < len(files):
        raise ConfigError(f"{file}: two [[files]] have the same name")
    make = _make(data["make"], file) if "make" in data else None
    ships = any(source.kind == "shipped" for source in sources)
    if ships and (make or len(files) != 1 or len(sources) != 1 or not files[0].sha256):
        raise ConfigError(f"{file}: a shipped model is one source and one [[files]] with its sha256, and no [make]")
    if not make and len(files) > 1:
        raise ConfigError(f"{file}: several [[files]] need a [make] that says how they become one GGUF")
    if make and make.file in {spec.name for spec in files}:
        raise ConfigError(f"{file}: [make] file should not have the name of a pulled file: {make.file!r}")
    chat = strict.table(data.get("chat", {}), CHAT, file, "[chat] ")
    strict.one_of(chat.get("tools", ""), TOOLS, file, "[chat] tools")
    notes = ChatNotes(**{**chat, "stop": strict.strings(chat.get("stop", []), file, "[chat] stop")})
    card = {**data, "price": float(data["price"]), "files": files, "sources": sources, "make": make}
    return ModelCard(**{**card, "chat": notes})


def read_pool(file: Path) -> PoolCard:
    """The pool's card in `file`. Raises ConfigError naming file and key."""
    data = strict.table(strict.read_toml(file), POOL, file, "")
    strict.own_name(data, file)
    agents = tuple(_agent(row, file) for row in data.get("agents", []))
    join = strict.strings(data.get("join", []), file, "join")
    if bool(agents) == bool(join):
        raise ConfigError(f'{file}: agents is empty; give at least one [[agents]], or join = ["POOL", …]')
    if len({agent.name for agent in agents}) < len(agents):
        raise ConfigError(f"{file}: two [[agents]] have the same name")
    return PoolCard(**{**data, "agents": agents, "join": join})


def _joined(pool: PoolCard, pools: Mapping[str, PoolCard]) -> PoolCard:
    """The pool with the agents of those that it joins."""
    agents: dict[str, AgentCard] = {}
    for name in pool.join:
        if name not in pools or pools[name].join:
            raise ConfigError(f"pool {pool.name!r} joins {name!r}, which is no pool with agents of its own")
        agents |= {agent.name: agent for agent in pools[name].agents}
    return dataclasses.replace(pool, agents=tuple(agents.values()))


def _file(row: Any, file: Path) -> FileSpec:
    data = strict.table(row, FILE, file, "[[files]] ")
    strict.plain(data["name"], "files.name", file, "[[files]] name")
    if "sha256" in data:
        strict.plain(data["sha256"], "sha256", file, "[[files]] sha256")
    if not data["bytes"]:
        raise ConfigError(f"{file}: [[files]] bytes should be more than 0")
    return FileSpec(**data)


def _source(row: Any, file: Path, files: tuple[FileSpec, ...]) -> Source:
    kind = row.get("kind") if isinstance(row, dict) else None
    strict.one_of(kind, SOURCES, file, "[[sources]] kind")
    data = strict.table(row, SOURCES[str(kind)], file, "[[sources]] ")
    for key in ("repo", "revision", "package", "version"):
        if key in data:
            strict.plain(data[key], key, file, f"[[sources]] {key}")
    if ".." in PurePosixPath(data.get("folder", "")).parts or data.get("folder", "").startswith("/"):
        raise ConfigError(f"{file}: [[sources]] folder should lie inside the source, is {data['folder']!r}")
    if "path" in data:
        try:
            data["path"] = (file.parent / Path(data["path"]).expanduser()).absolute()  # from the card on
        except RuntimeError as error:
            raise ConfigError(f"{file}: [[sources]] path is {data['path']!r}, the home of nobody") from error
    if kind == "shipped":
        data["path"] = shipped_dir() / data["folder"] / (files[0].name if files else "")
    return Source(**data)


def _make(row: dict[str, Any], file: Path) -> Make:
    strict.one_of(row.get("with"), MAKES, file, "[make] with")
    data = strict.table(row, MAKES[row["with"]], file, "[make] ")
    strict.plain(data["file"], "make.file", file, "[make] file")
    if "to" in data:
        strict.one_of(data["to"], REQUANTIZE, file, "[make] to")
    return Make(how=data.pop("with"), **data)


def _agent(row: Any, file: Path) -> AgentCard:
    data = strict.table(row, AGENT, file, "[[agents]] ")
    return check_agent(AgentCard(**data), f"{file}: [[agents]] {data['name']}")


def check_agent(agent: AgentCard, where: str) -> AgentCard:
    """The agent with plain floats. Raises ConfigError with `where` in front."""
    choices: dict[str, Collection[str]] = {"work": WORKS, "jury": JURIES, "prompts": PROMPTS}
    for key, known in choices.items():
        if getattr(agent, key) not in known:
            names = ", ".join(filter(None, known))
            raise ConfigError(f"{where}: {key} is one of {names}, not {getattr(agent, key)!r}")
    if not strict.NAME.fullmatch(agent.name):
        raise ConfigError(f"{where}: an agent's name is lower case, digits, '.', '_' and '-'")
    if agent.samples < 1:
        raise ConfigError(f"{where}: samples should be at least 1, is {agent.samples}")
    return dataclasses.replace(
        agent,
        price=float(agent.price),
        temperature=float(agent.temperature),
        plan_temperature=float(agent.plan_temperature),
    )
