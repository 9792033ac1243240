"""Turn a file into a document: open it safely, decode it, and read it by its type.

Covered: only regular files are opened, and no link, pipe or device is followed or waited for. The size is checked
before a byte is read, and the file must not change while it is read. A PDF is read in a child process with bounds on
memory and time. Not covered: a flaw in pypdf, which would let that child do whatever the user can do.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edge_sale.documents.html import html
from edge_sale.documents.passages import READERS, Document, pages, plain
from edge_sale.environment import bare_environment

PDF_SECONDS = 90.0  # for one PDF, wall time
TRIES = 3  # for a file that changes while it is read
HTML = (".html", ".htm", ".xhtml")
KEY = b"PRIVATE KEY-----"


class Unreadable(Exception):
    """A file cannot be indexed; the message says why in a few words."""


class StillChanging(Unreadable):
    """A file that another program is writing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file's size in bytes and its modification time when it was read."""

    size: int
    changed: int  # ns since 1970


def read(file: Path, most: int) -> tuple[bytes, Seen]:
    """Return the bytes of a regular file of at most `most` bytes, all from one state of it. Raises Unreadable."""
    for _ in range(TRIES):
        try:
            handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error
        with os.fdopen(handle, "rb") as stream:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise Unreadable("not a regular file")
            check_size(before.st_size, most)
            try:
                data = stream.read(most + 1)
            except OSError as error:
                raise Unreadable(f"cannot be read: {error.strerror}") from error
            after = os.fstat(handle)
        same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        if same and len(data) == after.st_size:
            return data, Seen(after.st_size, after.st_mtime_ns)
    raise StillChanging("changes while it is read; index again when it no longer does")


def check_size(size: int, most: int) -> None:
    """Raise Unreadable if a file is larger than `most` bytes."""
    if size > most:
        raise Unreadable(f"{size / 1e6:.0f} MB, over the bound of {most / 1e6:.0f} MB (--max-mb)")


def document(path: str, data: bytes, *, secrets: bool = False) -> Document:
    """Return the document in a file's bytes. Raises Unreadable."""
    name, suffix = Path(path).name, Path(path).suffix.lower()
    if suffix == ".pdf" or data[:5] == b"%PDF-":
        return pages(name, _pdf_pages(data))
    text = decoded(data)
    if not secrets and KEY in data:
        raise Unreadable("holds a private key (--secrets indexes it)")
    if suffix in HTML:
        try:
            return html(name, text)
        except AssertionError as error:  # raised by Python's parser for a broken declaration
            raise Unreadable("damaged HTML") from error
    return READERS.get(suffix, plain)(name, text)


def decoded(data: bytes) -> str:
    """Decode UTF-8, or what a byte order mark says, else Windows-1252 if it looks like text. Raises Unreadable."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise Unreadable("binary file") from error
    if b"\0" in data:
        raise Unreadable("binary file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    # control characters other than white space and escape are rare in text of any one-byte encoding
    odd = sum(data.translate(None, _TEXT).count(byte) for byte in set(data.translate(None, _TEXT)))
    if odd > len(data) // 200:
        raise Unreadable("binary file")
    return data.decode("cp1252", errors="replace")


_TEXT = bytes({9, 10, 12, 13, 27, *range(32, 127), *range(160, 256)})


def _pdf_pages(data: bytes) -> list[str]:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "edge_sale.documents.pdf_child"],
            input=data,
            capture_output=True,
            timeout=PDF_SECONDS,
            env=bare_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"damaged PDF (not read in {PDF_SECONDS:g} s)") from error
    try:
        said = json.loads(done.stdout)
    except ValueError as error:
        raise Unreadable(f"damaged PDF (its reader ended with {done.returncode})") from error
    if "error" in said:
        raise Unreadable(str(said["error"]))
    texts = [str(text).encode("utf-8", "replace").decode() for text in said["pages"]]  # fonts may name lone surrogates
    if not any(text.strip() for text in texts):
        raise Unreadable("a PDF without text (a scan?)")
    return texts
