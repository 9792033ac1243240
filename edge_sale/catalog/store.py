"""Models on this machine: where they lie, and whether a file is still the one that was pulled.

`models_dir/NAME/FILE.gguf` is a whole, verified file, or is not there. `NAME.json` beside
it records its sha256, what it was made from, and a stamp (size, times, inode): while the
stamp holds the digest is trusted, when it changes the whole file is read again.

Covers: truncation, swapped and edited files, a card that names other files than before.
Does not cover: someone who can write both the file and its manifest, or a file changed
between this check and its loading.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_sale.catalog import gguf
from edge_sale.catalog.cards import ModelCard
from edge_sale.errors import BadModelFile, ModelMissing

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of one model's file. `file` is absolute where it is the user's own."""

    file: str
    bytes: int
    sha256: str
    made_from: Mapping[str, str] = field(default_factory=dict)  # pulled file -> sha256
    tools: Mapping[str, str] = field(default_factory=dict)  # program -> version
    date: str = ""  # UTC, ISO 8601
    stamp: tuple[int, int, int, int] = (0, 0, 0, 0)  # size, mtime_ns, ctime_ns, inode


def ready(card: ModelCard, models_dir: Path) -> Path:
    """The model's GGUF, checked: call it before every load. Milliseconds while nothing changed.

    Raises ModelMissing where it was never pulled and BadModelFile, with the way out, where
    the file is truncated, is no GGUF, or is no longer what its manifest says.
    """
    manifest = read_manifest(card, models_dir)
    file = path_of(card, models_dir, manifest)
    if manifest is None or not file.is_file():
        raise ModelMissing([card.name], f"edge-sale pull {card.name}")
    command = f"edge-sale pull {card.name} --force"
    if dict(manifest.made_from) != made_from(card):
        raise BadModelFile(
            f"{file}: was made from other files than its card names ({card.name}); pull it again: {command}"
        )
    gguf.inspect(file, command)
    stamp = stamp_of(file)
    if stamp == manifest.stamp:
        return file
    digest = sha256_of(file)
    if digest != manifest.sha256:
        raise BadModelFile(
            f"{file}: its sha256 is {digest[:12]}…, should be {manifest.sha256[:12]}…; "
            f"it was changed since it was pulled; pull it again: {command}"
        )
    try:
        write_manifest(card, models_dir, dataclasses.replace(manifest, stamp=stamp))
    except OSError:
        pass  # a folder that cannot be written to costs a full read each time, nothing else
    return file


def missing(cards: Iterable[ModelCard], models_dir: Path) -> list[str]:
    """The names of the models that are not on this machine. Looks whether files are there, not into them."""
    absent = []
    for card in cards:
        manifest = read_manifest(card, models_dir)
        if manifest is None or not path_of(card, models_dir, manifest).is_file():
            absent.append(card.name)
    return absent


def path_of(card: ModelCard, models_dir: Path, manifest: Manifest | None = None) -> Path:
    """Where the ready GGUF lies, or would lie once pulled."""
    return models_dir / card.name / (manifest.file if manifest else card.gguf)


def made_from(card: ModelCard) -> dict[str, str]:
    """The sha256 of every file that the card names."""
    return {spec.name: spec.sha256 for spec in card.files}


def read_manifest(card: ModelCard, models_dir: Path) -> Manifest | None:
    """The model's manifest; None where there is none that can be read: the model counts as not pulled."""
    try:
        data = json.loads(_manifest_file(card, models_dir).read_text(encoding="utf-8"))
        manifest = Manifest(**data | {"stamp": tuple(data["stamp"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    plain = isinstance(manifest.file, str) and isinstance(manifest.sha256, str)
    own = plain and Path(manifest.file) in {source.path for source in card.sources if source.kind == "path"}
    return manifest if own or (plain and card.gguf and manifest.file == card.gguf) else None


def write_manifest(card: ModelCard, models_dir: Path, manifest: Manifest) -> None:
    """Puts the manifest in place, whole."""
    file = _manifest_file(card, models_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(dataclasses.asdict(manifest), indent=1) + "\n", encoding="utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def stamp_of(file: Path) -> tuple[int, int, int, int]:
    """Size, times and inode: all four stay while nobody touches the file."""
    stat = file.stat()
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def sha256_of(file: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """The file's sha256 in hex; `on_bytes` hears how many bytes are done."""
    digest, done = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if on_bytes:
                on_bytes(done)
    return digest.hexdigest()


def _manifest_file(card: ModelCard, models_dir: Path) -> Path:
    return models_dir / card.name / f"{card.name}.json"
