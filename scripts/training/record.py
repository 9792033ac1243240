"""The record of the bundled weights: `models/bundled/training.json`, staged the files that it describes.

For each model it holds the sha256 and size of its file, the seed, the length of training, the version of the training
data, and the measured scores. The data's fingerprint is a digest of what the generator makes, so it changes with any
change to the generator.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from edge_sale.catalog.installed import sha256_of
from edge_sale.evaluation.bundled_tasks import functions
from edge_sale.evaluation.bundled_tasks.operations import OPERATIONS
from edge_sale.prompts import names, source
from training.tasks import training
from training.unrelated import unrelated_task

FILE = "training.json"
SAMPLE = 500  # tasks of each kind that the fingerprint is taken over


def fingerprint() -> str:
    """Version of the data, and a digest of operations, prompts and the first tasks inside and outside the trade."""
    digest = hashlib.sha256(repr(OPERATIONS).encode())
    digest.update("\0".join(source(name) for name in sorted(names()) if name.startswith("trade/")).encode())
    random = Random("elsewhere")  # the seed of the data that the models were trained on
    digest.update("\0".join(unrelated_task(random) for _ in range(SAMPLE)).encode())
    for task in itertools.islice(training(0, 1, functions.STEPS), SAMPLE):
        digest.update(f"{task.text}\0{task.plan}\0{task.code}\0".encode())
    return f"{functions.VERSION}-{digest.hexdigest()[:12]}"


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The records by model; empty where there is no file."""
    file = folder / FILE
    found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def write(folder: Path, name: str, file: Path, facts: Mapping[str, Any]) -> None:
    """Write the record of a newly trained model, without the scores of its older weights."""
    with _locked():
        about = {"file": file.name, "bytes": file.stat().st_size, "sha256": sha256_of(file), **facts}
        _put(folder, read(folder) | {name: about})


def score(folder: Path, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Add measured scores to the records; a score of the same name is replaced."""
    with _locked():
        known = read(folder)
        for name, of in scores.items():
            if name in known:
                known[name]["scores"] = {**known[name].get("scores", {}), **of}
        _put(folder, known)


def pin(cards: Path, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Write size, digest and parameters of each file into every model card that ships it."""
    for card in sorted(cards.glob("*.toml")):
        text = card.read_text(encoding="utf-8")
        of = [known for known in records.values() if f'name = "{known["file"]}"' in text]
        if 'kind = "shipped"' not in text or not of:
            continue
        values = {"bytes": of[0]["bytes"], "parameters": of[0]["parameters"], "sha256": f'"{of[0]["sha256"]}"'}
        for key, value in values.items():
            text = re.sub(rf"^{key} = \S+", f"{key} = {value}", text, flags=re.MULTILINE)
        card.write_text(text, encoding="utf-8")


def _put(folder: Path, records: Mapping[str, Any]) -> None:
    staged = folder / f".{FILE}.{os.getpid()}"
    staged.write_text(json.dumps(dict(sorted(records.items())), indent=1) + "\n", encoding="utf-8")
    staged.replace(folder / FILE)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """One writer at a time: two models may finish at the same moment."""
    from filelock import FileLock

    with FileLock(Path(tempfile.gettempdir()) / "edge-sale-family.lock"):
        yield
