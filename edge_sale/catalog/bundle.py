"""A model as one file, to carry to a machine without a network: its card, its sha256 and its GGUF.

The file is an uncompressed tar with three members of fixed names in this order: card.toml, model.json, model.gguf.
Reading takes these members and nothing else, as a stream, and never writes to a name that the archive chooses. The
GGUF is kept only if its bytes have the sha256 in model.json, and only if that is the sha256 which the receiving
catalogue pins, where it pins one.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from edge_sale.catalog import gguf_header, installed, staging
from edge_sale.catalog.card_writer import as_toml
from edge_sale.catalog.cards import Catalogue, ModelCard, Source, read_model
from edge_sale.catalog.installed import CHUNK, Manifest
from edge_sale.errors import BadModelFile, ConfigError, PullFailed

CARD, MODEL, WEIGHTS = "card.toml", "model.json", "model.gguf"
SMALL = 1 << 20  # bytes: the most that card.toml and model.json may have

Progress = Callable[[str, int, int], None]


def write(card: ModelCard, models_dir: Path, target: Path, progress: Progress) -> Path:
    """Check the model and write it to `target`, completely or not at all.

    Raises ModelMissing, BadModelFile or PullFailed.
    """
    if card.shipped:
        raise ConfigError(f"{card.name} comes with edge-sale: it is on that machine already")
    file = installed.ready(card, models_dir)
    manifest = installed.read_manifest(card, models_dir)
    assert manifest is not None
    if manifest.original:
        raise PullFailed(
            f"{card.name} was optimised for this machine; to export what was pulled, first: "
            f"edge-sale models optimise {card.name} --undo"
        )
    if target.is_dir():
        target = target / f"{card.name}.edge-sale.tar"
    if not target.parent.is_dir():
        raise PullFailed(f"{target.parent}: there is no such folder")
    if target.exists():
        raise PullFailed(f"{target} is there already; name another file, or remove it")
    if why := staging.lacks_room(target.parent if str(target.parent) else Path(), manifest.bytes):
        raise PullFailed(f"{card.name}: {why}")
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with tarfile.open(beside, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, text in ((CARD, as_toml(card)), (MODEL, json.dumps(asdict(manifest)))):
                data = text.encode()
                archive.addfile(_member(name, len(data)), io.BytesIO(data))
            size = file.stat().st_size
            with file.open("rb") as stream:
                counted = _Counted(stream, lambda done: progress("exporting", done, size))
                archive.addfile(_member(WEIGHTS, size), counted)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target


def read(
    bundle: Path, catalogue: Catalogue, models_dir: Path, cards_dir: Path, progress: Progress
) -> tuple[ModelCard, Path]:
    """Verify a bundle's model and add it to this machine, with its card where the catalogue has none of that name.

    Raises BadModelFile, ConfigError or PullFailed, and then leaves nothing behind.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=models_dir) as scratch:
        folder = Path(scratch)
        try:
            with tarfile.open(bundle, "r:") as archive:
                card_text = _small(archive, CARD, bundle)
                said = Manifest(**json.loads(_small(archive, MODEL, bundle)))
                card = _card(card_text, folder, catalogue, said)
                size = said.bytes
                if why := staging.lacks_room(models_dir, size):
                    raise PullFailed(f"{card.name}: {why}")
                member = archive.next()
                stream = archive.extractfile(member) if member and member.name == WEIGHTS else None
                if not member or not stream or member.size != size:
                    raise BadModelFile(f"{bundle}: is an incomplete bundle: {WEIGHTS} is not where it should be")
                made = folder / "weights.gguf"
                with made.open("wb") as out:
                    while chunk := stream.read(CHUNK):
                        out.write(chunk)
                        progress("importing", out.tell(), size)
        except (tarfile.TarError, ValueError, TypeError, OSError) as error:
            if isinstance(error, OSError) and not isinstance(error, tarfile.TarError):
                raise PullFailed(f"{bundle}: {error.strerror or error}") from error
            raise BadModelFile(f"{bundle}: is no bundle of a model, or an incomplete one: {error}") from error
        digest = installed.sha256_of(made, lambda done: progress("verifying", done, size))
        if digest != said.sha256:
            raise BadModelFile(f"{bundle}: its weights' sha256 is {digest[:12]}…, it says {said.sha256[:12]}…")
        gguf_header.inspect(made)
        return card, _install(card, said, made, models_dir, cards_dir, card.name not in catalogue.models)


def _card(text: bytes, folder: Path, catalogue: Catalogue, said: Manifest) -> ModelCard:
    """The catalogue's card of that name, if the bundle matches what it pins; without one, the bundle's card."""
    name = tomllib.loads(text.decode()).get("name")
    if not isinstance(name, str) or (folder / f"{name}.toml").parent != folder:
        raise ConfigError(f"the bundle's card has no usable name: {name!r}")
    file = folder / f"{name}.toml"
    file.write_bytes(text)
    card = read_model(file)
    known = catalogue.models.get(card.name)
    if known is None:
        return card
    mine = installed.made_from(known)
    if any(sha256 not in ("", said.made_from.get(name)) for name, sha256 in mine.items()):
        raise BadModelFile(f"{card.name}: the bundle's model was made from other files than your card names")
    if known.make is None and known.files and known.files[0].sha256 not in ("", said.sha256):
        raise BadModelFile(f"{card.name}: the bundle's sha256 {said.sha256[:12]}… is not the one your card pins")
    return known


def _install(card: ModelCard, said: Manifest, made: Path, models_dir: Path, cards_dir: Path, new: bool) -> Path:
    folder = models_dir / card.name
    name = card.gguf or f"{card.name}.gguf"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    if new and not card.files:  # the other machine's own file, which is now here
        mine = replace(card, sources=(Source("path", path=target),))
        cards_dir.mkdir(parents=True, exist_ok=True)
        (cards_dir / f"{card.name}.toml").write_text(as_toml(mine), encoding="utf-8")
        name = str(target)
    elif not card.files:
        if target not in {source.path for source in card.sources if source.kind == "path"}:
            raise ConfigError(
                f"a card {card.name} of a file of your own is here; remove it first, or keep it: "
                f"edge-sale models rm {card.name} --card"
            )
        name = str(target)
    elif new:
        cards_dir.mkdir(parents=True, exist_ok=True)
        (cards_dir / f"{card.name}.toml").write_text(as_toml(card), encoding="utf-8")
    target.unlink(missing_ok=True)
    made.replace(target)
    manifest = Manifest(
        name, said.bytes, said.sha256, said.made_from, said.tools, said.date, installed.stamp_of(target)
    )
    installed.write_manifest(card, models_dir, manifest)
    return target


def _small(archive: tarfile.TarFile, name: str, bundle: Path) -> bytes:
    member = archive.next()
    stream = archive.extractfile(member) if member and member.name == name and member.isreg() else None
    if not member or not stream or member.size > SMALL:
        raise BadModelFile(f"{bundle}: is no bundle of a model: it should begin with {CARD} and {MODEL}")
    return stream.read()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


class _Counted:
    """A stream that reports its position after every read."""

    def __init__(self, stream: IO[bytes], on_bytes: Callable[[int], None]) -> None:
        self._stream, self._on_bytes = stream, on_bytes

    def read(self, count: int = -1) -> bytes:
        data = self._stream.read(count)
        self._on_bytes(self._stream.tell())
        return data
