"""A bounded reader of GGUF headers: what a model file says it is, before llama.cpp sees it.

Covers: magic, version, counts, lengths, types, alignment, the order and place of every
tensor, and whether the file is long enough. Nothing in the file is trusted: every count
is checked against a limit and against the bytes that are there. Does not cover: tensor
contents, the meaning of metadata, chat templates (they are run in a sandbox elsewhere).

Format: ggml's docs/gguf.md; limits and block sizes: ggml's gguf.cpp and ggml-common.h.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge_sale.errors import BadModelFile

MAX_HEADER = 256 << 20
MAX_STRING = 16 << 20
MAX_KEY = 65_535
MAX_NAME = 63  # ggml keeps tensor names in 64 bytes
MAX_ENTRIES = 65_536  # of metadata, and of tensors
MAX_KEPT = 1024  # items of an array of whole numbers: one a layer
FIRST_READ = 8 << 20  # most headers fit: they are read in one go

UINT32, STRING, ARRAY = 4, 8, 9
SCALARS = {
    code: struct.Struct("<" + letter)
    for code, letter in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}
WHOLE = {0, 1, 2, 3, 4, 5, 7, 10, 11}  # whole numbers and booleans
U32, U64 = struct.Struct("<I"), struct.Struct("<Q")

# ggml type -> (name, values in a block, bytes of a block)
TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """A metadata array: the code of its items' type and how many.

    Only short arrays of whole numbers, which describe layers, keep their `items`.
    """

    type: int
    length: int
    items: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor: `shape` with the fastest dimension first, `offset` from the file's start."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    bytes: int


Value = int | float | bool | str | ArrayInfo


@dataclass(frozen=True, slots=True)
class GgufInfo:
    """What a GGUF's header says. `end` is the least size in bytes the file must have."""

    version: int
    architecture: str
    alignment: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_start: int
    end: int


def inspect_start(data: bytes, size: int) -> GgufInfo | None:
    """The header of a file of `size` bytes that begins with `data`; None where it goes on after them.

    Raises BadModelFile.
    """
    try:
        info = _Reader(data).header()
    except _Short:
        return None
    except _Bad as bad:
        raise BadModelFile(f"the file's header: {bad}") from bad
    if info.end > size:
        raise BadModelFile(f"the file's header says it has {info.end} bytes; it has {size}")
    return info


def inspect(path: Path, command: str = "") -> GgufInfo:
    """The header of the GGUF at `path`.

    Raises BadModelFile naming the file, what is wrong, and `command` as the way out.
    """
    way_out = f"; pull it again: {command}" if command else "; get a whole copy of it"
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            return _inspect(file, size)
    except OSError as error:
        raise BadModelFile(f"{path}: cannot be read: {error.strerror or error}{way_out}") from error
    except _Bad as bad:
        raise BadModelFile(f"{path}: {bad}{way_out}") from bad


class _Bad(Exception):
    """What is wrong with the file."""


class _Short(Exception):
    """The header goes on after the bytes read so far."""


def _inspect(file: BinaryIO, size: int) -> GgufInfo:
    read = FIRST_READ
    while True:
        file.seek(0)
        data = file.read(min(read, MAX_HEADER, size))
        try:
            info = _Reader(data).header()
        except _Short:
            if len(data) >= size:
                raise _Bad(f"truncated: its header does not end within its {size} bytes") from None
            if read >= MAX_HEADER:
                raise _Bad(f"its header is longer than {MAX_HEADER >> 20} MiB") from None
            read *= 4
            continue
        if info.end > size:
            raise _Bad(f"truncated: it has {size} bytes, its header says {info.end}")
        return info


