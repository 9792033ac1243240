"""JSON lines on disk: appended as they are made, read back, and continued after a kill.

All benches keep their results in such files. A line is written whole and flushed at once, so a process that is killed
loses at most the line it was writing: the next run drops that line and makes it again. After a power failure more of
the newest lines may be missing; they are made again too.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from edge_sale.errors import EdgeSaleError


class BadRecord(EdgeSaleError):
    """A recorded file that is missing, damaged or incomplete; the message names file and line."""


class JsonlStore:
    """A file of JSON lines that only grows; without a file nothing is kept beyond this process."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self._stream: IO[bytes] | None = None

    def values(self) -> Iterator[Any]:
        """The value of every line. Lines that a kill cut short are skipped."""
        if self.file is None or not self.file.exists():
            return
        data = self.file.read_bytes()
        for line in data[: data.rfind(b"\n") + 1].splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def begin(self, setup: Mapping[str, Any], *more: Mapping[str, Any]) -> None:
        """Continue the file if its first line is `setup`; start a new file with these lines.

        Raises BadRecord, with the name of what differs, for a file of another setup.
        """
        if self.file is None:
            return
        if self.file.exists() and self.file.stat().st_size:
            self._open()
            for where, value in lines(self.file):
                for name, now in setup.items():
                    if value.get(name) != now:
                        self.close()
                        raise BadRecord(
                            f"{where}: these runs have {name} {value.get(name)!r:.80}, now it is {now!r:.80}: "
                            "give another --out, or the same set, models and options to go on"
                        )
                return
        self.append(setup, *more)

    def append(self, *values: Any) -> None:
        """Write the values, a line each. Raises EdgeSaleError where the file cannot be written."""
        if self.file is None:
            return
        try:
            stream = self._stream or self._open()
            stream.write(b"".join(map(_encoded, values)))
            stream.flush()
        except OSError as error:
            raise EdgeSaleError(f"{self.file}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> IO[bytes]:
        """The file, open for appending, without the line that a kill cut short."""
        assert self.file is not None
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.file.open("ab+")
            end = _end_of_whole_lines(self._stream)
            if end < self._stream.seek(0, os.SEEK_END):
                self._stream.truncate(end)
                os.fsync(self._stream.fileno())
        except OSError as error:
            raise EdgeSaleError(f"{self.file}: cannot be written: {error.strerror}") from error
        return self._stream


class KeyedStore:
    """Values by key, in a JsonlStore: what was asked or measured once is not asked or measured again.

    A line is `[key, value]`. Files of older benches, with lines {"key": …, "value": …}, are read too.
    """

    def __init__(self, file: Path | None) -> None:
        self._store = JsonlStore(file)
        self._known: dict[str, Any] = {}
        for line in self._store.values():
            if isinstance(line, dict) and {"key", "value"} <= line.keys():
                self._known[line["key"]] = line["value"]
            elif isinstance(line, list) and len(line) == 2:
                self._known[line[0]] = line[1]

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Any:
        return self._known[name]

    def put(self, name: str, value: Any) -> None:
        """Keep a JSON value under this key."""
        self._known[name] = value
        self._store.append([name, value])

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The value under this key; made and kept if it is not known."""
        if name not in self._known:
            self.put(name, make())
        return self._known[name]

    def fill(
        self,
        names: Sequence[str],
        ask: Callable[[list[int]], Sequence[Any]],
        batch: int,
        progress: Callable[[int], None],
    ) -> list[Any]:
        """The value of every key, in order. `ask` gets the indices of unknown keys, `batch` at a time."""
        wanted = list({name: i for i, name in enumerate(names) if name not in self}.values())
        for start in range(0, len(wanted), batch):
            part = wanted[start : start + batch]
            for i, value in zip(part, ask(part), strict=True):
                self.put(names[i], value)
            progress(len(part))
        return [self[name] for name in names]


def key(*parts: str) -> str:
    """A digest of the parts and of where each ends: ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def write_whole(file: Path, values: Iterable[Any]) -> int:
    """Write all lines to a new file and move it into place; returns their number. Raises EdgeSaleError."""
    count = 0
    staged = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with staged.open("wb") as stream:
            for value in values:
                stream.write(_encoded(value))
                count += 1
        staged.replace(file)
    except OSError as error:
        raise EdgeSaleError(f"{file}: cannot be written: {error.strerror}") from error
    finally:
        staged.unlink(missing_ok=True)
    return count


def lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a JSON-lines file, gzipped or not, with "file, line n". Raises BadRecord for any other line."""
    try:
        name = str(file)
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
            for number, raw in enumerate(stream, start=1):
                where = f"{name}, line {number}"
                if raw.isspace():
                    continue
                try:
                    value = json.loads(raw.decode("utf-8"))
                except (ValueError, RecursionError) as error:
                    raise BadRecord(f"{where}: is not JSON: {error}") from error
                if not isinstance(value, dict):
                    raise BadRecord(f"{where}: should be a JSON object, is {type(value).__name__}")
                yield where, value
    except (OSError, EOFError) as error:
        raise BadRecord(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def take(where: str, value: Mapping[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
    """value[key], which must be there and of this type. Raises BadRecord naming line and key."""
    if key not in value:
        raise BadRecord(f"{where}: has no {key!r}; it has {', '.join(sorted(value)) or 'nothing'}")
    found = value[key]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
        raise BadRecord(f"{where}: {key!r} should be {' or '.join(k.__name__ for k in kinds)}, is {found!r:.60}")
    return found


def _encoded(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can hold
        return json.dumps(value).encode() + b"\n"


def _end_of_whole_lines(stream: IO[bytes]) -> int:
    """The offset behind the last newline; read from the end, as files may be large."""
    place = stream.seek(0, os.SEEK_END)
    while place:
        size = min(place, 1 << 16)
        stream.seek(place - size)
        found = stream.read(size).rfind(b"\n")
        if found >= 0:
            return place - size + found + 1
        place -= size
    return 0
