"""Writing a model's card as TOML, for files and repositories that the user adds."""

from __future__ import annotations

import dataclasses
import os
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_sale.catalog import gguf_header, memory_fit
from edge_sale.catalog.cards import ModelCard, Source, read_model
from edge_sale.errors import ConfigError

if TYPE_CHECKING:
    from tomlkit.items import Table

TOP = ("name", "title", "role", "licence", "parameters", "context", "architecture", "kind", "price")
# kind of source -> its keys in the card
SOURCE_KEYS = {
    "hub": ("kind", "repo", "revision", "folder"),
    "path": ("kind", "path"),
    "wheel": ("kind", "package", "version", "folder", "bytes"),
    "wheels": ("kind", "package", "version", "member", "part_bytes", "parts"),
    "shipped": ("kind", "folder"),
}
LONGEST_TEXT = 200  # characters that a card takes from a GGUF's title or licence


def card_for(file: Path, name: str, price: float, role: str = "", licence: str = "") -> ModelCard:
    """A card for a GGUF where it lies, made from its header. Raises BadModelFile."""
    info = gguf_header.inspect(file)
    shape = memory_fit.shape(info)

    def text(key: str, default: str) -> str:
        value = info.metadata.get(key, default)
        return " ".join(value.split())[:LONGEST_TEXT] if isinstance(value, str) and value.strip() else default

    return ModelCard(
        name=name,
        title=text("general.name", file.stem),
        role=role or ("embed" if shape.encoder else "chat"),
        licence=licence or text("general.license", "unknown"),
        parameters=sum(prod(tensor.shape) for tensor in info.tensors),
        context=shape.trained or 4096,
        architecture=info.architecture,
        price=price,
        sources=(Source("path", path=file),),
        kind=shape.kind,
    )


def save(card: ModelCard, folder: Path, force: bool = False) -> Path:
    """Write the card to `folder` as `NAME.toml`, once it has been read back. Raises ConfigError."""
    file = folder / f"{card.name}.toml"
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; choose another --name, or --force")
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".adding-{os.getpid()}"
    scratch.mkdir()
    try:
        beside = scratch / file.name
        beside.write_text(as_toml(card), encoding="utf-8")
        read_model(beside)  # refuses what would stop the next run
        beside.replace(file)
    finally:
        for left in scratch.iterdir():
            left.unlink()
        scratch.rmdir()
    return file


def as_toml(card: ModelCard) -> str:
    """The card as TOML. Optional keys that are empty are left out."""
    import tomlkit

    document = tomlkit.document()
    for key in TOP:
        document[key] = getattr(card, key)
    sources = [{key: getattr(source, key) for key in SOURCE_KEYS[source.kind]} for source in card.sources]
    for key, rows in (("files", [dataclasses.asdict(spec) for spec in card.files]), ("sources", sources)):
        if rows:
            document.add(tomlkit.nl())
            document.add(key, tomlkit.aot())
            document[key].extend(_table(row) for row in rows)
    if card.make:
        make = dataclasses.asdict(card.make)
        document["make"] = _table({"with": make.pop("how"), **make})
    chat = _table(dataclasses.asdict(card.chat))
    if chat:
        document["chat"] = chat
    return tomlkit.dumps(document)


def _table(values: dict[str, Any]) -> Table:
    import tomlkit

    table = tomlkit.table()
    for key, value in values.items():
        if value is False or value:
            table[key] = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    return table
