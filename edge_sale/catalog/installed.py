"""Models on this machine: where they lie, and whether a file is still the one that was pulled.

`models_dir/NAME/FILE.gguf` is a complete, verified file, or it is not there. `NAME.json` beside it is its manifest: its
sha256, what it was made from, and a stamp (size, times, inode). While the stamp stays the same, the sha256 is trusted;
when it changes, the whole file is read again. A model that comes with edge-sale is small, so all of it is read and
compared with its card before every load.

`models_dir/.pins/NAME.json` holds the sha256 of files whose card does not have one, as the first verified pull found
them. It stays when the model is removed: a later pull has to give the same bytes.

Covers: truncation, swapped and edited files, a card that names other files than before. Does not cover: someone who
can write both the file and its manifest, or a file that changes between this check and its loading.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_sale import environment
from edge_sale.catalog import caches, gguf_header
from edge_sale.catalog.cards import FileSpec, ModelCard
from edge_sale.errors import BadModelFile, ModelMissing

CHUNK = 1 << 20
OPTIMISED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*\.optimised\.gguf")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of one model's file.

    `file` is absolute where it lies elsewhere: the user's own file, or one in another program's cache. `original` is
    the manifest of the pulled file, where `file` was made from it by `optimise`.
    """

    file: str
    bytes: int
    sha256: str
    made_from: Mapping[str, str] = field(default_factory=dict)  # pulled file -> sha256
    tools: Mapping[str, str] = field(default_factory=dict)  # program -> version
    date: str = ""  # UTC, ISO 8601
    stamp: tuple[int, int, int, int] = (0, 0, 0, 0)  # size, mtime_ns, ctime_ns, inode
    original: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)  # what `optimise` found


def ready(card: ModelCard, models_dir: Path) -> Path:
    """The model's GGUF, checked. To be called before every load; it takes milliseconds while nothing changed.

    Raises ModelMissing where it was never pulled, and BadModelFile, with the way out, where the file is truncated, is
    no GGUF, or is no longer what its manifest says.
    """
    if card.shipped:
        return _shipped(card, card.shipped)
    manifest = read_manifest(card, models_dir)
    file = path_of(card, models_dir, manifest)
    if manifest is None or not file.is_file():
        raise ModelMissing([card.name], f"edge-sale pull {card.name}")
    command = f"edge-sale pull {card.name} --force"
    if not _made_from_same(manifest, card):
        raise BadModelFile(
            f"{file}: was made from other files than its card names ({card.name}); pull it again: {command}"
        )
    gguf_header.inspect(file, command)
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


def _shipped(card: ModelCard, file: Path) -> Path:
    way_out = "the installation is incomplete; install edge-sale again"
    if not file.is_file():
        raise BadModelFile(f"{file}: comes with edge-sale and is not there ({card.name}): {way_out}")
    digest = sha256_of(file)
    if digest != card.files[0].sha256:
        raise BadModelFile(
            f"{file}: its sha256 is {digest[:12]}…, should be {card.files[0].sha256[:12]}… ({card.name}): {way_out}"
        )
    gguf_header.inspect(file)
    return file


def verify(card: ModelCard, models_dir: Path, progress: Callable[[str, int, int], None]) -> str:
    """The sha256 of the model's file, computed now from every byte. Raises ModelMissing, BadModelFile."""
    file = ready(card, models_dir)
    manifest = read_manifest(card, models_dir)
    assert manifest is not None
    size = file.stat().st_size
    digest = sha256_of(file, lambda done: progress("verifying", done, size))
    if digest != manifest.sha256:  # the stamp is the same and the bytes are not: a bad disk, or a forged stamp
        raise BadModelFile(
            f"{file}: its sha256 is {digest[:12]}…, should be {manifest.sha256[:12]}…; "
            f"pull it again: edge-sale pull {card.name} --force"
        )
    return digest


def missing(cards: Iterable[ModelCard], models_dir: Path) -> list[str]:
    """The names of the models that are not on this machine. Only looks whether the files exist."""
    absent = []
    for card in cards:
        if card.shipped:  # if it is not there, the installation is broken; `ready` says so
            continue
        manifest = read_manifest(card, models_dir)
        if manifest is None or not path_of(card, models_dir, manifest).is_file():
            absent.append(card.name)
    return absent


def path_of(card: ModelCard, models_dir: Path, manifest: Manifest | None = None) -> Path:
    """Where the finished GGUF lies, or would lie once pulled."""
    return models_dir / card.name / (manifest.file if manifest else card.gguf)


