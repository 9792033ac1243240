"""What `edge-sale models` tells about a model, and how it is printed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edge_sale.catalog import gguf_header, installed, memory_fit
from edge_sale.catalog.cards import ModelCard
from edge_sale.catalog.memory_fit import size
from edge_sale.errors import DoesNotFit, ModelMissing
from edge_sale.hardware.memory import Free, free
from edge_sale.settings import Settings

PLANNED = 4096  # tokens of context for --fit, unless --context is given
ROUGHLY = 1.25  # all memory by the size of the weights, for a model whose header is not here to read


def details(card: ModelCard, models_dir: Path) -> dict[str, Any]:
    """Everything known of the model, ready for JSON."""
    known: dict[str, Any] = asdict(card)
    for source, row in zip(card.sources, known["sources"], strict=True):
        row["path"] = str(source.path) if source.kind in ("path", "shipped") else ""
        row["said"] = str(source)
    pins = installed.read_pins(card, models_dir)
    for row in known["files"]:
        row["recorded"] = pins.get(row["name"], "")
    known["bytes"], known["sha256"] = card.bytes, check_of(card, models_dir)
    manifest = installed.read_manifest(card, models_dir)
    file = installed.path_of(card, models_dir, manifest)
    known["here"] = str(file) if manifest and file.is_file() else ""
    known["manifest"] = asdict(manifest) if manifest else None
    return known


def check_of(card: ModelCard, models_dir: Path) -> str:
    """Where the sha256 of the model comes from: "pinned", "recorded", "at first pull" or "your own file"."""
    if not card.files:
        return "your own file"
    if card.pinned:
        return "pinned"
    return "recorded" if installed.pinned(card, models_dir).pinned else "at first pull"


def parameters(count: int) -> str:
    """ "135M", "1.7B"; empty where the number is not known."""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.0f}M" if count else ""


def roughly_fits(card: ModelCard, room: Free) -> bool:
    """Whether it fits, judged by its size alone: for a model that was not pulled yet."""
    return card.bytes * ROUGHLY <= memory_fit.SHARE * room.ram


def fit_of(card: ModelCard, settings: Settings, context: int | None) -> dict[str, Any]:
    """What the model needs, what is free, and what fits this machine; a guess from the card before it is pulled."""
    room = free()
    wanted = context or min(PLANNED, card.context)
    known: dict[str, Any] = {"free": asdict(room), "context": wanted, "exact": True}
    try:
        info = gguf_header.inspect(installed.ready(card, settings.models_dir))
    except ModelMissing:
        whole = int(card.bytes * ROUGHLY)
        known |= {"exact": False, "weights": card.bytes, "total": whole, "fits": roughly_fits(card, room)}
        return known | {"say": "" if known["fits"] else f"about {size(whole)} with its context; choose a smaller one"}
    needs = memory_fit.need(info, wanted)
    known |= {"weights": needs.weights, "kv": needs.kv, "compute": needs.compute, "total": needs.total}
    known |= {"kind": memory_fit.shape(info).kind, "largest_context": memory_fit.largest_context(info, room)}
    try:
        chosen = memory_fit.choose(
            info, room, context=wanted, name=card.name, gpu_layers=settings.gpu_layers, shrink=False
        )
    except DoesNotFit as error:
        return known | {"fits": False, "say": str(error)}
    return known | {"fits": True, "gpu_layers": chosen.gpu_layers, "layers": chosen.layers, "say": ""}


def print_details(known: dict[str, Any]) -> None:
    """Print what is known, a line for each thing."""
    chat = known["chat"]
    rows = [
        ("model", f"{known['name']}: {known['title']}"),
        ("licence", known["licence"]),
        ("size", f"{parameters(known['parameters'])} parameters, {known['kind']} ({known['architecture']})"),
        ("context", f"{known['context']} tokens"),
        ("price", f"${known['price']:g} a million tokens"),
        ("template", chat["syntax"]),
        ("tool calls", chat["tools"]),
        ("thinking", _thinking(chat) if known["role"] == "chat" else ""),
        ("note", chat["note"]),
    ]
    for row in known["files"]:
        digest = row["sha256"] or row["recorded"]
        told = "" if row["sha256"] else " (recorded at the first pull)" if digest else ""
        rows.append(("file", f"{row['name']}, {row['bytes']} bytes"))
        rows.append(("sha256", f"{digest}{told}" if digest else "not known: recorded at the first pull"))
    rows += [("source", row["said"]) for row in known["sources"]]
    rows.append(("here", known["here"] or f"no; edge-sale pull {known['name']}"))
    if (manifest := known["manifest"]) and manifest["original"]:
        rows.append(("optimised", ", ".join(f"{key} {value:.3g}" for key, value in manifest["measured"].items())))
    for name, text in rows:
        if text:
            click.echo(f"{name:<11} {text}")


def _thinking(chat: dict[str, Any]) -> str:
    does = {None: "not known", True: "yes", False: "no"}[chat["thinking"]]
    return f"{does}, switched by {chat['switch']}" if chat["switch"] else does


def print_fit(known: dict[str, Any]) -> None:
    """Print what the model needs, what is free, and whether it fits."""
    click.echo()
    room = known["free"]
    if known["exact"]:
        click.echo(f"{'weights':<11} {size(known['weights'])}")
        click.echo(f"{'context':<11} {size(known['kv'])} for {known['context']} tokens")
        click.echo(f"{'compute':<11} {size(known['compute'])}")
        click.echo(f"{'together':<11} {size(known['total'])}")
    else:
        click.echo(
            f"{'weights':<11} {size(known['weights'])}; about {size(known['total'])} with its context "
            "(exact once it is pulled)"
        )
    click.echo(f"{'free':<11} {size(room['ram'])} of {size(room['total'])}: {room['limit']}")
    for gpu in room["gpus"]:
        click.echo(f"{'gpu':<11} {gpu['name']}: {size(gpu['free'])} of {size(gpu['total'])} free")
    if known["fits"]:
        moved = known.get("gpu_layers")
        layers = f", {moved} of {known['layers'] + 1} layers on the GPU" if moved else ""
        most = f"; the largest that fits: {known['largest_context']} tokens" if known.get("largest_context") else ""
        click.echo(f"{'fits':<11} yes{layers}{most}")
    else:
        click.echo(f"{'fits':<11} no: {known['say']}")
