"""Models as a run uses them: files checked, fitted to the memory there is, loaded when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_sale.catalog import gguf_header, installed, memory_fit, trial_load
from edge_sale.catalog.cards import ModelCard
from edge_sale.catalog.loaded_models import Loadable, LoadedModels
from edge_sale.errors import ModelMissing
from edge_sale.hardware.memory import free
from edge_sale.hardware.processors import cores
from edge_sale.llama import tuned_file
from edge_sale.llama.tuning import Tuning
from edge_sale.protocols import Embedder, Engine
from edge_sale.settings import Settings

PLANNED = 8192  # tokens that an auction's sequences hold together, about: what a loaded model is counted with


def engine(card: ModelCard, settings: Settings) -> Engine:
    """One model alone, loaded. Raises ModelMissing, BadModelFile."""
    file = _file(card, settings)
    tuned = replace(tuning(card, settings), mapped=not memory_fit.repacks(gguf_header.inspect(file)))
    return _loader(card, file, card.context, tuned, settings)()


def embedder(card: ModelCard, settings: Settings) -> Embedder:
    """One embedder alone, loaded. Raises ModelMissing, BadModelFile."""
    return load_embedder(card, _file(card, settings), settings)


def load_embedder(
    card: ModelCard, file: Path, settings: Settings, spent: Callable[[int, float], None] | None = None
) -> Embedder:
    """The embedder in a file that was checked; `spent` hears the tokens and seconds of each call."""
    from edge_sale.llama.embedder import LlamaEmbedder

    threads = settings.threads or cores()
    return LlamaEmbedder(
        card.name, file, identity(card, settings), threads=threads, gpu_layers=settings.gpu_layers, spent=spent
    )


def identity(card: ModelCard, settings: Settings) -> str:
    """The sha256 of the model's file as it was when it was installed."""
    manifest = installed.read_manifest(card, settings.models_dir)
    return manifest.sha256 if manifest else ""


def checked(card: ModelCard, settings: Settings) -> Path:
    """The model's file: still the one that was pulled, and loaded once in a child process.

    A file that comes with edge-sale is trusted like its code, once its sha256 is right.
    """
    file = installed.ready(card, settings.models_dir)
    if card.shipped:
        return file
    command = f"edge-sale pull {card.name} --force"
    trial_load.loadable(file, identity(card, settings), settings.models_dir, command)
    return file


def tuning(card: ModelCard, settings: Settings) -> Tuning:
    """How llama.cpp runs a model: by the settings, else as measured here, else by the machine's cores."""
    of = identity(card, settings)
    measured = tuned_file.stored(settings.tuned_file, of) if of else None
    wanted: dict[str, Any] = {
        "threads": settings.threads or None,
        "batch_threads": settings.batch_threads,
        "batch": settings.batch,
        "micro_batch": settings.micro_batch,
        "flash": settings.flash_attention,
        "gpu_layers": settings.gpu_layers,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return replace(measured or Tuning(threads=cores()), **given)


def engines(
    cards: Sequence[ModelCard], files: Mapping[str, Path], settings: Settings, tunings: Mapping[str, Tuning]
) -> tuple[LoadedModels[Engine], dict[str, int]]:
    """Engines that are loaded when they are first used, and the context in tokens that each model is given.

    Raises DoesNotFit.
    """
    room = free()
    budget = int(min(memory_fit.SHARE * room.ram, settings.memory_gb * 1e9 or room.ram))
    room = replace(room, ram=int(budget / memory_fit.SHARE))
    models: dict[str, Loadable[Engine]] = {}
    contexts: dict[str, int] = {}
    for card in cards:
        info = gguf_header.inspect(files[card.name])
        fitted = memory_fit.choose(info, room, context=card.context, name=card.name, gpu_layers=settings.gpu_layers)
        contexts[card.name] = fitted.context
        layers = fitted.gpu_layers if room.gpus else settings.gpu_layers
        tuned = replace(tunings[card.name], gpu_layers=layers, mapped=not memory_fit.repacks(info))
        held = memory_fit.choose(
            info, room, context=min(fitted.context, PLANNED), name=card.name, gpu_layers=layers
        ).ram
        load = _loader(card, files[card.name], fitted.context, tuned, settings)
        models[card.name] = Loadable(files[card.name], held, load)
    return LoadedModels(models, budget), contexts


def _loader(card: ModelCard, file: Path, context: int, tuned: Tuning, settings: Settings) -> Callable[[], Engine]:
    def load() -> Engine:
        from edge_sale.llama.engine import LlamaEngine  # importing llama.cpp takes a quarter of a second

        return LlamaEngine(
            card.name,
            file,
            context=context,
            tuning=tuned,
            identity=identity(card, settings),
            prefixes=settings.prefix_dir,
            prefix_bytes=settings.prefix_cache_mb * 2**20,
        )

    return load


def _file(card: ModelCard, settings: Settings) -> Path:
    if installed.missing([card], settings.models_dir):
        raise ModelMissing([card.name], f"edge-sale pull {card.name}")
    return checked(card, settings)