class _Reader:
    """A position in the first bytes of a file."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def header(self) -> GgufInfo:
        self.magic()
        version = self.u32()
        if version not in (2, 3):
            swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
            what = "is big-endian" if swapped in (2, 3) else f"is GGUF version {version}; 2 and 3 are known"
            raise _Bad(what)
        n_tensors = self.count(MAX_ENTRIES, "tensors")
        n_metadata = self.count(MAX_ENTRIES, "metadata entries")
        metadata: dict[str, Value] = {}
        for _ in range(n_metadata):
            key = self.text(MAX_KEY, "a metadata key")
            if key in metadata:
                raise _Bad(f"metadata key {key[:80]!r} stands there twice")
            metadata[key] = self.value(key)
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
            raise _Bad(f"general.alignment is {alignment!r}; it should be a power of two")
        architecture = metadata.get("general.architecture")
        if not isinstance(architecture, str) or not architecture:
            raise _Bad("it does not say its general.architecture")
        found = self.tensors(n_tensors, alignment)
        start = _up(self.at, alignment)
        placed = tuple(TensorInfo(t.name, t.shape, t.type, start + t.offset, t.bytes) for t in found)
        end = max((t.offset + t.bytes for t in placed), default=start)
        return GgufInfo(version, architecture, alignment, metadata, placed, start, end)

    def magic(self) -> None:
        if self.data[:4] != b"GGUF":
            raise _Bad(f"not a GGUF file: {looks_like(self.data[:512])}")
        self.at = 4

    def tensors(self, n: int, alignment: int) -> list[TensorInfo]:
        """The tensors' descriptions. ggml wants them in order and without gaps: so do we."""
        found: list[TensorInfo] = []
        names: set[str] = set()
        expected = 0
        for _ in range(n):
            name = self.text(MAX_NAME, "a tensor's name")
            if name in names:
                raise _Bad(f"tensor {name!r} stands there twice")
            names.add(name)
            n_dims = self.u32()
            if not 1 <= n_dims <= 4:
                raise _Bad(f"tensor {name!r} has {n_dims} dimensions; 1 to 4 are known")
            shape = tuple(self.u64() for _ in range(n_dims))
            code = self.u32()
            if code not in TYPES:
                raise _Bad(f"tensor {name!r} is of unknown type {code}")
            kind, block, block_bytes = TYPES[code]
            values = 1
            for dimension in shape:
                values *= dimension
                if not 0 < dimension < 1 << 63 or values >= 1 << 63:
                    raise _Bad(f"tensor {name!r} has an impossible shape {shape}")
            if shape[0] % block:
                raise _Bad(f"tensor {name!r} of type {kind} has rows of {shape[0]}, not of {block}s")
            offset, length = self.u64(), values // block * block_bytes
            if offset != expected:
                raise _Bad(f"tensor {name!r} lies at {offset}, should be at {expected}")
            expected = _up(offset + length, alignment)
            if expected >= 1 << 63:
                raise _Bad(f"tensor {name!r} ends beyond any file")
            found.append(TensorInfo(name, shape, kind, offset, length))
        return found

    def value(self, key: str) -> Value:
        kind = self.u32()
        if kind == STRING:
            return self.text(MAX_STRING, f"the value of {key[:80]!r}")
        if kind == ARRAY:
            item, length = self.u32(), self.u64()
            start = self.at
            self.skip(item, length, key)
            return ArrayInfo(item, length, self.items(item, length, start))
        if kind not in SCALARS:
            raise _Bad(f"metadata key {key[:80]!r} is of unknown type {kind}")
        value: int | float | bool = self.take(SCALARS[kind])
        return value

    def items(self, item: int, length: int, start: int) -> tuple[int, ...]:
        if item not in WHOLE or length > MAX_KEPT:
            return ()
        form = SCALARS[item]
        return tuple(int(form.unpack_from(self.data, start + n * form.size)[0]) for n in range(length))

    def skip(self, item: int, length: int, key: str) -> None:
        """Move behind an array's items without keeping them. Arrays in arrays: llama.cpp has none."""
        if item in SCALARS:
            self.forward(length * SCALARS[item].size)
        elif item == STRING:
            if length * 8 > MAX_HEADER:
                raise _Bad(f"array {key[:80]!r} claims {length} strings")
            data, at, unpack = self.data, self.at, U64.unpack_from
            try:
                for _ in range(length):
                    at += 8 + unpack(data, at)[0]
            except (struct.error, OverflowError) as error:
                raise self.beyond(at) from error
            self.forward(at - self.at)
        else:
            raise _Bad(f"array {key[:80]!r} has items of type {item}, which cannot be")

    def text(self, limit: int, what: str) -> str:
        length = self.u64()
        if length > limit:
            raise _Bad(f"{what} claims {length} bytes; at most {limit} are allowed")
        start = self.at
        self.forward(length)
        return self.data[start : self.at].decode("utf-8", errors="replace")

    def count(self, limit: int, what: str) -> int:
        n = self.u64()
        if n > limit:
            raise _Bad(f"it claims {n} {what}; at most {limit} are allowed")
        return n

    def u32(self) -> int:
        return int(self.take(U32))

    def u64(self) -> int:
        return int(self.take(U64))

    def take(self, form: struct.Struct) -> int | float | bool:
        start = self.at
        self.forward(form.size)
        value: int | float | bool = form.unpack_from(self.data, start)[0]
        return value

    def forward(self, n: int) -> None:
        self.at += n
        if self.at > len(self.data):
            raise self.beyond(self.at)

    def beyond(self, at: int) -> Exception:
        if at > MAX_HEADER:
            return _Bad(f"its header claims to go on to byte {at}; at most {MAX_HEADER} are allowed")
        return _Short()


def looks_like(start: bytes) -> str:
    """What a file with these first bytes is likely to be, for a message."""
    text = start.lstrip().lower()
    signs = (
        (not start, "it is empty"),
        (text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")), "it looks like an HTML page"),
        (text.startswith(b"version https://git-lfs"), "it looks like a git-lfs pointer, not the file itself"),
        (start.startswith(b"PK\x03\x04"), "it looks like a zip archive (or PyTorch weights)"),
        (start.startswith(b"\x1f\x8b"), "it looks like a gzip archive"),
        (start[8:9] == b"{" and start[4:8] == b"\0\0\0\0", "it looks like safetensors"),
        (start[:4] in (b"lmgg", b"tjgg", b"fmgg"), "it is an older format of llama.cpp"),
        (start[:4] == b"FUGG", "its bytes are swapped: big-endian"),
        (text.startswith((b"{", b"[")), "it looks like JSON"),
        (not start.strip(b"\0"), "it begins with zeros, as files of an interrupted download do"),
    )
    return next((what for sign, what in signs if sign), f"it begins with {start[:4]!r}")


def _up(n: int, alignment: int) -> int:
    return -(-n // alignment) * alignment
