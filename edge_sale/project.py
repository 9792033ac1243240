"""What a project says of itself: `.edge-sale.toml`, from the working directory upward.

    private = true        # nothing leaves this machine from here, whatever sub-command is run
    escalate = "never"    # never | ask | auto: how far the remote may be consulted here

A project can only hold back: every file on the way up is read, one that says private is enough, and
the strictest `escalate` counts, the user's own included. So neither a folder deeper down nor a
project that came from elsewhere can open what was closed. A file that cannot be read, or says
something unknown, stops the command: what it meant to close must not stay open.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from edge_sale.errors import ConfigError

NAME = ".edge-sale.toml"
POLICIES = ("never", "ask", "auto")  # from the strictest on


@dataclass(frozen=True, slots=True)
class Project:
    """What the project files around a folder say, taken together."""

    private: Path | None = None  # the file that says so
    escalate: str = "auto"


def find(folder: Path | None = None) -> Project:
    """The project of a folder, the working directory unless given. Raises ConfigError."""
    try:
        here = (folder or Path.cwd()).resolve(strict=True)
    except OSError as error:
        raise ConfigError(
            f"the working directory cannot be looked up ({error.strerror}), so it cannot be told whether it is "
            "private; go to another one"
        ) from error
    private, escalate = None, "auto"
    for place in (here, *here.parents):
        values = _read(place / NAME)
        if values.get("private") and private is None:
            private = place / NAME
        escalate = stricter(escalate, str(values.get("escalate", "auto")))
    return Project(private, escalate)


def stricter(one: str, other: str) -> str:
    """The policy of the two that lets less out."""
    return min(one, other, key=POLICIES.index)


def _read(file: Path) -> dict[str, object]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if file.is_symlink():
            raise ConfigError(f"{file}: is a link to nowhere; a project's file must be readable") from None
        return {}
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    for key, value in data.items():
        if key not in ("private", "escalate"):
            raise ConfigError(f"{file}: unknown key {key!r}; known: escalate, private")
        if key == "private" and not isinstance(value, bool):
            raise ConfigError(f"{file}: private should be true or false, is {value!r}")
        if key == "escalate" and value not in POLICIES:
            raise ConfigError(f"{file}: escalate is never, ask or auto, not {value!r}")
    return data
