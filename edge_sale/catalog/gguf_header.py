"""A bounded reader of GGUF headers: what a model file says it is, before llama.cpp sees it.

Covers: magic, version, counts, lengths, types, alignment, the order and place of every tensor, and whether the file
is long enough. Does not cover: tensors' contents, the meaning of metadata, chat templates (they are rendered in a
sandbox elsewhere).

Format: ggml's docs/gguf.md; limits and block sizes: ggml's gguf.cpp and ggml-common.h.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from edge_sale.catalog.gguf_reader import MAX_HEADER, BadHeader, HeaderGoesOn, Reader
from edge_sale.catalog.gguf_types import TYPES, ArrayInfo, GgufInfo, TensorInfo, Value
from edge_sale.errors import BadModelFile

__all__ = ["FIRST_READ", "TYPES", "ArrayInfo", "GgufInfo", "TensorInfo", "Value", "inspect", "inspect_start"]

FIRST_READ = 8 << 20  # bytes: most headers fit, so they are read at once


def inspect_start(data: bytes, size: int) -> GgufInfo | None:
    """The header of a file of `size` bytes that begins with `data`; None where the header goes on after `data`.

    Raises BadModelFile.
    """
    try:
        info = Reader(data).header()
    except HeaderGoesOn:
        return None
    except BadHeader as bad:
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
    except BadHeader as bad:
        raise BadModelFile(f"{path}: {bad}{way_out}") from bad


def _inspect(file: BinaryIO, size: int) -> GgufInfo:
    read = FIRST_READ
    while True:
        file.seek(0)
        data = file.read(min(read, MAX_HEADER, size))
        try:
            info = Reader(data).header()
        except HeaderGoesOn:
            if len(data) >= size:
                raise BadHeader(f"truncated: its header does not end within its {size} bytes") from None
            if read >= MAX_HEADER:
                raise BadHeader(f"its header is longer than {MAX_HEADER >> 20} MiB") from None
            read *= 4
            continue
        if info.end > size:
            raise BadHeader(f"truncated: it has {size} bytes, its header says {info.end}")
        return info
