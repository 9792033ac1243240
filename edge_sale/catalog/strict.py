"""Strict reading of TOML tables: an unknown or missing key or a wrong type is named with its file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from edge_sale.errors import ConfigError

Schema = Mapping[str, tuple[Any, bool]]  # key -> (type, is it required)

NUMBER = (int, float)
SAID = {
    str: "a string",
    int: "a whole number",
    NUMBER: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# what ends up in a path, a URL or a program's arguments has to be plain
PLAIN = {
    "files.name": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*"),
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "repo": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*"),
    "revision": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]*"),
    "package": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "version": re.compile(r"[0-9][A-Za-z0-9.!+_-]*"),
    "make.file": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*\.gguf"),
}


def read_toml(file: Path) -> dict[str, Any]:
    """What stands in the file. Raises ConfigError."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error


def table(row: Any, schema: Schema, file: Path, label: str) -> dict[str, Any]:
    """A copy of `row`, its keys and types as in `schema`. Raises ConfigError; `label` goes before keys."""
    if not isinstance(row, dict):
        raise ConfigError(f"{file}: {label.strip()} should be a table, is {row!r}")
    known = ", ".join(schema)
    for key, value in row.items():
        if key not in schema:
            raise ConfigError(f"{file}: unknown key {label}{key!r}; known: {known}")
        wanted = schema[key][0]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise ConfigError(f"{file}: {label}{key} should be {SAID[wanted]}, is {value!r}")
        if wanted in (int, NUMBER) and not 0 <= value < 2**63:  # NaN and infinity fail this too
            raise ConfigError(f"{file}: {label}{key} should be 0 or more and finite, is {value!r}")
    for key, (_, required) in schema.items():
        if required and key not in row:
            raise ConfigError(f"{file}: missing key {label}{key!r}; known: {known}")
    return dict(row)


def own_name(data: dict[str, Any], file: Path) -> None:
    """Refuses a card whose name is not its file's: cards are found, and replaced, by file name."""
    if data["name"] != file.stem or not NAME.fullmatch(file.stem):
        wanted = f"{file.stem!r} in lower case, digits, '.', '_' and '-'"
        raise ConfigError(f"{file}: name should be the file's own, {wanted}; is {data['name']!r}")


def one_of(value: Any, known: Collection[str], file: Path, label: str) -> None:
    """Refuses a value that is not among the known ones."""
    if value not in tuple(known):
        raise ConfigError(f"{file}: {label} is one of {', '.join(known)}, not {value!r}")


def plain(value: str, pattern: str, file: Path, label: str) -> None:
    """Refuses a value with characters that could mean something in a path, a URL or an argument."""
    if not PLAIN[pattern].fullmatch(value):
        raise ConfigError(f"{file}: {label} should look like {PLAIN[pattern].pattern}, is {value!r}")


def strings(values: list[Any], file: Path, label: str) -> tuple[str, ...]:
    """The values as a tuple, all of them strings."""
    if not all(isinstance(value, str) for value in values):
        raise ConfigError(f"{file}: {label} should be a list of strings, is {values!r}")
    return tuple(values)
