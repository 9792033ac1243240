"""Cards as TOML: written for files and repositories that a user adds, read back by cards.py."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from edge_sale.catalog import gguf_header, memory_fit
from edge_sale.catalog.cards import ModelCard, Source, read_model
from edge_sale.errors import ConfigError


def card_for(file: Path, name: str, price: float, role: str = "", licence: str = "") -> ModelCard:
    """A card for a GGUF where it is, from its header. Raises BadModelFile."""
    info = gguf_header.inspect(file)
    of = memory_fit.shape(info)
    said = info.metadata.get

    def text(key: str, default: str) -> str:
        value = said(key, default)
        return " ".join(value.split())[:200] if isinstance(value, str) and value.strip() else default

    return ModelCard(
        name=name,
        title=text("general.name", file.stem),
        role=role or ("embed" if of.encoder else "chat"),
        licence=licence or text("general.license", "unknown"),
        parameters=sum(_values(tensor.shape) for tensor in info.tensors),
        context=of.trained or 4096,
        architecture=info.architecture,
        price=price,
        sources=(Source("path", path=file),),
        kind=of.kind,
    )


def save(card: ModelCard, folder: Path, force: bool = False) -> Path:
    """Puts the card in place as `NAME.toml`, once it has been read back. Raises ConfigError."""
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
    """The card as a file says it."""
    top = ("name", "title", "role", "licence", "parameters", "context", "architecture", "kind", "price")
    lines = [f"{key} = {_quoted(getattr(card, key))}" for key in top]
    for spec in card.files:
        lines += ["", "[[files]]", *_rows(dataclasses.asdict(spec))]
    for source in card.sources:
        wanted = {
            "hub": ("kind", "repo", "revision", "folder"),
            "path": ("kind", "path"),
            "wheel": ("kind", "package", "version", "folder", "bytes"),
            "shipped": ("kind", "folder"),
        }[source.kind]
        lines += ["", "[[sources]]", *_rows({key: getattr(source, key) for key in wanted})]
    if card.make:
        made = dataclasses.asdict(card.make)
        lines += ["", "[make]", *_rows({"with": made.pop("how"), **made})]
    chat = {key: value for key, value in dataclasses.asdict(card.chat).items() if value is not None}
    if rows := _rows(chat):
        lines += ["", "[chat]", *rows]
    return "\n".join(lines) + "\n"


def _rows(values: dict[str, object]) -> list[str]:
    return [f"{key} = {_quoted(value)}" for key, value in values.items() if value is False or value]


def _quoted(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_quoted, value))}]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04X}" for c in escaped) + '"'


def _values(shape: tuple[int, ...]) -> int:
    count = 1
    for dimension in shape:
        count *= dimension
    return count
