"""What is known of the bundled weights: `models/bundled/training.json`, beside the files it is about.

Of each member: sha256 and size of its file, seed, length of training, which data it was trained on, and the
scores that were measured. The data's fingerprint is taken over what the generator makes, so a change of it shows.
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
from training.elsewhere import elsewhere

FILE = "training.json"
SAMPLE = 500  # tasks that stand for all


def fingerprint() -> str:
    """Version of the data, and a digest of the trade, its prompts, the first tasks that it gives and what is not."""
    digest = hashlib.sha256(repr(OPERATIONS).encode())
    digest.update("\0".join(source(name) for name in sorted(names()) if name.startswith("trade/")).encode())
    strange = Random("elsewhere")
    digest.update("\0".join(elsewhere(strange) for _ in range(SAMPLE)).encode())
    for task in itertools.islice(functions.training(0, 1, functions.STEPS), SAMPLE):
        digest.update(f"{task.text}\0{task.plan}\0{task.code}\0".encode())
    return f"{functions.VERSION}-{digest.hexdigest()[:12]}"


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Records by member; none where there is no file."""
    file = folder / FILE
    found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def write(folder: Path, name: str, file: Path, facts: Mapping[str, Any]) -> None:
    """A new record for a newly trained member; scores of older weights go."""
    with _locked():
        about = {"file": file.name, "bytes": file.stat().st_size, "sha256": sha256_of(file), **facts}
        _put(folder, read(folder) | {name: about})


def score(folder: Path, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Adds measured scores to the records, in place of older ones of the same name."""
    with _locked():
        known = read(folder)
        for name, of in scores.items():
            if name in known:
                known[name]["scores"] = {**known[name].get("scores", {}), **of}
        _put(folder, known)


def pin(cards: Path, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Size, digest and parameters of each member's file into every card that ships it."""
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
    beside = folder / f".{FILE}.{os.getpid()}"
    beside.write_text(json.dumps(dict(sorted(records.items())), indent=1) + "\n", encoding="utf-8")
    beside.replace(folder / FILE)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Two members may be finished at the same moment."""
    from filelock import FileLock

    with FileLock(Path(tempfile.gettempdir()) / "edge-sale-family.lock"):
        yield
