"""Re-quantizing a model for this CPU. The copy is used only if it is measured to be faster and hardly worse.

Both files are measured one after the other in child processes: tokens a second for prompts and for generation, and
the perplexity on a bundled text (perplexity.txt, written for this), which is the exponential of its mean negative
log-likelihood per token. The pulled original stays until the user drops it. If no copy is better, nothing changes.
"""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sale.catalog import convert, installed, staging, trial_load
from edge_sale.catalog.cards import ModelCard
from edge_sale.catalog.installed import Manifest
from edge_sale.errors import BadModelFile, ModelMissing, PullFailed

TEXT = Path(__file__).with_name("perplexity.txt")
WORSE = 1.05  # the largest factor by which perplexity may grow
FASTER = 1.10  # the least mean speed-up that is worth a second copy
CONTEXT = 1024  # tokens: the text fits
TYPES = ("Q4_0", "Q8_0")  # the types for which CPU back ends have the fastest kernels

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """Tokens a second for prompts and for drawing answers, and perplexity on the bundled text."""

    prompt: float
    draw: float
    perplexity: float

    def __str__(self) -> str:
        return f"prompts {self.prompt:.0f} and answers {self.draw:.1f} tokens/s, perplexity {self.perplexity:.2f}"


@dataclass(frozen=True, slots=True)
class Optimised:
    """The measurements, and `kept`: the type that is in use now, empty where none was better."""

    before: Measured
    tried: Mapping[str, Measured]
    kept: str = ""

    def why(self, to: str) -> str:
        """Whether a candidate is better, in words."""
        found = self.tried[to]
        faster, worse = speed_up(self.before, found), found.perplexity / self.before.perplexity
        verdict = "better" if better(self.before, found) else "not better"
        return f"{to}: {faster:.2f} times as fast, perplexity {worse - 1:+.1%}: {verdict}"


def optimise(
    card: ModelCard,
    models_dir: Path,
    *,
    types: tuple[str, ...] = TYPES,
    threads: int = 1,
    progress: convert.Progress = convert.quiet,
    notice: Notice = lambda line: None,
) -> Optimised:
    """Use the best of `types`, if it is better than the file in use.

    Raises ModelMissing, BadModelFile, PullFailed.
    """
    file = installed.ready(card, models_dir)
    manifest = installed.read_manifest(card, models_dir)
    assert manifest is not None
    if manifest.original:
        raise PullFailed(
            f"{card.name} is optimised already; back to what was pulled: edge-sale models optimise {card.name} --undo"
        )
    scratch = models_dir / ".incoming" / f"{card.name}.optimising"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        if why := staging.lacks_room(scratch, 2 * manifest.bytes):
            raise PullFailed(f"{card.name}: {why}")
        progress("measuring as it is", 0, 0)
        before = measured(file, threads)
        notice(f"as it is: {before}")
        tried: dict[str, Measured] = {}
        for to in types:
            candidate = scratch / f"{card.name}.{to}.optimised.gguf"
            tools = convert.requantize_file(file, candidate, to, progress)
            progress(f"measuring {to}", 0, 0)
            tried[to] = measured(candidate, threads)
            notice(Optimised(before, tried).why(to))
            if not better(before, tried[to]):
                candidate.unlink()
        good = {to: speed_up(before, found) for to, found in tried.items() if better(before, found)}
        if not good:
            return Optimised(before, tried)
        best = max(good, key=lambda to: good[to])
        chosen = scratch / f"{card.name}.{best}.optimised.gguf"
        _use(card, models_dir, chosen, manifest, tools, before, tried[best], progress)
        return Optimised(before, tried, best)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def undo(card: ModelCard, models_dir: Path) -> Path:
    """Go back to the file that was pulled. Raises ModelMissing, BadModelFile."""
    manifest = _optimised(card, models_dir)
    before = Manifest(**{**manifest.original, "stamp": tuple(manifest.original["stamp"])})
    original = installed.path_of(card, models_dir, before)
    if not original.is_file():
        raise ModelMissing([card.name], f"edge-sale pull {card.name} --force (the original was dropped)")
    installed.write_manifest(card, models_dir, before)
    if not Path(manifest.file).is_absolute():
        (models_dir / card.name / manifest.file).unlink(missing_ok=True)
    return installed.ready(card, models_dir)


def drop_original(card: ModelCard, models_dir: Path) -> int:
    """Remove the pulled original of an optimised model; returns its bytes. A file of the user's own stays."""
    manifest = _optimised(card, models_dir)
    name = str(manifest.original["file"])
    original = models_dir / card.name / name
    if Path(name).is_absolute() or not original.is_file():
        return 0
    size = original.stat().st_size
    original.unlink()
    return size


def measured(file: Path, threads: int) -> Measured:
    """Speed and perplexity of a GGUF, in a child process. Raises BadModelFile."""
    limit = 120 + file.stat().st_size / trial_load.PACE
    said, why = trial_load.run(
        file, "--context", str(CONTEXT), "--threads", str(threads), "--speed", "--text", str(TEXT), seconds=limit * 4
    )
    if why:
        raise BadModelFile(f"{file}: cannot be measured: {why}")
    return Measured(float(said["prompt_speed"]), float(said["draw_speed"]), math.exp(float(said["nll"])))


def speed_up(before: Measured, after: Measured) -> float:
    """How many times as fast: the geometric mean of the speed-ups of prompts and of answers."""
    return math.sqrt(after.prompt / before.prompt * after.draw / before.draw)


def better(before: Measured, after: Measured) -> bool:
    """Whether the mean speed-up is at least FASTER, neither speed drops below 0.95, and perplexity is within WORSE."""
    slower = min(after.prompt / before.prompt, after.draw / before.draw)
    return speed_up(before, after) >= FASTER and slower >= 0.95 and after.perplexity <= WORSE * before.perplexity


def _use(
    card: ModelCard,
    models_dir: Path,
    chosen: Path,
    manifest: Manifest,
    tools: dict[str, str],
    before: Measured,
    after: Measured,
    progress: convert.Progress,
) -> None:
    size = chosen.stat().st_size
    digest = installed.sha256_of(chosen, lambda done: progress("verifying", done, size))
    trial_load.loadable(chosen, digest, models_dir)
    folder = models_dir / card.name
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / chosen.name
    with chosen.open("rb+") as file:
        os.fsync(file.fileno())
    chosen.replace(target)
    numbers = {
        "prompt_before": before.prompt,
        "prompt": after.prompt,
        "draw_before": before.draw,
        "draw": after.draw,
        "perplexity_before": before.perplexity,
        "perplexity": after.perplexity,
    }
    original: dict[str, Any] = dataclasses.asdict(manifest)
    installed.write_manifest(
        card,
        models_dir,
        Manifest(
            target.name,
            size,
            digest,
            manifest.made_from,
            tools,
            manifest.date,
            installed.stamp_of(target),
            original,
            numbers,
        ),
    )


def _optimised(card: ModelCard, models_dir: Path) -> Manifest:
    manifest = installed.read_manifest(card, models_dir)
    if manifest is None:
        raise ModelMissing([card.name], f"edge-sale pull {card.name}")
    if not manifest.original:
        raise BadModelFile(
            f"{card.name} is as it was pulled; to look for a faster copy: edge-sale models optimise {card.name}"
        )
    return manifest
