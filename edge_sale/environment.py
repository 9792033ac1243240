"""The process's environment variables. No other module of edge_sale reads `os.environ`.

Functions that look variables up take them as a mapping, so that tests can pass their own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from edge_sale.errors import ConfigError

APP = "edge-sale"
VARIABLES: Mapping[str, str] = os.environ  # of this process, as they are at the time of each look


# --- edge-sale's own variables ---


def folders(environ: Mapping[str, str] = VARIABLES) -> tuple[Path, Path, Path]:
    """The folders for configuration, data and caches: in EDGE_SALE_HOME, or where the platform keeps them.

    Raises ConfigError where EDGE_SALE_HOME begins with the home of an unknown user.
    """
    if home := environ.get("EDGE_SALE_HOME"):
        if has_unknown_home(home):
            raise ConfigError(f"EDGE_SALE_HOME is {home}, and there is no user of that name")
        folder = expanded(home)
        return folder, folder, folder / "cache"
    import platformdirs

    return platformdirs.user_config_path(APP), platformdirs.user_data_path(APP), platformdirs.user_cache_path(APP)


def models_folder(environ: Mapping[str, str] = VARIABLES) -> Path | None:
    """The folder of models that EDGE_SALE_MODELS names; None where it is not set."""
    return Path(environ["EDGE_SALE_MODELS"]) if "EDGE_SALE_MODELS" in environ else None


def forced_offline(environ: Mapping[str, str] = VARIABLES) -> bool:
    """Whether EDGE_SALE_OFFLINE forbids all sending, whatever config.toml says. Any value but 0 and "" does."""
    return environ.get("EDGE_SALE_OFFLINE", "") not in ("", "0")


def stay_offline() -> None:
    """Forbid sending for this process and every process that it starts: `--offline`."""
    os.environ["EDGE_SALE_OFFLINE"] = "1"


def variable(name: str, environ: Mapping[str, str] = VARIABLES) -> str | None:
    """The value of one variable that the user names in config.toml, such as a remote's key."""
    return environ.get(name)


# --- the user's secrets ---

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|(?:^|_)(?:PAT|PW)(?:$|_)|DSN|COOKIE", re.IGNORECASE)
_PLACE = re.compile(r"_(?:FILE|PATH|DIR|FOLDER|HOME|ROOT|SOCK|SOCKET)$", re.IGNORECASE)
_LOGIN = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


def own_secrets(environ: Mapping[str, str] = VARIABLES) -> dict[str, str]:
    """The user's keys and passwords, recognised by their variables' names: value -> name.

    A password inside the URL of any variable counts too. Values of fewer than 8 characters are left out: they are
    words rather than keys. Paths are left out too: a value counts as one if it begins like a path (a key may begin
    with / as well) and either exists or belongs to a variable whose name ends in _PATH, _FILE or the like.
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
    return bool(_PLACE.search(name)) or os.path.exists(expanded(value))  # noqa: PTH110 - never raises


# --- other programs' variables ---


def colour_wanted(environ: Mapping[str, str] = VARIABLES) -> bool:
    """False where NO_COLOR is set to anything (no-color.org) or the terminal is dumb."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def hub_token_given(environ: Mapping[str, str] = VARIABLES) -> bool:
    """Whether a hub token is set for this process, as opposed to one stored by an earlier login."""
    return bool(environ.get("HF_TOKEN") or environ.get("HUGGING_FACE_HUB_TOKEN"))


def network_policy(environ: Mapping[str, str] = VARIABLES) -> dict[str, str]:
    """What the environment says of the network (mirror, offline, proxy), without logins."""
    said = {"mirror": environ.get("HF_ENDPOINT", ""), "offline": environ.get("HF_HUB_OFFLINE", "")}
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        value = environ.get(name) or environ.get(name.lower()) or ""
        said["proxy"] = said.get("proxy") or value.rpartition("@")[2]
    return {name: value for name, value in said.items() if value not in ("", "0")}


def model_caches(environ: Mapping[str, str] = VARIABLES) -> tuple[tuple[str, Path], ...]:
    """Where other programs on this machine keep GGUF files, as (program, folder): the folders that can be read.

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
    caches = (
        ("hub", expanded(hub)),
        ("ollama", expanded(environ.get("OLLAMA_MODELS") or home / ".ollama" / "models")),
        ("ollama", Path("/usr/share/ollama/.ollama/models")),
        ("lmstudio", studio / "models"),
        ("lmstudio", xdg / "lm-studio" / "models"),
        ("llama.cpp", expanded(environ.get("LLAMA_CACHE") or xdg / "llama.cpp")),
    )
    return tuple((program, folder) for program, folder in dict.fromkeys(caches) if _readable(folder))


def _readable(folder: Path) -> bool:
    try:
        return folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
    except OSError:
        return False


# --- environments for child processes ---


def bare_environment(environ: Mapping[str, str] = VARIABLES) -> dict[str, str]:
    """What a child process needs to find its programs and libraries. It has no home and no tokens."""
    wanted = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "OMP_NUM_THREADS", "LANG")
    return {name: environ[name] for name in wanted if name in environ}


def child_environment(**changes: str) -> dict[str, str]:
    """All of this process's environment for a program it starts, with `changes` on top."""
    return {**os.environ, **changes}


# --- home folders ---


def expanded(folder: str | Path) -> Path:
    """The folder with ~ replaced by the user's home; unchanged where there is no such user."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        return Path(folder)


def has_unknown_home(folder: str) -> bool:
    """Whether the folder begins with ~NAME for a user that does not exist."""
    return str(expanded(folder)).startswith("~")
