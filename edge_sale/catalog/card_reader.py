"""Reading a model's card and a pool's card from TOML, strictly.

What ends up in a path, a URL or a program's arguments has to match a pattern of plain characters.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from edge_sale import config_file, legacy_names
from edge_sale.catalog.card import AgentCard, ChatNotes, FileSpec, Make, ModelCard, PoolCard, Source
from edge_sale.errors import ConfigError
from edge_sale.toml_tables import NUMBER, Document, Key, KeyPath, Schema, read, required

NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
ROLES = ("chat", "embed")
KINDS = ("dense", "hybrid", "sliding-window", "encoder")  # what its layers remember: see catalog/memory_fit.py
TOOLS = ("", "hermes", "qwen-xml", "gemma", "phi", "llama", "lfm")  # how it writes a tool call; empty: none
REQUANTIZE = ("Q4_0", "Q5_0", "Q8_0", "F16")

FILE: Schema = {
    "name": Key(str, required=True, pattern=r"[A-Za-z0-9_][A-Za-z0-9._+-]*"),
    "bytes": Key(int, required=True, least=1),
    "sha256": Key(str, pattern=r"[0-9a-f]{64}"),
}
# [[sources]] kind -> its keys
SOURCES: dict[str, Schema] = {
    "hub": {
        "kind": Key(str, required=True),
        "repo": Key(str, required=True, pattern=r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*"),
        "revision": Key(str, required=True, pattern=r"[A-Za-z0-9_][A-Za-z0-9._/-]*"),
        "folder": Key(str),
    },
    "wheel": {
        "kind": Key(str, required=True),
        "package": Key(str, required=True, pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*"),
        "version": Key(str, required=True, pattern=r"[0-9][A-Za-z0-9.!+_-]*"),
        "folder": Key(str, required=True),
        "bytes": Key(int, required=True),
    },
    "wheels": {
        "kind": Key(str, required=True),
        "package": Key(str, required=True, pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*\{part\}"),
        "version": Key(str, required=True, pattern=r"[0-9][A-Za-z0-9.!+_-]*"),
        "member": Key(str, required=True, pattern=r"[A-Za-z0-9_](?:[A-Za-z0-9._/-]|\{part(?::02)?\})*"),
        "part_bytes": Key(int, required=True, least=1),
        "parts": Key(list, required=True),
    },
    "path": {"kind": Key(str, required=True), "path": Key(str, required=True)},
    "shipped": {"kind": Key(str, required=True), "folder": Key(str, required=True)},
}
# [make] with -> its keys
_GGUF = Key(str, required=True, pattern=r"[A-Za-z0-9_][A-Za-z0-9._+-]*\.gguf")
MAKES: dict[str, Schema] = {
    "requantize": {
        "with": Key(str, required=True),
        "file": _GGUF,
        "to": Key(str, required=True, choices=REQUANTIZE),
    },
    "bert": {"with": Key(str, required=True), "file": _GGUF, "heads": Key(int, required=True)},
}
MODEL: Schema = {
    "name": Key(str, required=True),
    "title": Key(str, required=True),
    "role": Key(str, required=True, choices=ROLES),
    "licence": Key(str, required=True),
    "parameters": Key(int, required=True),
    "context": Key(int, required=True),
    "architecture": Key(str, required=True),
    "price": Key(NUMBER, required=True),
    "files": Key(list, schema=FILE),
    "sources": Key(list, required=True, variants=("kind", SOURCES)),
    "make": Key(dict, variants=("with", MAKES)),
    "chat": Key(
        dict,
        schema={
            "syntax": Key(str),
            "tools": Key(str, choices=TOOLS),
            "thinking": Key(bool),
            "switch": Key(str),
            "stop": Key(list),
            "note": Key(str),
        },
    ),
    "kind": Key(str, choices=KINDS),
}
AGENT: Schema = {
    "name": Key(str, required=True, pattern=NAME),
    **required(config_file.AGENT, "model", "work", "price"),
}
POOL: Schema = {
    "name": Key(str, required=True),
    "title": Key(str, required=True),
    "embedder": Key(str, required=True),
    "weights": Key(str, required=True),
    "agents": Key(list, schema=AGENT),
    "join": Key(list),
    "trade": Key(str),
}


def read_model(file: Path, shipped_dir: Path) -> ModelCard:
    """The model's card in `file`; what comes with edge-sale lies in `shipped_dir`. Raises ConfigError."""
    document = read(file, MODEL)
    data = document.check()
    _check_name(document, file)
    files = tuple(FileSpec(**row) for row in data.get("files", []))
    _check_sources(document, files)
    sources = tuple(_source(row, file, files, shipped_dir) for row in data["sources"])
    make = _make(document, files)
    ships = any(source.kind == "shipped" for source in sources)
    if ships and (make or len(files) != 1 or len(sources) != 1 or not files[0].sha256):
        raise ConfigError(f"{file}: a shipped model is one source and one [[files]] with its sha256, and no [make]")
    if not make and len(files) > 1:
        raise ConfigError(f"{file}: several [[files]] need a [make] that says how they become one GGUF")
    chat = data.get("chat", {})
    notes = ChatNotes(**{**chat, "stop": tuple(chat.get("stop", ()))})
    return ModelCard(**{**data, "files": files, "sources": sources, "make": make, "chat": notes})


