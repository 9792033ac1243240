"""From verified files to a model in place: make, inspect, move, write down.

Order matters where a kill may come at any time: the model folder holds a whole file
with its manifest, or counts as not pulled.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import shutil
from pathlib import Path

from edge_sale.catalog import convert, gguf_header, installed
from edge_sale.catalog.cards import FileSpec, ModelCard
from edge_sale.errors import BadModelFile


def install(
    card: ModelCard,
    incoming: Path,
    models_dir: Path,
    keep: bool = False,
    progress: convert.Progress = convert.quiet,
) -> Path:
    """The ready GGUF, made where the card says so from the files in `incoming`, which the caller has just
    verified, and in place.

    With `keep` the pulled originals lie beside it afterwards. Raises BadModelFile, PullFailed.
    """
    command = f"edge-sale pull {card.name} --force"
    made = incoming / card.gguf
    tools: dict[str, str] = {}
    if card.make:
        for spec in card.files:
            if spec.name.endswith(".gguf"):
                gguf_header.inspect(incoming / spec.name, command)
        tools = convert.build(card, incoming, made, progress)
    gguf_header.inspect(made, command)
    size = made.stat().st_size
    if card.make:
        digest = installed.sha256_of(made, lambda done: progress("verifying", done, size))
    else:
        digest = card.files[0].sha256  # read whole and compared just now, under the pull's lock
    manifest = installed.Manifest(made.name, size, digest, installed.made_from(card), tools, _now())

    folder = models_dir / card.name
    target = folder / made.name
    folder.mkdir(parents=True, exist_ok=True)
    before = installed.read_manifest(card, models_dir)
    if before is None or before.sha256 != digest:
        target.unlink(missing_ok=True)  # never an old file beside the new one's manifest
    installed.write_manifest(card, models_dir, manifest)
    made.replace(target)
    installed.write_manifest(card, models_dir, dataclasses.replace(manifest, stamp=installed.stamp_of(target)))
    for stale in folder.glob("*.optimised.gguf"):  # made from what was there before
        stale.unlink()
    if card.make and keep:
        for spec in card.files:
            (incoming / spec.name).replace(folder / spec.name)
    shutil.rmtree(incoming, ignore_errors=True)
    return target


def use_in_place(card: ModelCard, file: Path, models_dir: Path, progress: convert.Progress = convert.quiet) -> Path:
    """A GGUF of the user's or of another program's where it is, pinned by its sha256 from now on.

    Raises BadModelFile where it is not what the card says.
    """
    command = f"edge-sale pull {card.name} --force"
    if not file.is_file():
        raise BadModelFile(f"{file}: no such file")
    gguf_header.inspect(file)
    stamp = installed.stamp_of(file)  # before it is read: what changes meanwhile is read again at the next load
    digest = installed.sha256_of(file, lambda done: progress("verifying", done, stamp[0]))
    for spec in card.files[:1] if not card.make else ():
        if digest != spec.sha256 != "":
            raise BadModelFile(f"{_differs(spec, digest)}; replace it, then: {command}")
    made_from = {spec.name: digest for spec in card.files} if not card.make else installed.made_from(card)
    manifest = installed.Manifest(str(file), stamp[0], digest, made_from, {}, _now(), stamp)
    installed.write_manifest(card, models_dir, manifest)
    return file


def mismatch(file: Path, spec: FileSpec, progress: convert.Progress = convert.quiet) -> str:
    """What is wrong with a whole file, by the card; empty where it is the right one."""
    size = file.stat().st_size
    if size != spec.bytes:
        return f"{spec.name} has {size} bytes, the card says {spec.bytes}"
    digest = installed.sha256_of(file, lambda done: progress(f"verifying {spec.name}", done, size))
    if not spec.sha256:
        return f"{spec.name}: nobody has said what its sha256 should be"
    if digest != spec.sha256:
        return _differs(spec, digest)
    return ""


def _differs(spec: FileSpec, digest: str) -> str:
    return f"sha256 of {spec.name} is {digest[:12]}…, the card says {spec.sha256[:12]}…"


def keep_if_right(beside: Path, target: Path, spec: FileSpec, progress: convert.Progress = convert.quiet) -> str:
    """Moves a fetched file to its name, or removes it and says what is wrong with it."""
    if why := mismatch(beside, spec, progress):
        beside.unlink(missing_ok=True)
        return why
    with beside.open("rb+") as file:
        os.fsync(file.fileno())
    beside.replace(target)
    return ""


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
