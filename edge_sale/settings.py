"""The settings of a run: where its files are, and what config.toml and the environment say.

The folders come from EDGE_SALE_HOME or from the platform, the values from `config.toml` there (see `config_file`).
A project's file can only restrict what the user's settings allow (see `project`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from edge_sale.config_file import read_config
from edge_sale.environment import VARIABLES, expanded, folders, forced_offline, models_folder
from edge_sale.project import find, stricter

# (table, key) of config.toml -> field of Settings, where it is not the key itself
FIELDS = {
    ("work", "seconds"): "work_seconds",
    ("memory", "enabled"): "remember",
    ("memory", "max_mb"): "memory_mb",
    ("memory", "max_days"): "memory_days",
    ("escalate", "to"): "escalate_to",
}
BY_NAME = ("pools", "agents", "remotes")  # tables of tables, kept as they are


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths and values of one run. The command line overrides the file, and the file overrides the defaults."""

    config_file: Path
    models_dir: Path
    cards_dir: Path  # the user's own cards: *.toml, pools/*.toml and weights/*.toml
    memory_file: Path
    egress_log: Path
    crash_dir: Path
    tuned_file: Path
    prefix_dir: Path
    library_dir: Path  # indexes of documents
    undo_dir: Path  # changes that were applied to the user's files, before and after
    sessions_dir: Path
    work_dir: Path  # private copies, deleted after each run
    weights_dir: Path  # versions of fitted weights
    pool: str = ""  # empty: see catalog.pools.in_use
    weights: str = ""  # a weights file's name; empty: the pool's own
    seed: int | None = None  # None: drawn for each run, and recorded
    # None: what `edge-sale tune` measured, else what hardware.processors chooses
    threads: int | None = None
    batch_threads: int | None = None
    batch: int | None = None
    micro_batch: int | None = None
    flash_attention: str | None = None  # auto | on | off
    gpu_layers: int = -1  # -1: all that llama.cpp's build can take
    prefix_cache_mb: int = 512  # on disk; 0: none
    memory_gb: float = 0.0  # for all loaded models together; 0: what is free when a run begins
    offline: bool = False
    sandbox: str = "auto"  # auto | bwrap | none
    plan_tokens: int = 80
    bid_seconds: float = 60.0
    lessons: int = 8
    refine: bool = True
    extra_signals: tuple[str, ...] = ()  # see agents/extra_signals.py
    full_auction: bool = False  # True: also make requests that cannot change the winner
    recalibrate: bool = False  # True: fitted weights follow newer outcomes
    max_tokens: int = 512
    work_seconds: float = 600.0
    remember: bool = True
    record: bool = True  # False: memory is recalled from and not added to (--private)
    durable: bool = False
    memory_mb: int = 1024  # of recorded auctions; beyond it the oldest are forgotten; 0: no limit
    memory_days: float = 0.0  # how long auctions are remembered; 0: no limit
    pools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    agents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    remotes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    private: Path | None = None  # the project's file that says so
    policy: str = "never"  # never | ask | auto: whether the remote may be consulted
    thrift: float = 0.3  # see auction/escalation.py
    escalate_to: str = ""  # the remote that is the fallback; empty: the first
    currency: str = "USD"  # of remotes' prices and budgets
    per_task: float | None = None
    per_day: float | None = None
    per_month: float | None = None
    keep_payload: bool = False

    @property
    def closed(self) -> str:
        """Why nothing may leave this machine, in words; empty where it may."""
        if self.private:
            return f"{self.private} says private = true"
        return "offline is set (--offline, EDGE_SALE_OFFLINE, or offline in config.toml)" if self.offline else ""

    @property
    def places(self) -> tuple[Path, ...]:
        """Every folder and file in which edge-sale keeps data of its own."""
        kept = [getattr(self, one.name) for one in fields(self) if one.name.endswith(("_dir", "_file", "_log"))]
        return (self.config_file.parent, self.memory_file.parent, self.work_dir.parent, *kept)


def load(environ: Mapping[str, str] = VARIABLES) -> Settings:
    """Settings from the environment and config.toml. Creates no file.

    Raises ConfigError naming file, line and key. Warns (legacy_names.OldName) of names of earlier versions.
    """
    config, data, cache = folders(environ)
    said = read_config(config / "config.toml")
    project = find()
    values: dict[str, Any] = {}
    for table, content in said.items():
        if isinstance(content, dict) and table not in BY_NAME:
            for key, value in content.items():
                values[FIELDS.get((table, key)) or key] = value
        else:
            values[table] = content
    values["extra_signals"] = tuple(values.get("extra_signals", ()))
    # without a remote of another operator there is no fallback to escalate to
    far = any(remote.get("location", "remote") == "remote" for remote in said.get("remotes", {}).values())
    values["policy"] = stricter(values.get("policy", "ask" if far else "never"), project.escalate)
    values["models_dir"] = models_folder(environ) or expanded(values.get("models_dir", data / "models"))
    if forced_offline(environ):
        values["offline"] = True
    return Settings(
        config_file=config / "config.toml",
        cards_dir=config / "cards",
        memory_file=data / "memory.sqlite",
        egress_log=data / "egress.jsonl",
        crash_dir=data / "crashes",
        tuned_file=data / "tuned.json",
        weights_dir=data / "weights",
        prefix_dir=cache / "prefixes",
        library_dir=data / "library",
        undo_dir=data / "undo",
        sessions_dir=data / "sessions",
        work_dir=cache / "work",
        private=project.private,
        **values,
    )