def read_pool(file: Path) -> PoolCard:
    """The pool's card in `file`. Raises ConfigError."""
    document = read(file, POOL)
    document.rename_value(("weights",), legacy_names.WEIGHTS)
    data = document.check()
    _check_name(document, file)
    document.rename_value(("name",), legacy_names.POOLS)
    agents = tuple(AgentCard(**row) for row in data.get("agents", []))
    join = tuple(data.get("join", ()))
    if bool(agents) == bool(join):
        raise ConfigError(f'{file}: agents is empty; give at least one [[agents]], or join = ["POOL", …]')
    if again := _repeated([agent.name for agent in agents]):
        raise ConfigError(f"{file}: two [[agents]] have the same name, {again!r}")
    return PoolCard(**{**data, "agents": agents, "join": join})


def _check_name(document: Document, file: Path) -> None:
    """Refuse a card whose name is not its file's: cards are found, and replaced, by file name."""
    pattern = Key(str, pattern=NAME)
    if document.data["name"] != file.stem:
        said = document.data["name"]
        raise document.error(("name",), f"name should be the file's own, {file.stem!r}, is {said!r}")
    document.check_value(file.stem, pattern, ("name",))


def _check_sources(document: Document, files: tuple[FileSpec, ...]) -> None:
    """What a schema cannot say of a model's files and sources."""
    sources = document.data["sources"]
    if not sources:
        raise document.error(("sources",), "sources is empty; give at least one [[sources]]")
    if not files and any(source["kind"] != "path" for source in sources):
        raise ConfigError(f"{document.name}: missing key 'files': what a hub or wheel source should hold")
    if again := _repeated([spec.name for spec in files]):
        raise ConfigError(f"{document.name}: two [[files]] have the same name, {again!r}")
    for place, source in enumerate(sources):
        folder = source.get("folder", "")
        if ".." in PurePosixPath(folder).parts or folder.startswith("/"):
            path: KeyPath = ("sources", place, "folder")
            raise document.error(path, f"[[sources]] folder should lie inside the source, is {folder!r}")
        if source["kind"] == "wheels":
            _check_parts(document, place, files)
        if "path" in source:
            try:
                source["path"] = Path(source["path"]).expanduser()
            except RuntimeError as error:
                what = f"[[sources]] path is {source['path']!r}, and there is no user of that name"
                raise document.error(("sources", place, "path"), what) from error


def _check_parts(document: Document, place: int, files: tuple[FileSpec, ...]) -> None:
    """Parts are of one file with a sha256, and there are as many as the file's size takes."""
    source = document.data["sources"][place]
    path: KeyPath = ("sources", place, "parts")
    for digest in source["parts"]:
        document.check_value(digest, Key(str, pattern=r"[0-9a-f]{64}"), path)
    if len(files) != 1 or not files[0].sha256:
        raise document.error(path, "a wheels source carries one [[files]] with its sha256")
    wanted = -(-files[0].bytes // source["part_bytes"])
    if len(source["parts"]) != wanted:
        what = f"[[sources]] parts should have {wanted} sha256s for {files[0].bytes} bytes, has {len(source['parts'])}"
        raise document.error(path, what)


def _source(row: dict[str, Any], file: Path, files: tuple[FileSpec, ...], shipped_dir: Path) -> Source:
    if row["kind"] == "path":
        return Source("path", path=(file.parent / row["path"]).absolute())  # relative to the card
    if row["kind"] == "shipped":
        return Source(**row, path=shipped_dir / row["folder"] / (files[0].name if files else ""))
    if row["kind"] == "wheels":
        return Source(**{**row, "parts": tuple(row["parts"])})
    return Source(**row)


def _make(document: Document, files: tuple[FileSpec, ...]) -> Make | None:
    row = dict(document.data.get("make", {}))
    if not row:
        return None
    if row["file"] in {spec.name for spec in files}:
        what = f"[make] file should not have the name of a pulled file: {row['file']!r}"
        raise document.error(("make", "file"), what)
    return Make(how=row.pop("with"), **row)


def _repeated(names: list[str]) -> str:
    """The first name that occurs twice; empty where none does."""
    return next((name for place, name in enumerate(names) if name in names[:place]), "")
