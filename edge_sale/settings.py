"""The settings of a run, and the only reader of `os.environ`.

Where things are: `EDGE_SALE_HOME`, or the platform's own folders. What they are:
`config.toml` there. Every key is in `SCHEMA`; `config.example.toml` explains each.
The project around the working directory can only hold back further: see `project`.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from edge_sale.errors import ConfigError
from edge_sale.project import POLICIES, find, stricter

APP = "edge-sale"

LEAST_BATCH = 64  # tokens: as many as sequences may be decoded together
NUMBER = (int, float)
KINDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    NUMBER: "a number",
    bool: "true or false",
    list: "a list",
}
NAMED = ("pools", "agents", "remotes")  # tables of tables: the user gives the names
# table -> key -> type; "" is the top of the file, "*" stands for any name the user gives
SCHEMA: dict[str, dict[str, Any]] = {
    "": {
        "pool": str,
        "weights": str,
        "seed": int,
        "threads": int,
        "gpu_layers": int,
        "offline": bool,
        "models_dir": str,
        "sandbox": str,
        "memory_gb": NUMBER,
    },
    "engine": {
        "batch_threads": int,
        "batch": int,
        "micro_batch": int,
        "flash_attention": str,
        "lookup": bool,
        "prefix_cache_mb": int,
    },
    "auction": {
        "plan_tokens": int,
        "bid_seconds": NUMBER,
        "lessons": int,
        "refine": bool,
        "full_auction": bool,
        "extra_signals": list,
    },
    "learn": {"recalibrate": bool},
    "work": {"max_tokens": int, "seconds": NUMBER},
    "memory": {"enabled": bool, "durable": bool, "max_mb": int, "max_days": NUMBER},
    "pools.*": {"agents": list, "embedder": str, "weights": str},
    "agents.*": {
        "model": str,
        "work": str,
        "price": NUMBER,
        "jury": str,
        "samples": int,
        "temperature": NUMBER,
        "max_tokens": int,
        "plan_tokens": int,
        "plan_temperature": NUMBER,
        "prompts": str,
        "about": str,
    },
    "escalate": {
        "policy": str,
        "thrift": NUMBER,
        "to": str,
        "currency": str,
        "per_task": NUMBER,
        "per_day": NUMBER,
        "per_month": NUMBER,
        "keep_payload": bool,
    },
    "remotes.*": {
        "url": str,
        "model": str,
        "key": str,
        "price_in": NUMBER,
        "price_out": NUMBER,
        "context": int,
        "location": str,
        "bids": str,
        "seconds": NUMBER,
        "max_tokens": int,
        "prompts": str,
        "logprobs": bool,
    },
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths and values of one run; the command line overrides the file, the file the defaults."""

    config_file: Path
    models_dir: Path
    cards_dir: Path  # the user's own cards, *.toml, and pools/*.toml
    memory_file: Path
    egress_log: Path
    crash_dir: Path
    tuned_file: Path
    prefix_dir: Path
    library_dir: Path  # indexes of documents
    undo_dir: Path  # changes that were applied to the user's files, before and after
    sessions_dir: Path
    work_dir: Path  # private copies, gone after each run
    weights_dir: Path  # versions of fitted weights
    pool: str = ""  # empty: see catalog.pools.in_use
    weights: str = ""  # a weights file's name; empty: the pool's own
    seed: int | None = None  # None: drawn anew for each run, and recorded
    # None: what `edge-sale tune` measured, else what engines.machine chooses
    threads: int | None = None
    batch_threads: int | None = None
    batch: int | None = None
    micro_batch: int | None = None
    flash_attention: str | None = None  # auto | on | off
    lookup: bool | None = None
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
    full_auction: bool = False  # True: nothing is left out that cannot change the winner
    recalibrate: bool = False  # fitted weights follow newer outcomes
    max_tokens: int = 512
    work_seconds: float = 600.0
    remember: bool = True
    record: bool = True  # False: memory is recalled from and not added to (--private)
    durable: bool = False
    memory_mb: int = 1024  # of recorded auctions; beyond it the oldest are forgotten; 0: no bound
    memory_days: float = 0.0  # how long auctions are remembered; 0: no bound
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
        """Every folder and file in which edge-sale keeps what is its own."""
        kept = [getattr(self, one.name) for one in fields(self) if one.name.endswith(("_dir", "_file", "_log"))]
        return (self.config_file.parent, self.memory_file.parent, self.work_dir.parent, *kept)


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment and config.toml; creates nothing.

    Raises ConfigError naming key, file and line.
    """
    paths = _paths(environ)
    data = _read(paths["config_file"])
    project = find()
    auction, work, memory = (data.get(name, {}) for name in ("auction", "work", "memory"))
    flat = {k: v for k, v in data.items() if not isinstance(v, dict)}
    flat |= auction
    flat |= data.get("engine", {})
    flat |= data.get("learn", {})
    flat["extra_signals"] = tuple(flat.get("extra_signals", ()))
    for key, name in (("max_tokens", "max_tokens"), ("seconds", "work_seconds")):
        if key in work:
            flat[name] = work[key]
    for key, name in (
        ("enabled", "remember"),
        ("durable", "durable"),
        ("max_mb", "memory_mb"),
        ("max_days", "memory_days"),
    ):
        if key in memory:
            flat[name] = memory[key]
    flat |= {"escalate_to" if key == "to" else key: value for key, value in data.get("escalate", {}).items()}
    # without a remote of somebody else's there is nobody to escalate to
    far = any(values.get("location", "remote") == "remote" for values in data.get("remotes", {}).values())
    flat["policy"] = stricter(flat.get("policy", "ask" if far else "never"), project.escalate)
    if "models_dir" in flat:
        flat["models_dir"] = _expanded(flat["models_dir"])
    if "EDGE_SALE_MODELS" in environ:
        flat["models_dir"] = Path(environ["EDGE_SALE_MODELS"])
    if forced_offline(environ):
        flat["offline"] = True
    tables = {name: data.get(name, {}) for name in NAMED}
    return Settings(**{**paths, **flat}, **tables, private=project.private)


def forced_offline(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether EDGE_SALE_OFFLINE closes the way out, whatever config.toml says; only 0 and nothing do not."""
    return environ.get("EDGE_SALE_OFFLINE", "") not in ("", "0")


