"""TOML files, read strictly: a mistake is one line with the file, the line, the key, and what is known.

A schema maps each key of a table to a `Key`, which says what the key may hold. config.toml, project files, cards and
weights files are all read with this module. It takes the place of a validation library because such libraries know
neither the line of a key nor the keys that would have been right.
"""

from __future__ import annotations

import math
import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edge_sale.errors import ConfigError
from edge_sale.legacy_names import OldNames, renamed, tell

NUMBER = (int, float)
LARGEST = 2**63 - 1  # what 64 bits hold
IN_WORDS: dict[Any, str] = {
    str: "a string",
    int: "a whole number",
    NUMBER: "a number",
    bool: "true or false",
    list: "a list of strings",
    dict: "a table",
}

KeyPath = tuple[str | int, ...]  # such as ("agents", "quick", "price"), or ("files", 0, "bytes") in a list of tables


@dataclass(frozen=True, slots=True)
class Key:
    """What one key of a table may hold.

    `type` is str, int, NUMBER, bool, list or dict. A list is of strings, or of tables where it has a `schema`.
    A number is finite and from `least` to `most`.
    """

    type: Any
    required: bool = False
    least: float = 0
    most: float = LARGEST
    choices: tuple[str, ...] = ()
    pattern: str = ""  # a regular expression that all of a string matches
    schema: Mapping[str, Key] | None = None  # of the table, or of each table in the list
    variants: tuple[str, Mapping[str, Mapping[str, Key]]] | None = None  # a schema for each value of one of its keys
    each: Key | None = None  # of a table whose keys the user names: what every one of them holds
    words: str = ""  # what it should be, where the type does not say enough

    @property
    def described(self) -> str:
        """What the key should hold, in words."""
        if self.type is list and (self.schema or self.variants):
            return "a list of tables"
        return self.words or IN_WORDS[self.type]


ANY_NUMBER = Key(NUMBER, least=-math.inf, most=math.inf)
Schema = Mapping[str, Key]


@dataclass(frozen=True, slots=True)
class Document:
    """The tables of one file. Messages begin with `name`, and have the line where there is a `text` to find it in."""

    name: str
    data: dict[str, Any]
    schema: Schema
    text: str = ""
    former: dict[KeyPath, KeyPath] = field(default_factory=dict)  # path of today -> path in the text

    def check(self) -> dict[str, Any]:
        """The tables, checked, with floats for numbers. Raises ConfigError for the first thing that is wrong."""
        self.check_table(self.data, self.schema, ())
        return self.data

    def check_table(self, values: Any, schema: Schema, path: KeyPath) -> None:
        """Compare one table, which stands at `path`. Raises ConfigError."""
        if not isinstance(values, dict):
            header = _label(path).strip()
            raise self.error(path, f"{header.strip('[]')} should be a table, {header}, is {values!r}")
        for key, value in values.items():
            if key not in schema:
                raise self._unknown(key, schema, path)
            self.check_value(value, schema[key], (*path, key))
            if schema[key].type is NUMBER:
                values[key] = float(value)
        for key, wanted in schema.items():
            if wanted.required and key not in values:
                raise self.error(path, f"missing key {_label(path)}{key!r}; known: {_listed(schema)}")

    def check_value(self, value: Any, key: Key, path: KeyPath) -> None:
        """Compare the value at `path`. Raises ConfigError."""
        name = f"{_label(path[:-1])}{path[-1]}"
        if key.each is not None:
            names = value if isinstance(value, dict) else ()
            self.check_table(value, dict.fromkeys(names, key.each), path)
        elif key.type is dict and (key.schema is not None or key.variants):
            self.check_table(value, self._chosen(value, key, path), path)
        elif not isinstance(value, key.type) or (isinstance(value, bool) and key.type is not bool):
            raise self.error(path, f"{name} should be {key.described}, is {value!r}")
        elif key.type is list and (key.schema is not None or key.variants):
            for place, row in enumerate(value):
                self.check_table(row, self._chosen(row, key, (*path, place)), (*path, place))
        elif key.type is list and not all(isinstance(item, str) for item in value):
            raise self.error(path, f"{name} should be {key.described}, is {value!r}")
        elif key.choices and value not in key.choices:
            raise self.error(path, _not_one_of(name, value, key.choices))
        elif key.pattern and not re.fullmatch(key.pattern, value):
            raise self.error(path, f"{name} should look like {key.pattern}, is {value!r}")
        elif key.type in (int, NUMBER):
            self._check_number(value, key, path, name)

    def _chosen(self, values: Any, key: Key, path: KeyPath) -> Schema:
        """The schema of a table, which may depend on the value of one of its keys."""
        if key.variants is None or not isinstance(values, dict):
            return key.schema or {}
        tag, schemas = key.variants
        if tag not in values:
            raise self.error(path, f"missing key {_label(path)}{tag!r}; it is one of {', '.join(schemas)}")
        if values[tag] not in tuple(schemas):
            raise self.error((*path, tag), _not_one_of(f"{_label(path)}{tag}", values[tag], schemas))
        return schemas[values[tag]]

    def _check_number(self, value: float, key: Key, path: KeyPath, name: str) -> None:
        if not math.isfinite(value):
            raise self.error(path, f"{name} should be a finite number, is {value!r}; for no limit, use a large number")
        if not key.least <= value <= key.most:
            if key.most < LARGEST:
                raise self.error(path, f"{name} should be from {key.least:g} to {key.most:g}, is {value!r}")
            bound = f"{key.least:g} or more" if value < key.least else f"at most {LARGEST}"
            raise self.error(path, f"{name} should be {bound}, is {value!r}")

    def _unknown(self, key: str, schema: Schema, path: KeyPath) -> ConfigError:
        hint = _nearest(key, schema) or _other_table(key, self.schema)
        return self.error((*path, key), f"unknown key {_label(path)}{key!r}; known: {_listed(schema)}{hint}")

    def error(self, path: KeyPath, what: str) -> ConfigError:
        """The error to raise for what is wrong at `path`."""
        return ConfigError(f"{self.place(path)}: {what}")

    def place(self, path: KeyPath) -> str:
        """The file, with the line of `path` where that is known: `config.toml, line 3`."""
        line = self._line(path)
        return f"{self.name}, line {line}" if line else self.name

    def _line(self, path: KeyPath) -> int:
        for length in range(len(path), 0, -1):
            if path[:length] in self.former:
                path = self.former[path[:length]] + path[length:]
        return _line_of(self.text, path) if path else 0

    # --- names of earlier versions ---

    def rename_keys(self, path: KeyPath, names: OldNames) -> None:
        """Give old keys of the table at `path` their names of today, and tell the user."""
        table = _value(self.data, path)
        if not isinstance(table, dict):
            return
        for old, new in names.items():
            if old in table and new not in table:
                if isinstance(table[old], dict):
                    tell(self.place((*path, old)), _label((*path, old)).strip(), _label((*path, new)).strip())
                else:
                    tell(self.place((*path, old)), f"{_label(path)}{old}", new)
                self.former[(*path, new)] = (*path, old)
        current = renamed(table, names)
        table.clear()
        table.update(current)

    def rename_value(self, path: KeyPath, names: OldNames) -> None:
        """Give an old value of the key at `path` its name of today, and tell the user."""
        table, value = _value(self.data, path[:-1]), _value(self.data, path)
        if isinstance(table, dict) and isinstance(value, str) and value in names:
            tell(self.place(path), f"{_label(path[:-1])}{path[-1]} = {value!r}", repr(names[value]))
            table[path[-1]] = names[value]

    def drop(self, path: KeyPath) -> None:
        """Take out a key that does nothing any more, and tell the user."""
        table = _value(self.data, path[:-1])
        if isinstance(table, dict) and path[-1] in table:
            tell(self.place(path), f"{_label(path[:-1])}{path[-1]}")
            del table[path[-1]]

    def names(self, key: str) -> list[str]:
        """The keys of one table at the top; none where it is missing, or not a table."""
        found = self.data.get(key)
        return list(found) if isinstance(found, dict) else []


