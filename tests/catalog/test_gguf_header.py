"""The header reader against whole, damaged and hostile files."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Sequence
from pathlib import Path

import gguf as reference
import pytest

from edge_sale.catalog import gguf_header
from edge_sale.errors import BadModelFile
from tests.hub import write_gguf


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def header(entries: list[bytes], described: Sequence[bytes] = (), **lies: int) -> bytes:
    """A header from its parts; its version and counts may lie."""
    version, tensors, metadata = (
        lies.get(name, true) for name, true in (("version", 3), ("tensors", len(described)), ("metadata", len(entries)))
    )
    return b"GGUF" + struct.pack("<IQQ", version, tensors, metadata) + b"".join([*entries, *described])


ARCHITECTURE = text("general.architecture") + struct.pack("<I", 8) + text("llama")


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def refused(tmp_path: Path, data: bytes) -> str:
    file = tmp_path / "x.gguf"
    file.write_bytes(data)
    with pytest.raises(BadModelFile) as caught:
        gguf_header.inspect(file, "edge-sale pull x --force")
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and message.endswith("; pull it again: edge-sale pull x --force")
    assert "\n" not in message
    return message


def test_it_reads_what_the_gguf_package_writes(tmp_path: Path) -> None:
    """Scalars, strings and tensors as they are; arrays as type and length."""
    file = write_gguf(tmp_path / "a.gguf")
    info, known = gguf_header.inspect(file), reference.GGUFReader(file)
    assert (info.version, info.architecture, info.alignment) == (3, "llama", 32)
    assert info.metadata["general.name"] == "tiny"
    assert info.metadata["llama.context_length"] == 64
    assert info.metadata["llama.attention.causal"] is True
    assert info.metadata["tokenizer.ggml.tokens"] == gguf_header.ArrayInfo(type=8, length=3)
    found = [(t.name, t.shape, t.type, t.offset, t.bytes) for t in info.tensors]
    assert found == [
        (t.name, tuple(int(n) for n in t.shape), t.tensor_type.name, int(t.data_offset), int(t.n_bytes))
        for t in known.tensors
    ]
    assert info.data_start == known.data_offset
    assert info.end == found[-1][3] + found[-1][4] <= file.stat().st_size


def test_block_sizes_are_ggmls() -> None:
    """As the gguf package has them; it counts 4 bytes too many in Q8_1, which no file holds."""
    known = {int(kind): sizes for kind, sizes in reference.GGML_QUANT_SIZES.items() if kind.name != "Q8_1"}
    ours = {code: (block, size) for code, (name, block, size) in gguf_header.TYPES.items() if name != "Q8_1"}
    assert {code: ours.get(code) for code in known} == known


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"<!DOCTYPE html><html>Sign in", "looks like an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "looks like a git-lfs pointer"),
        (b"PK\x03\x04rest", "looks like a zip archive"),
        (struct.pack("<Q", 2) + b"{}", "looks like safetensors"),
        (b'{"error": "not found"}', "looks like JSON"),
        (b"lmgg....", "older format"),
        (bytes(64), "begins with zeros"),
        (b"", "is empty"),
        (b"MZ\x90\x00", "begins with b'MZ"),
        (b"GG", "begins with b'GG'"),
    ],
)
def test_another_format_is_refused_by_what_it_looks_like(tmp_path: Path, start: bytes, said: str) -> None:
    """Not by a number."""
    assert said in refused(tmp_path, start)


def test_a_truncated_file_is_refused_with_both_sizes(tmp_path: Path) -> None:
    """At every length, in the header or in the tensors."""
    whole = write_gguf(tmp_path / "a.gguf", values=64).read_bytes()
    end = gguf_header.inspect(tmp_path / "a.gguf").end
    message = refused(tmp_path, whole[: end - 1])
    assert f"truncated: it has {end - 1} bytes, its header says {end}" in message
    assert all("truncated" in refused(tmp_path, whole[:length]) for length in range(4, end))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (header([ARCHITECTURE], version=1), "is GGUF version 1; 2 and 3 are known"),
        (header([ARCHITECTURE], version=3 << 24), "is big-endian"),
        (header([], metadata=1 << 62), "claims 4611686018427387904 metadata entries"),
        (header([ARCHITECTURE], tensors=1 << 40), "claims 1099511627776 tensors"),
        (header([ARCHITECTURE, ARCHITECTURE]), "'general.architecture' occurs twice"),
        (header([]), "does not say its general.architecture"),
        (header([struct.pack("<Q", 1 << 63)], metadata=1), "a metadata key claims 9223372036854775808 bytes"),
        (header([text("k") + struct.pack("<IQ", 8, 1 << 25)]), "the value of 'k' claims 33554432 bytes"),
        (header([text("k") + struct.pack("<I", 77)]), "'k' is of unknown type 77"),
        (header([text("k") + struct.pack("<IIQ", 9, 9, 1)]), "array 'k' has items of type 9"),
        (header([text("k") + struct.pack("<IIQ", 9, 8, 1 << 40)]), "array 'k' claims 1099511627776 strings"),
        (header([text("k") + struct.pack("<IIQ", 9, 10, 1 << 61)]), "claims to go on to byte"),
        (header([text("k") + struct.pack("<IIQQ", 9, 8, 2, (1 << 64) - 1)]), "claims to go on to byte"),
        (header([ARCHITECTURE, text("general.alignment") + struct.pack("<II", 4, 24)]), "a power of two"),
        (header([ARCHITECTURE, text("general.alignment") + struct.pack("<II", 4, 0)]), "a power of two"),
        (header([ARCHITECTURE], [tensor("t", (1, 1, 1, 1, 1), 0, 0)]), "has 5 dimensions"),
        (header([ARCHITECTURE], [tensor("t", (), 0, 0)]), "has 0 dimensions"),
        (header([ARCHITECTURE], [tensor("t", (4,), 99, 0)]), "is of unknown type 99"),
        (header([ARCHITECTURE], [tensor("t", (1 << 40, 1 << 40), 0, 0)]), "an impossible shape"),
        (header([ARCHITECTURE], [tensor("t", (0,), 0, 0)]), "an impossible shape"),
        (header([ARCHITECTURE], [tensor("t", (33,), 2, 0)]), "has rows of 33, not of 32s"),
        (header([ARCHITECTURE], [tensor("t", (4,), 0, 8)]), "lies at 8, should be at 0"),
        (header([ARCHITECTURE], [tensor("t", (4,), 0, 0)] * 2), "'t' occurs twice"),
        (header([ARCHITECTURE], [tensor("t" * 64, (4,), 0, 0)]), "a tensor's name claims 64 bytes"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    """Each lie by its own message, whatever follows it."""
    assert said in refused(tmp_path, data + bytes(256))


def test_mutated_headers_give_an_answer_or_a_refusal_and_nothing_else(tmp_path: Path) -> None:
    """5,000 files with a few bytes changed, cut or put in: half of them within 100 ms, each within a second."""
    whole = write_gguf(tmp_path / "a.gguf", values=64).read_bytes()
    draw, file, answers = random.Random(20260101), tmp_path / "m.gguf", {True: 0, False: 0}
    edge = [0, 1, 0x7F, 0x80, 0xFF]
    took = []
    for _ in range(5000):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(4, len(data))
            how = draw.random()
            if how < 0.6:
                data[at] = draw.choice([*edge, draw.randrange(256)])
            elif how < 0.8:
                width = draw.choice([4, 8])
                data[at : at + width] = draw.choice([b"\xff", b"\0", b"\x7f"]) * width
            elif how < 0.9:
                del data[at : at + draw.randint(1, 40)]
            else:
                data[at:at] = draw.randbytes(draw.randint(1, 40))
        file.write_bytes(data)
        began = time.monotonic()
        try:
            info = gguf_header.inspect(file)
            assert info.end <= len(data)
            answers[True] += 1
        except BadModelFile:
            answers[False] += 1
        took.append(time.monotonic() - began)
        assert took[-1] < 1
    assert sorted(took)[2500] < 0.1
    assert answers[False] > 1250, "the mutations hit the header"
    assert answers[True] > 250, "and are not all fatal"


def test_a_header_larger_than_the_first_read_is_read_to_its_end(tmp_path: Path) -> None:
    """Vocabularies may be larger than what is read in one go."""
    long = text("tokens") + struct.pack("<IIQ", 9, 8, 3) + text("x" * (6 << 20)) * 3
    file = tmp_path / "long.gguf"
    file.write_bytes(header([ARCHITECTURE, long], [tensor("t", (4,), 0, 0)]) + bytes(64))
    assert file.stat().st_size > gguf_header.FIRST_READ
    assert gguf_header.inspect(file).metadata["tokens"] == gguf_header.ArrayInfo(8, 3)
    assert "truncated" in refused(tmp_path, file.read_bytes()[: 17 << 20])


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    """As a bad model file, with the way out."""
    with pytest.raises(BadModelFile, match=r"none\.gguf: cannot be read: No such file"):
        gguf_header.inspect(tmp_path / "none.gguf")