def stay_offline() -> None:
    """`--offline`: closes the way out for this process and every one that it starts."""
    os.environ["EDGE_SALE_OFFLINE"] = "1"


def variable(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """One variable that config.toml names, such as a remote's key."""
    return environ.get(name)


_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|(?:^|_)(?:PAT|PW)(?:$|_)|DSN|COOKIE", re.IGNORECASE)
_PLACE = re.compile(r"_(?:FILE|PATH|DIR|FOLDER|HOME|ROOT|SOCK|SOCKET)$", re.IGNORECASE)
_LOGIN = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


def own_secrets(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The user's own keys and passwords, told by their variables' names: value -> name.

    Also the password in any variable's URL. Left out are values under 8 characters, which are words
    rather than keys, and paths: what begins like one and is there, or whose variable says that it is one. A key may
    begin with / as well.
    """
    found: dict[str, str] = {}
    for name, value in environ.items():
        values = [match[1] for match in _LOGIN.finditer(value)]
        if _SECRET.search(name) and not _is_path(name, value):
            values.append(value.strip())
        found |= {text: name for text in values if len(text) >= 8}
    return found


def _is_path(name: str, value: str) -> bool:
    if not re.match(r"[/~.]|[A-Za-z]:\\", value):
        return False
    return bool(_PLACE.search(name)) or os.path.exists(_expanded(value))  # noqa: PTH110 - never raises


def colour_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """False where NO_COLOR is set to anything (no-color.org) or the terminal is dumb."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def model_caches(environ: Mapping[str, str] = os.environ) -> tuple[tuple[str, Path], ...]:
    """Where other programs on this machine keep GGUF files, as (whose, folder): those that are there.

    The hub library's cache, Ollama's (the user's and the service's), LM Studio's and llama.cpp's.
    """
    home = Path.home()
    xdg = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    hub = environ.get("HF_HUB_CACHE") or Path(environ.get("HF_HOME") or xdg / "huggingface") / "hub"
    studio = home / ".lmstudio"
    try:
        studio = Path((home / ".lmstudio-home-pointer").read_text(encoding="utf-8").strip() or studio)
    except (OSError, UnicodeDecodeError):
        pass  # LM Studio writes it only where its home was moved
    folders = (
        ("hub", _expanded(hub)),
        ("ollama", _expanded(environ.get("OLLAMA_MODELS") or home / ".ollama" / "models")),
        ("ollama", Path("/usr/share/ollama/.ollama/models")),
        ("lmstudio", studio / "models"),
        ("lmstudio", xdg / "lm-studio" / "models"),
        ("llama.cpp", _expanded(environ.get("LLAMA_CACHE") or xdg / "llama.cpp")),
    )
    return tuple((whose, folder) for whose, folder in dict.fromkeys(folders) if _readable(folder))


def hub_token_given(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the user set a hub token for this process, rather than having logged in some day."""
    return bool(environ.get("HF_TOKEN") or environ.get("HUGGING_FACE_HUB_TOKEN"))


def network_policy(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the environment says of the network, without anything that could be a password."""
    said = {"mirror": environ.get("HF_ENDPOINT", ""), "offline": environ.get("HF_HUB_OFFLINE", "")}
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        value = environ.get(name) or environ.get(name.lower()) or ""
        said["proxy"] = said.get("proxy") or value.rpartition("@")[2]
    return {name: value for name, value in said.items() if value not in ("", "0")}


def bare_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a child needs to find its programs and libraries, and no more: no home, no tokens."""
    wanted = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "OMP_NUM_THREADS", "LANG")
    return {name: environ[name] for name in wanted if name in environ}


def _readable(folder: Path) -> bool:
    try:
        return folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
    except OSError:
        return False


def child_environment(**changes: str) -> dict[str, str]:
    """This process's environment for a program it starts, with `changes` on top."""
    return {**os.environ, **changes}


def _expanded(folder: str | Path) -> Path:
    """A folder whose ~ is somebody's home; as it is where that is nobody's."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        return Path(folder)


def _nobodys(folder: str) -> bool:
    return str(_expanded(folder)).startswith("~")


def _paths(environ: Mapping[str, str]) -> dict[str, Any]:
    if home := environ.get("EDGE_SALE_HOME"):
        if _nobodys(home):
            raise ConfigError(f"EDGE_SALE_HOME is {home}, and nobody of that name has a home folder")
        config = data = _expanded(home)
        cache = data / "cache"
    else:
        import platformdirs

        config = platformdirs.user_config_path(APP)
        data = platformdirs.user_data_path(APP)
        cache = platformdirs.user_cache_path(APP)
    return {
        "config_file": config / "config.toml",
        "models_dir": data / "models",
        "cards_dir": config / "cards",
        "memory_file": data / "memory.sqlite",
        "egress_log": data / "egress.jsonl",
        "crash_dir": data / "crashes",
        "tuned_file": data / "tuned.json",
        "weights_dir": data / "weights",
        "prefix_dir": cache / "prefixes",
        "library_dir": data / "library",
        "undo_dir": data / "undo",
        "sessions_dir": data / "sessions",
        "work_dir": cache / "work",
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text (byte {error.start})") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    _check(data, text, file)
    return data


def _check(data: dict[str, Any], text: str, file: Path) -> None:
    def fail(table: str, key: str, what: str) -> None:
        raise ConfigError(f"{file}, line {_line(text, table, key)}: {what}")

    def check_table(table: str, values: dict[str, Any], schema: dict[str, Any]) -> None:
        label = f"[{table}] " if table else ""
        for key, value in values.items():
            if key not in schema:
                fail(table, key, f"unknown key {label}{key!r}; known: {', '.join(sorted(schema))}")
            wanted = schema[key]
            right = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
            if not right:
                fail(table, key, f"{label}{key} should be {KINDS[wanted]}, is {value!r}")
            if wanted in (int, NUMBER) and not math.isfinite(value):
                fail(table, key, f"{label}{key} should be a number, is {value!r}; to wait longer, name more seconds")
            if wanted in (int, NUMBER) and value < 0 and key != "gpu_layers":
                fail(table, key, f"{label}{key} cannot be negative, is {value!r}")

    top = {"engine", "auction", "learn", "work", "memory", "escalate", *NAMED}
    for key, value in data.items():
        if key not in top:
            continue
        if not isinstance(value, dict):
            fail("", key, f"{key} should be a table: [{key}]")
        if key in NAMED:
            for name, inner in value.items():
                if not isinstance(inner, dict):
                    fail(key, name, f"{key}.{name} should be a table: [{key}.{name}]")
                check_table(f"{key}.{name}", inner, SCHEMA[f"{key}.*"])
        else:
            check_table(key, value, SCHEMA[key])
    plain = {k: v for k, v in data.items() if k not in top}
    for key in plain:
        if key not in SCHEMA[""]:
            known = ", ".join([*sorted(SCHEMA[""]), *(f"[{name}]" for name in sorted(top))])
            fail("", key, f"unknown key {key!r}; known: {known}")
    check_table("", plain, SCHEMA[""])
    if data.get("sandbox", "auto") not in ("auto", "bwrap", "none"):
        fail("", "sandbox", f"sandbox is auto, bwrap or none, not {data['sandbox']!r}")
    if _nobodys(data.get("models_dir", "")):
        fail("", "models_dir", f"models_dir is {data['models_dir']}, and nobody of that name has a home folder")
    engine = data.get("engine", {})
    if engine.get("flash_attention", "auto") not in ("auto", "on", "off"):
        fail("engine", "flash_attention", f"flash_attention is auto, on or off, not {engine['flash_attention']!r}")
    if engine.get("batch", LEAST_BATCH) < LEAST_BATCH:
        fail("engine", "batch", f"[engine] batch is at least {LEAST_BATCH} tokens, is {engine['batch']}")
    escalate = data.get("escalate", {})
    if escalate.get("policy", "never") not in POLICIES:
        fail("escalate", "policy", f"[escalate] policy is never, ask or auto, not {escalate['policy']!r}")
    if escalate.get("thrift", 0) > 1:
        fail("escalate", "thrift", f"[escalate] thrift is from 0 to 1, is {escalate['thrift']!r}")


def _line(text: str, table: str, key: str) -> int:
    """The line on which `key` of `table` is set: tomllib does not say."""
    here = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
            here = re.sub(r"[\"'\s]", "", header[1])
            if here in (key, f"{table}.{key}") or (not table and here.startswith(f"{key}.")):
                return number
        elif here == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
            return number
    return 1