def made_from(card: ModelCard) -> dict[str, str]:
    """The sha256 of every file that the card names; an empty one where the card has none."""
    return {spec.name: spec.sha256 for spec in card.files}


def _made_from_same(manifest: Manifest, card: ModelCard) -> bool:
    known = made_from(card)
    return set(manifest.made_from) == set(known) and all(
        sha256 in ("", manifest.made_from[name]) for name, sha256 in known.items()
    )


def pinned(card: ModelCard, models_dir: Path) -> ModelCard:
    """The card, with the sha256 that an earlier pull recorded for each file without one of its own."""
    pins = read_pins(card, models_dir)

    def known(spec: FileSpec) -> FileSpec:
        return spec if spec.sha256 else dataclasses.replace(spec, sha256=pins.get(spec.name, ""))

    return dataclasses.replace(card, files=tuple(map(known, card.files)))


def read_pins(card: ModelCard, models_dir: Path) -> dict[str, str]:
    """The recorded sha256 of each file, by name."""
    try:
        data = json.loads(_pins_file(card, models_dir).read_text(encoding="utf-8"))
        return {str(name): str(pin["sha256"]) for name, pin in data.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def record_pin(card: ModelCard, verified: FileSpec, models_dir: Path) -> None:
    """Record the sha256 of a file just verified, where the card has none for it."""
    if verified.name not in {spec.name for spec in card.files if not spec.sha256}:
        return
    pins = read_pins(card, models_dir) | {verified.name: verified.sha256}
    file = _pins_file(card, models_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, json.dumps({name: {"sha256": sha256} for name, sha256 in pins.items()}, indent=1) + "\n")


def forget_pins(card: ModelCard, models_dir: Path) -> None:
    """Forget the recorded sha256s: the next pull records them again."""
    _pins_file(card, models_dir).unlink(missing_ok=True)


def _pins_file(card: ModelCard, models_dir: Path) -> Path:
    return models_dir / ".pins" / f"{card.name}.json"


def read_manifest(card: ModelCard, models_dir: Path) -> Manifest | None:
    """The model's manifest; None where none can be read, and the model counts as not pulled.

    For a model that comes with edge-sale it is made from the card.
    """
    if card.shipped:
        (spec,) = card.files
        return Manifest(str(card.shipped), spec.bytes, spec.sha256, made_from(card))
    try:
        data = json.loads(_manifest_file(card, models_dir).read_text(encoding="utf-8"))
        manifest = Manifest(**data | {"stamp": tuple(data["stamp"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if not isinstance(manifest.file, str) or not isinstance(manifest.sha256, str):
        return None
    return manifest if _permitted(manifest, card) else None


def _permitted(manifest: Manifest, card: ModelCard) -> bool:
    """Whether the card permits the file that the manifest names."""
    pulled = manifest.original.get("file", manifest.file) if manifest.original else manifest.file
    if manifest.original and not OPTIMISED.fullmatch(manifest.file):
        return False
    if pulled == card.gguf != "":
        return True
    if Path(pulled) in {source.path for source in card.sources if source.kind == "path"}:
        return True
    as_pulled = bool(card.files) and card.make is None
    return as_pulled and Path(pulled).is_absolute() and caches.inside(environment.model_caches(), Path(pulled))


def write_manifest(card: ModelCard, models_dir: Path, manifest: Manifest) -> None:
    """Write the manifest, completely or not at all."""
    file = _manifest_file(card, models_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, json.dumps(dataclasses.asdict(manifest), indent=1) + "\n")


def ours(card: ModelCard, models_dir: Path) -> list[Path]:
    """The files that edge-sale itself put into the model's folder, the manifest last."""
    folder, manifest_file = models_dir / card.name, _manifest_file(card, models_dir)
    if not manifest_file.is_file():
        return []
    manifest = read_manifest(card, models_dir)
    names = [spec.name for spec in card.files] + [card.gguf]
    if manifest:
        names += [manifest.file, str(manifest.original.get("file", ""))]
    found = {folder / name for name in names if name and not Path(name).is_absolute()}
    found |= {folder / Path(name).name for name in names if name and Path(name).parent == folder}
    found |= set(folder.glob(f"{glob.escape(card.name)}.*.optimised.gguf"))
    return [*sorted(file for file in found if file.is_file()), manifest_file]


def _write(file: Path, text: str) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def stamp_of(file: Path) -> tuple[int, int, int, int]:
    """Size, times and inode: all four stay the same while the file is not touched."""
    stat = file.stat()
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def sha256_of(file: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """The file's sha256 in hex. `on_bytes` is called with the number of bytes read so far."""
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
