"""Remote models: what is known of each, where its key is, and how config.toml is changed for it.

A remote is any endpoint that speaks OpenAI's chat completions. With `location = "remote"` it is a fallback in the
auction. With `"lan"` it is a server of the user's own and bids like a local agent; what is sent there leaves the
machine too. The key is never in the file: `key` says where it is.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edge_sale.environment import variable
from edge_sale.errors import ConfigError, ExtraMissing, UnknownName
from edge_sale.settings import Settings

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

SERVICE = "edge-sale"  # the keyring keeps keys under this name
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ALWAYS = ("url", "model", "key", "price_in", "price_out", "location")  # written even where they are the defaults


@dataclass(frozen=True, slots=True)
class Remote:
    """One endpoint and model. Prices are per million tokens, in the currency of [escalate]."""

    name: str
    url: str  # as far as /v1: /chat/completions is added
    model: str
    key: str = "none"  # env:NAME | keyring | none
    price_in: float = 0.0
    price_out: float = 0.0
    context: int = 8192  # tokens of prompt and answer
    location: str = "remote"  # remote | lan
    bids: str = "fallback"  # fallback: estimated from memory | live: asked for a plan like a local agent
    seconds: float = 120.0  # from the first byte sent to the last one received, tries included
    max_tokens: int = 1024
    prompts: str = ""  # a folder of prompts, for a model that was trained to them
    logprobs: bool = False  # whether the endpoint gives them: then plans have an entropy

    @property
    def host(self) -> str:
        """Host and port, as the egress log names them."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def price(self) -> float:
        """The price in the auction's C: the mean of the prices for reading and writing."""
        return (self.price_in + self.price_out) / 2

    @property
    def auctioned(self) -> bool:
        """Whether it is asked to bid, so that every task is sent to it."""
        return self.location == "lan" or self.bids == "live"

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """What these tokens cost."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6


# common endpoints: name -> (url, key, location)
PROVIDERS = {
    "openai": ("https://api.openai.com/v1", "env:OPENAI_API_KEY", "remote"),
    "anthropic": ("https://api.anthropic.com/v1", "env:ANTHROPIC_API_KEY", "remote"),
    "openrouter": ("https://openrouter.ai/api/v1", "env:OPENROUTER_API_KEY", "remote"),
    "llama-server": ("http://127.0.0.1:8080/v1", "none", "lan"),
    "vllm": ("http://127.0.0.1:8000/v1", "none", "lan"),
    "ollama": ("http://127.0.0.1:11434/v1", "none", "lan"),
    "lmstudio": ("http://127.0.0.1:1234/v1", "none", "lan"),
}


def remotes(settings: Settings) -> dict[str, Remote]:
    """Every remote of config.toml by name. Raises ConfigError."""
    return {
        name: check(Remote(name=name, **values), f"{settings.config_file}: [remotes.{name}]")
        for name, values in _complete(settings)
    }


def remote_named(name: str, settings: Settings) -> Remote:
    """The remote of that name. Raises UnknownName."""
    known = remotes(settings)
    if name not in known:
        raise UnknownName("remote", name, known, see="edge-sale remote list")
    return known[name]


def fallback(settings: Settings) -> Remote | None:
    """The remote that is the fallback: the one that `to` in [escalate] names, else the first. Raises UnknownName."""
    known = {name: remote for name, remote in remotes(settings).items() if remote.location == "remote"}
    if settings.escalate_to:
        if settings.escalate_to not in known:
            raise UnknownName("remote", settings.escalate_to, known, see="edge-sale remote list")
        return known[settings.escalate_to]
    return next(iter(known.values()), None)


def check(remote: Remote, where: str) -> Remote:
    """The remote, once its values are found to make sense. Raises ConfigError naming `where` and what is wrong."""
    parts = urlsplit(remote.url)
    if not re.fullmatch(r"[\w][\w.-]*", remote.name):
        raise ConfigError(f"{where}: a remote's name is letters, digits, '.', '_' and '-', not {remote.name!r}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{where}: url should be like https://host/v1, is {remote.url!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"{where}: url should hold no login and no '?' or '#'; key says where the key is")
    if remote.key not in ("keyring", "none") and not re.fullmatch(r"env:\w+", remote.key):
        raise ConfigError(f"{where}: key says where the key is: 'env:NAME', 'keyring' or 'none'; never the key itself")
    if remote.location not in ("remote", "lan"):
        raise ConfigError(f"{where}: location is remote or lan, not {remote.location!r}")
    if remote.bids not in ("fallback", "live"):
        raise ConfigError(f"{where}: bids is fallback or live, not {remote.bids!r}")
    far = remote.location == "remote" and parts.hostname not in LOOPBACK
    if parts.scheme == "http" and remote.key != "none" and far:
        raise ConfigError(f'{where}: the key would go out unencrypted; use https, or location = "lan"')
    if remote.prompts not in ("", "trade"):
        raise ConfigError(f"{where}: prompts is trade, or left out; not {remote.prompts!r}")
    if remote.max_tokens >= remote.context or remote.max_tokens < 1 or remote.seconds <= 0:
        raise ConfigError(f"{where}: max_tokens should be from 1 to below context, and seconds above 0")
    return remote


def key_of(remote: Remote) -> str:
    """The key, from where `remote.key` says; empty where none is needed. Raises ConfigError where it is missing."""
    if remote.key == "none":
        return ""
    if remote.key == "keyring":
        found = _keyring().get_password(SERVICE, remote.name)
        way_out = f"edge-sale remote add {remote.name} … --keyring"
    else:
        name = remote.key.removeprefix("env:")
        found, way_out = variable(name), f"export {name}=…"
    if not found or not found.strip():
        raise ConfigError(f"the key of remote {remote.name!r} is not there ({remote.key}); set it with: {way_out}")
    if not found.strip().isascii() or any(ord(character) < 33 for character in found.strip()):
        raise ConfigError(f"the key of remote {remote.name!r} ({remote.key}) has characters that no key has")
    return str(found).strip()


def keep_key(name: str, key: str) -> None:
    """Store a key in the keyring. Raises ConfigError where the keyring does not take it."""
    import keyring.errors

    try:
        _keyring().set_password(SERVICE, name, key)
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"the keyring did not take the key: {error}; use --key-env instead") from error


def add(remote: Remote, file: Path, *, replace: bool = False) -> None:
    """Write the remote's table into config.toml and leave everything else there as it is. Raises ConfigError."""
    import tomlkit

    document = _document(file)
    tables: Any = document.setdefault("remotes", tomlkit.table(is_super_table=True))
    if remote.name in tables and not replace:
        raise ConfigError(f"{file}: there is a remote {remote.name!r} already; change it with --replace")
    default = Remote(remote.name, remote.url, remote.model)
    table = tomlkit.table()
    for key in Remote.__slots__[1:]:
        value = getattr(remote, key)
        if key in ALWAYS or value != getattr(default, key):
            table[key] = value
    tables[remote.name] = table
    _write(file, document)


