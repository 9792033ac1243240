"""A project's own restrictions: `.edge-sale.toml` in the working directory or any folder above it.

    private = true        # nothing leaves this machine from here, whatever command is run
    escalate = "never"    # never | ask | auto: how far the remote may be consulted here

A project can only restrict. Every such file from the working directory upward is read: one that says private is
enough, and the strictest `escalate` counts, the user's own included. So neither a file deeper down nor a project that
somebody else wrote can allow what is forbidden elsewhere. A file that cannot be read, or that says something unknown,
stops the command, because it may have meant to forbid it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sale.errors import ConfigError
from edge_sale.toml_tables import Key, Schema, read

NAME = ".edge-sale.toml"
POLICIES = ("never", "ask", "auto")  # the strictest first
PROJECT: Schema = {"private": Key(bool), "escalate": Key(str, choices=POLICIES)}


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
        escalate = stricter(escalate, values.get("escalate", "auto"))
    return Project(private, escalate)


def stricter(one: str, other: str) -> str:
    """The stricter of two policies."""
    return min(one, other, key=POLICIES.index)


def _read(file: Path) -> dict[str, Any]:
    if file.is_symlink() and not file.exists():
        raise ConfigError(f"{file}: is a link to a file that does not exist; a project's file must be readable")
    return read(file, PROJECT, optional=True).check()
