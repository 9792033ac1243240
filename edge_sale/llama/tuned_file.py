"""The file that remembers what `edge-sale tune` measured.

An entry is valid for one model file (by sha256) on one kind of machine and one version of llama.cpp. For
anything else it is treated as missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_sale.errors import ConfigError
from edge_sale.hardware.processors import cores, processor
from edge_sale.llama.tune import Trial
from edge_sale.llama.tuning import Tuning

REMOVED = {"lookup"}  # settings that earlier versions stored and that no longer exist


def stored(file: Path, identity: str) -> Tuning | None:
    """What was measured on this machine for the model file with that sha256, or None.

    An entry with a setting that this version does not know counts as not measured. Raises ConfigError where the
    file cannot be read.
    """
    entry = _read(file).get(identity)
    if not entry or entry["where"] != _machine():
        return None
    try:
        return Tuning(**{name: value for name, value in entry["tuning"].items() if name not in REMOVED})
    except TypeError:
        return None


def store(file: Path, identity: str, tuning: Tuning, trials: Sequence[Trial]) -> None:
    """Store the tuning and its trials, and keep the entries of other models."""
    entry = {"where": _machine(), "tuning": asdict(tuning), "trials": [asdict(trial) for trial in trials]}
    _write(file, {**_read(file), identity: entry})


def forget(file: Path, identity: str) -> bool:
    """Remove a model's entry, so that the defaults apply again. Returns whether there was one."""
    entries = _read(file)
    known = entries.pop(identity, None) is not None
    if known:
        _write(file, entries)
    return known


def _machine() -> dict[str, Any]:
    """What an entry depends on besides the model file."""
    return {"processor": processor(), "cores": cores(), "llama_cpp": version("llama-cpp-python")}


def _read(file: Path) -> dict[str, Any]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        if not all(isinstance(entry["tuning"], dict) and "where" in entry for entry in entries.values()):
            raise TypeError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{file}: cannot be read as measurements; delete it and run: edge-sale tune") from error
    return dict(entries)


def _write(file: Path, entries: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")  # written whole, then moved into place
    beside.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    beside.replace(file)