def remove(remote: Remote, file: Path) -> None:
    """Take the remote out of config.toml, and its key out of the keyring."""
    document = _document(file)
    tables: Any = document["remotes"]
    del tables[remote.name]
    if not tables:
        del document["remotes"]
    _write(file, document)
    if remote.key == "keyring":
        import keyring.errors

        try:
            _keyring().delete_password(SERVICE, remote.name)
        except keyring.errors.KeyringError:
            pass  # there is none, which is the result that was wanted


def _complete(settings: Settings) -> list[tuple[str, dict[str, Any]]]:
    for name, values in settings.remotes.items():
        if lacking := [key for key in ("url", "model") if key not in values]:
            raise ConfigError(f"{settings.config_file}: [remotes.{name}] needs {', '.join(lacking)}")
    return [(name, dict(values)) for name, values in settings.remotes.items()]


def _keyring() -> Any:
    try:
        import keyring
    except ImportError as error:
        raise ExtraMissing("keyring", "remote") from error
    return keyring


def _document(file: Path) -> TOMLDocument:
    import tomlkit

    return tomlkit.parse(file.read_text(encoding="utf-8") if file.exists() else "")


def _write(file: Path, document: TOMLDocument) -> None:
    """Replace the file at once, so that no reader sees half of it. It keeps its mode."""
    file.parent.mkdir(parents=True, exist_ok=True)
    target = file.resolve()  # a link, such as one to a folder of dotfiles, stays a link
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(document.as_string(), encoding="utf-8")
        beside.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o600)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
