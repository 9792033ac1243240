"""Put verified files in place as a model: make its GGUF, inspect it, move it, write its manifest.

The order is such that a kill may come at any time: the model folder holds a whole file with its manifest, or the model
counts as not pulled.
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
    """Put the model in place and return its GGUF, which is made from the files in `incoming` where the card says so.

    The caller has just verified those files. With `keep`, they are kept beside the model. Raises BadModelFile,
    PullFailed.
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
        digest = card.files[0].sha256  # the whole file was just read and compared, under the pull's lock
    manifest = installed.Manifest(made.name, size, digest, installed.made_from(card), tools, _now())

    folder = models_dir / card.name
    target = folder / made.name
    folder.mkdir(parents=True, exist_ok=True)
    previous = installed.read_manifest(card, models_dir)
    if previous is None or previous.sha256 != digest:
        target.unlink(missing_ok=True)  # so that an old file never stands beside the new manifest
    installed.write_manifest(card, models_dir, manifest)
    made.replace(target)
    installed.write_manifest(card, models_dir, dataclasses.replace(manifest, stamp=installed.stamp_of(target)))
    for stale in folder.glob("*.optimised.gguf"):  # they were made from the previous model
        stale.unlink()
    if card.make and keep:
        for spec in card.files:
            (incoming / spec.name).replace(folder / spec.name)
    shutil.rmtree(incoming, ignore_errors=True)
    return target


def use_in_place(card: ModelCard, file: Path, models_dir: Path, progress: convert.Progress = convert.quiet) -> Path:
    """Use a GGUF of the user or of another program where it is. Its sha256 is recorded and holds from now on.

    Raises BadModelFile where it is not what the card says.
    """
    command = f"edge-sale pull {card.name} --force"
    if not file.is_file():
        raise BadModelFile(f"{file}: no such file")
    gguf_header.inspect(file)
    # the stamp is taken before the file is read: where it changes meanwhile, the next load reads it again
    stamp = installed.stamp_of(file)
    digest = installed.sha256_of(file, lambda done: progress("verifying", done, stamp[0]))
    for spec in card.files[:1] if not card.make else ():
        if digest != spec.sha256 != "":
            raise BadModelFile(f"{_differs(spec, digest)}; replace it, then: {command}")
    made_from = {spec.name: digest for spec in card.files} if not card.make else installed.made_from(card)
    manifest = installed.Manifest(str(file), stamp[0], digest, made_from, {}, _now(), stamp)
    installed.write_manifest(card, models_dir, manifest)
    return file


def mismatch(file: Path, spec: FileSpec, progress: convert.Progress = convert.quiet) -> str:
    """Say what is wrong with a whole file according to the card. Empty where it is the right one."""
    size = file.stat().st_size
    if size != spec.bytes:
        return f"{spec.name} has {size} bytes, the card says {spec.bytes}"
    digest = installed.sha256_of(file, lambda done: progress(f"verifying {spec.name}", done, size))
    if not spec.sha256:
        return f"{spec.name}: neither the card nor the hub says its sha256"
    if digest != spec.sha256:
        return _differs(spec, digest)
    return ""


def _differs(spec: FileSpec, digest: str) -> str:
    return f"sha256 of {spec.name} is {digest[:12]}…, the card says {spec.sha256[:12]}…"


def keep_if_right(fetched: Path, target: Path, spec: FileSpec, progress: convert.Progress = convert.quiet) -> str:
    """Move a fetched file to its name, or remove it and return what is wrong with it."""
    if why := mismatch(fetched, spec, progress):
        fetched.unlink(missing_ok=True)
        return why
    with fetched.open("rb+") as file:
        os.fsync(file.fileno())
    fetched.replace(target)
    return ""


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
