"""`python -m training`: trains the bundled models and writes them to models/bundled."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING

import click

from edge_sale.catalog.cards import shipped_dir
from edge_sale.errors import EdgeSaleError
from training.record import fingerprint, pin, read, score, write

if TYPE_CHECKING:
    from training.tokens import Vocabulary

NAMES = ("senior", "lists", "texts", "junior")  # the longest first; the embedder is made with the senior
EMBEDDER = "embedder"
NEEDED = "training needs torch and tokenizers; install them with: ./scripts/setup --train"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("build/bundled"),
    show_default=True,
    help="Folder of the vocabulary and checkpoints; a stopped training continues from there.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for GGUF files; default: models/bundled (with --updates: WORK).",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Models to train at a time, one core each."
)
@click.option("--updates", type=click.IntRange(min=1), help="Stop after this many updates, to try things out.")
@click.option(
    "--measure/--no-measure", "scored", default=True, help="Measure the models and record the scores (minutes)."
)
@click.option("--only-measure", is_flag=True, help="Train nothing; measure the files that are there.")
@click.option("--here", is_flag=True, hidden=True, help="Train in this process.")
def train(
    names: tuple[str, ...],
    work: Path,
    out: Path | None,
    jobs: int,
    updates: int | None,
    scored: bool,
    only_measure: bool,
    here: bool,
) -> None:
    """Train the bundled models NAMES (all of them where none is named), export and measure them.

    \b
    ./scripts/train_bundled             all models, about 50 minutes on two cores
    ./scripts/train_bundled junior      one of them
    ./scripts/bench bundled             how good the committed ones are
    """
    out = out or (work if updates else shipped_dir() / "bundled")
    for folder in (work, out):
        folder.mkdir(parents=True, exist_ok=True)
    if only_measure:
        _measure(out, [name for name in NAMES if not names or name in names])
        return
    try:
        import tokenizers  # noqa: F401
        import torch  # noqa: F401
    except ImportError as missing:
        raise SystemExit(f"edge-sale: {NEEDED} ({missing})") from missing
    _vocabulary(work)
    wanted = [name for name in NAMES if name in names] or list(NAMES)
    if here:
        for name in wanted:
            one(name, work, out, updates, lambda line: click.echo(line, err=True))
        return
    began = time.monotonic()
    limit = ["--updates", str(updates)] if updates else []
    options = ["--here", "--work", str(work), "--out", str(out), *limit]
    commands = [[sys.executable, "-m", "training", name, *options] for name in wanted]
    with ThreadPoolExecutor(jobs) as pool:
        codes = list(pool.map(lambda command: run(command, check=False).returncode, commands))
    if any(codes):
        failed = [name for name, code in zip(wanted, codes, strict=True) if code]
        raise SystemExit(f"edge-sale: training of {', '.join(failed)} ended early; the same command continues it")
    click.echo(f"trained {', '.join(wanted)} in {(time.monotonic() - began) / 60:.0f} minutes -> {out}", err=True)
    if scored and not updates:
        _measure(out, wanted)


def one(name: str, work: Path, out: Path, updates: int | None, tell: Callable[[str], None]) -> None:
    """Train one model and write its file and its record."""
    import dataclasses

    import torch

    from training.export import export
    from training.members import MEMBERS
    from training.tokens import Vocabulary
    from training.train import train as learn

    torch.set_num_threads(1)
    member = MEMBERS[name]
    member = dataclasses.replace(member, updates=updates) if updates else member
    words = Vocabulary.load(_vocabulary(work))
    model = learn(name, member, words, work, tell)
    file = out / f"{name}.gguf"
    export(model, words, file, member.title)
    size = sum(weight.numel() for weight in model.parameters())
    facts = {
        "parameters": size,
        "seed": member.seed,
        "updates": member.updates,
        "batch": member.batch,
        "half": member.course.half,
        "steps": member.course.steps,
        "data": fingerprint(),
        "minutes": round(torch.load(work / f"{name}.checkpoint", weights_only=True)["seconds"] / 60, 1),
    }
    write(out, name, file, facts)
    tell(f"{name}: {size} parameters, {file.stat().st_size} bytes, sha256 {read(out)[name]['sha256'][:12]}…")
    if name == "senior":
        embedder(out, words, tell, member.updates if updates else None)


def embedder(out: Path, words: Vocabulary, tell: Callable[[str], None], updates: int | None) -> None:
    """Tune the embedder from the senior's file in `out` and write its file and its record."""
    from training.embedder import SEED, UPDATES, tuned
    from training.export import export
    from training.load import load

    began = time.monotonic()
    model = tuned(load(out / "senior.gguf"), words, tell, updates or UPDATES)
    file = out / f"{EMBEDDER}.gguf"
    export(model, words, file, "Embedder: tasks of one structure lie close together")
    facts = {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "seed": SEED,
        "updates": updates or UPDATES,
        "from": read(out)["senior"]["sha256"],
        "data": fingerprint(),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    write(out, EMBEDDER, file, facts)
    tell(f"{EMBEDDER}: {facts['parameters']} parameters, {file.stat().st_size} bytes")


def _measure(out: Path, names: Sequence[str]) -> None:
    """Write scores into the record and, for the shipped weights, digests and sizes into the model cards."""
    from edge_sale.evaluation.bundled_tasks.functions import STEPS
    from training.measure import in_steps, of_embedder, of_model

    recorded = read(out).get("senior", {}).get("scores", {})
    best = {n: recorded[key] for n in range(1, STEPS + 1) if (key := f"pass@1, {in_steps(n)}") in recorded}
    measures = {name: partial(of_model, name, out, best) for name in names}
    if "senior" in names:  # the first of them: the junior is compared with it
        measures[EMBEDDER] = partial(of_embedder, out)
    for name, measure in measures.items():
        scores: dict[str, float] = {}
        for figure in measure():
            click.echo(f"{figure.what}: {figure.value:.3g} {figure.unit}", err=True)
            scores[figure.what.partition(": ")[2]] = round(figure.value, 3)
        score(out, {name: scores})
    if out.resolve() == (shipped_dir() / "bundled").resolve():
        pin(shipped_dir(), read(out))


def _vocabulary(work: Path) -> Path:
    """The file of the vocabulary for the present data; made if it is missing."""
    from training.texts import corpus
    from training.tokens import Vocabulary

    file = work / f"vocabulary-{fingerprint()}.json"
    if not file.exists():
        Vocabulary.trained(corpus(12_000)).save(file)
    return file


if __name__ == "__main__":
    try:
        train()
    except EdgeSaleError as error:
        raise SystemExit(f"edge-sale: {error}") from error
