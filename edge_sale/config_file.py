"""config.toml: every key that it may hold, and how it is read.

`config.example.toml` explains each key to the user; a test compares the two.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from edge_sale import legacy_names
from edge_sale.environment import has_unknown_home
from edge_sale.project import POLICIES
from edge_sale.toml_tables import NUMBER, Document, Key, Schema, read

LEAST_BATCH = 64  # tokens: as many sequences as may be decoded together

WORKS = ("quick", "drafts", "planner")  # see agents/work_strategies.py
JURIES = ("recoverability", "likert")  # see auction/judging.py
PROMPTS = ("", "trade")  # folders of edge_sale/prompts; empty: those for any instruct model

AGENT: Schema = {
    "model": Key(str),
    "work": Key(str, choices=WORKS),
    "price": Key(NUMBER),
    "jury": Key(str, choices=JURIES),
    "samples": Key(int, least=1),
    "temperature": Key(NUMBER),
    "max_tokens": Key(int),
    "plan_tokens": Key(int),
    "plan_temperature": Key(NUMBER),
    "prompts": Key(str, choices=PROMPTS),
    "about": Key(str),
}
POOL: Schema = {
    "agents": Key(list, words="a list of agents' names"),
    "embedder": Key(str),
    "weights": Key(str),
}
REMOTE: Schema = {
    "url": Key(str),
    "model": Key(str),
    "key": Key(str),
    "price_in": Key(NUMBER),
    "price_out": Key(NUMBER),
    "context": Key(int),
    "location": Key(str),
    "bids": Key(str),
    "seconds": Key(NUMBER),
    "max_tokens": Key(int),
    "prompts": Key(str),
    "logprobs": Key(bool),
}
CONFIG: Schema = {
    "pool": Key(str),
    "weights": Key(str),
    "seed": Key(int),
    "threads": Key(int),
    "gpu_layers": Key(int, least=-math.inf),
    "memory_gb": Key(NUMBER),
    "offline": Key(bool),
    "models_dir": Key(str),
    "sandbox": Key(str, choices=("auto", "bwrap", "none")),
    "engine": Key(
        dict,
        schema={
            "batch_threads": Key(int),
            "batch": Key(int, least=LEAST_BATCH),
            "micro_batch": Key(int),
            "flash_attention": Key(str, choices=("auto", "on", "off")),
            "prefix_cache_mb": Key(int),
        },
    ),
    "auction": Key(
        dict,
        schema={
            "plan_tokens": Key(int),
            "bid_seconds": Key(NUMBER),
            "lessons": Key(int),
            "refine": Key(bool),
            "full_auction": Key(bool),
            "extra_signals": Key(list),
        },
    ),
    "learn": Key(dict, schema={"recalibrate": Key(bool)}),
    "work": Key(dict, schema={"max_tokens": Key(int), "seconds": Key(NUMBER)}),
    "memory": Key(
        dict,
        schema={"enabled": Key(bool), "durable": Key(bool), "max_mb": Key(int), "max_days": Key(NUMBER)},
    ),
    "pools": Key(dict, each=Key(dict, schema=POOL)),
    "agents": Key(dict, each=Key(dict, schema=AGENT)),
    "escalate": Key(
        dict,
        schema={
            "policy": Key(str, choices=POLICIES),
            "thrift": Key(NUMBER, most=1),
            "to": Key(str),
            "currency": Key(str),
            "per_task": Key(NUMBER),
            "per_day": Key(NUMBER),
            "per_month": Key(NUMBER),
            "keep_payload": Key(bool),
        },
    ),
    "remotes": Key(dict, each=Key(dict, schema=REMOTE)),
}


def read_config(file: Path) -> dict[str, Any]:
    """What config.toml sets, under the names of today; nothing where there is no such file.

    Raises ConfigError naming file, line and key. Warns of each old name.
    """
    document = read(file, CONFIG, optional=True)
    _rename(document)
    data = document.check()
    if has_unknown_home(data.get("models_dir", "")):
        what = f"models_dir is {data['models_dir']!r}, and there is no user of that name"
        raise document.error(("models_dir",), what)
    return data


def _rename(document: Document) -> None:
    """Replace what earlier versions called differently."""
    document.rename_value(("pool",), legacy_names.POOLS)
    document.rename_value(("weights",), legacy_names.WEIGHTS)
    document.rename_keys(("auction",), legacy_names.AUCTION)
    document.rename_keys(("pools",), legacy_names.POOLS)
    for name in document.names("pools"):
        document.rename_value(("pools", name, "weights"), legacy_names.WEIGHTS)
    for name in document.names("remotes"):
        document.rename_value(("remotes", name, "bids"), legacy_names.BIDS)
    for key in legacy_names.ENGINE_GONE:
        document.drop(("engine", key))