def read(file: Path, schema: Schema, *, optional: bool = False) -> Document:
    """What the file holds, not yet checked; nothing where it is `optional` and not there.

    Raises ConfigError where it cannot be read or is not TOML.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError | NotADirectoryError):
            return Document(str(file), {}, schema)
        raise ConfigError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text (byte {error.start})") from error
    try:
        return Document(str(file), tomllib.loads(text), schema, text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error


def required(schema: Schema, *names: str) -> Schema:
    """The schema with these keys required."""
    return {name: replace(key, required=name in names) for name, key in schema.items()}


def _line_of(text: str, path: KeyPath) -> int:
    """The line on which the statement begins that sets `path`; 0 where none does.

    tomllib does not say, so beginnings of the text are parsed: it is the first that has the path.
    """
    lines = text.split("\n")

    def parsed(end: int) -> tuple[int, dict[str, Any]]:
        """The longest beginning of at most `end` lines that is TOML by itself."""
        while True:
            try:
                return end, tomllib.loads("\n".join(lines[:end]) + "\n")
            except tomllib.TOMLDecodeError:
                end -= 1

    end = bisect_left(range(len(lines) + 1), True, key=lambda end: _value(parsed(end)[1], path) is not None)
    return parsed(end - 1)[0] + 1 if end <= len(lines) else 0


def _value(data: Any, path: KeyPath) -> Any:
    """What stands at `path`; None where nothing does (TOML has no null)."""
    for part in path:
        if isinstance(data, list) and isinstance(part, int):
            data = data[part] if part < len(data) else None
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def _label(path: KeyPath) -> str:
    """The table as its header says it, with a space: "[agents.quick] ", "[[files]] ", or nothing for the top."""
    names = ".".join(part for part in path if isinstance(part, str))
    if not names:
        return ""
    return f"[[{names}]] " if isinstance(path[-1], int) else f"[{names}] "


def _listed(schema: Schema) -> str:
    def shown(name: str, key: Key) -> str:
        if key.type is dict:
            return f"[{name}]"
        return f"[[{name}]]" if key.type is list and (key.schema or key.variants) else name

    return ", ".join(shown(name, key) for name, key in schema.items())


def _other_table(key: str, schema: Schema) -> str:
    """Where an unknown key would be known: in TOML it is easily written under the wrong header."""
    if key in schema:
        return f"; {key!r} belongs above the first [table] of the file"
    tables = [name for name, table in schema.items() if table.schema and key in table.schema]
    return f"; {key!r} is a key of [{tables[0]}]" if tables else ""


def _not_one_of(name: str, value: object, known: Iterable[str]) -> str:
    names = [word for word in known if word]
    return f"{name} is one of {', '.join(names)}, not {value!r}{_nearest(value, names)}"


def _nearest(word: object, known: Iterable[str]) -> str:
    near = get_close_matches(str(word), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
