"""Parsing the first bytes of a GGUF. Nothing in them is trusted.

Every count is checked against a limit and against the bytes that are there.
"""

from __future__ import annotations

import struct

from edge_sale.catalog.gguf_types import TYPES, ArrayInfo, GgufInfo, TensorInfo, Value

MAX_HEADER = 256 << 20
MAX_STRING = 16 << 20
MAX_KEY = 65_535
MAX_NAME = 63  # ggml keeps tensor names in 64 bytes
MAX_ENTRIES = 65_536  # of metadata; also of tensors
MAX_KEPT = 1024  # items of an array of whole numbers; such arrays have one item a layer

STRING, ARRAY = 8, 9  # codes of metadata types
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


class BadHeader(Exception):
    """Raised with what is wrong with the header."""


class HeaderGoesOn(Exception):
    """Raised where the header goes on after the bytes read so far."""


class Reader:
    """A position in the first bytes of a file, and the parsing that moves it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def header(self) -> GgufInfo:
        self.magic()
        version = self.u32()
        if version not in (2, 3):
            swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
            what = "is big-endian" if swapped in (2, 3) else f"is GGUF version {version}; 2 and 3 are known"
            raise BadHeader(what)
        n_tensors = self.count(MAX_ENTRIES, "tensors")
        n_metadata = self.count(MAX_ENTRIES, "metadata entries")
        metadata: dict[str, Value] = {}
        for _ in range(n_metadata):
            key = self.text(MAX_KEY, "a metadata key")
            if key in metadata:
                raise BadHeader(f"metadata key {key[:80]!r} occurs twice")
            metadata[key] = self.value(key)
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
            raise BadHeader(f"general.alignment is {alignment!r}; it should be a power of two")
        architecture = metadata.get("general.architecture")
        if not isinstance(architecture, str) or not architecture:
            raise BadHeader("it does not say its general.architecture")
        found = self.tensors(n_tensors, alignment)
        start = _up(self.at, alignment)
        placed = tuple(TensorInfo(t.name, t.shape, t.type, start + t.offset, t.bytes) for t in found)
        end = max((t.offset + t.bytes for t in placed), default=start)
        return GgufInfo(version, architecture, alignment, metadata, placed, start, end)

    def magic(self) -> None:
        if self.data[:4] != b"GGUF":
            raise BadHeader(f"not a GGUF file: {looks_like(self.data[:512])}")
        self.at = 4

    def tensors(self, n: int, alignment: int) -> list[TensorInfo]:
        """The tensors' descriptions. As in ggml, they have to be in order and without gaps."""
        found: list[TensorInfo] = []
        names: set[str] = set()
        expected = 0
        for _ in range(n):
            name = self.text(MAX_NAME, "a tensor's name")
            if name in names:
                raise BadHeader(f"tensor {name!r} occurs twice")
            names.add(name)
            n_dims = self.u32()
            if not 1 <= n_dims <= 4:
                raise BadHeader(f"tensor {name!r} has {n_dims} dimensions; 1 to 4 are known")
            shape = tuple(self.u64() for _ in range(n_dims))
            code = self.u32()
            if code not in TYPES:
                raise BadHeader(f"tensor {name!r} is of unknown type {code}")
            kind, block, block_bytes = TYPES[code]
            values = 1
            for dimension in shape:
                values *= dimension
                if not 0 < dimension < 1 << 63 or values >= 1 << 63:
                    raise BadHeader(f"tensor {name!r} has an impossible shape {shape}")
            if shape[0] % block:
                raise BadHeader(f"tensor {name!r} of type {kind} has rows of {shape[0]}, not of {block}s")
            offset, length = self.u64(), values // block * block_bytes
            if offset != expected:
                raise BadHeader(f"tensor {name!r} lies at {offset}, should be at {expected}")
            expected = _up(offset + length, alignment)
            if expected >= 1 << 63:
                raise BadHeader(f"tensor {name!r} ends beyond any file")
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
            raise BadHeader(f"metadata key {key[:80]!r} is of unknown type {kind}")
        value: int | float | bool = self.take(SCALARS[kind])
        return value

    def items(self, item: int, length: int, start: int) -> tuple[int, ...]:
        if item not in WHOLE or length > MAX_KEPT:
            return ()
        form = SCALARS[item]
        return tuple(int(form.unpack_from(self.data, start + n * form.size)[0]) for n in range(length))

    def skip(self, item: int, length: int, key: str) -> None:
        """Move behind an array's items without keeping them. llama.cpp has no arrays of arrays."""
        if item in SCALARS:
            self.forward(length * SCALARS[item].size)
        elif item == STRING:
            if length * 8 > MAX_HEADER:
                raise BadHeader(f"array {key[:80]!r} claims {length} strings")
            data, at, unpack = self.data, self.at, U64.unpack_from
            try:
                for _ in range(length):
                    at += 8 + unpack(data, at)[0]
            except (struct.error, OverflowError) as error:
                raise self.beyond(at) from error
            self.forward(at - self.at)
        else:
            raise BadHeader(f"array {key[:80]!r} has items of type {item}, which is not possible")

    def text(self, limit: int, what: str) -> str:
        length = self.u64()
        if length > limit:
            raise BadHeader(f"{what} claims {length} bytes; at most {limit} are allowed")
        start = self.at
        self.forward(length)
        return self.data[start : self.at].decode("utf-8", errors="replace")

    def count(self, limit: int, what: str) -> int:
        n = self.u64()
        if n > limit:
            raise BadHeader(f"it claims {n} {what}; at most {limit} are allowed")
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
            return BadHeader(f"its header claims to go on to byte {at}; at most {MAX_HEADER} are allowed")
        return HeaderGoesOn()


def looks_like(start: bytes) -> str:
    """What a file with these first bytes is likely to be, for a message."""
    text = start.lstrip().lower()
    guesses = (
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
    return next((what for matches, what in guesses if matches), f"it begins with {start[:4]!r}")


def _up(n: int, alignment: int) -> int:
    return -(-n // alignment) * alignment
