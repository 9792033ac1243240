"""A file half there: its first bytes, and what was said of the whole before they came.

A part's name depends on the wanted sha256 alone, so that a later pull finds it, however the
earlier one ended. Nothing here opens a connection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_sale.catalog.cards import FileSpec

SHA256 = re.compile(r"[0-9a-f]{64}")


class NotTheFile(Exception):
    """Why what a server holds cannot be the file that is wanted; told before its bytes are fetched."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of the file: `etag` by whoever sends its bytes, `sha256` by the hub's own host."""

    etag: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """The first bytes of `spec`, in `path`, and what was said of them, in a file beside it."""

    path: Path
    spec: FileSpec

    @classmethod
    def of(cls, spec: FileSpec, folder: Path) -> Part:
        return cls(folder / f"{spec.name}.{spec.sha256[:8] or 'unpinned'}.part", spec)

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def said(self) -> Said:
        try:
            return Said(**json.loads(self._beside.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Said()

    @property
    def wanted(self) -> FileSpec:
        """The spec; where it has no sha256, with the one that the hub's own host stated, if it did."""
        return self.spec if self.spec.sha256 else replace(self.spec, sha256=self.said.sha256)

    def request(self) -> dict[str, str]:
        """Headers that ask for what is lacking, or for all of it where the file changed meanwhile."""
        if not self.size:
            return {}
        ask = {"Range": f"bytes={self.size}-"}
        return ask | ({"If-Range": self.said.etag} if self.said.etag else {})

    def hear(self, headers: Mapping[str, str], vouched: Mapping[str, str]) -> None:
        """Keeps what an answer says. Raises NotTheFile where the hub's own host names another sha256 or size."""
        etag = headers.get("etag", "")
        strong = etag if etag.startswith('"') else ""  # weak ones do not promise the same bytes
        sha256 = vouched.get("x-linked-etag", "").strip('"').lower()
        sha256 = sha256 if SHA256.fullmatch(sha256) else ""  # small files have another kind of tag
        if sha256 and self.spec.sha256 and sha256 != self.spec.sha256:
            raise NotTheFile(
                f"the hub holds another {self.spec.name} now (sha256 {sha256[:12]}…, wanted {self.spec.sha256[:12]}…)"
            )
        if (size := vouched.get("x-linked-size", "")).isdigit() and int(size) != self.spec.bytes:
            raise NotTheFile(f"{self.spec.name} there has {size} bytes, the card says {self.spec.bytes}")
        self._beside.write_text(json.dumps(asdict(Said(strong, sha256 or self.said.sha256))), encoding="utf-8")

    def begins(self, status: int, headers: Mapping[str, str]) -> int | None:
        """Where the bytes of this answer belong; None where it does not go on with what is here."""
        if status == 416:
            return None
        if status != 206:
            return 0  # the server starts over, so do we
        first = headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
        return self.size if first == str(self.size) else None

    def drop(self) -> None:
        """Forgets the bytes and what was said of them."""
        self.path.unlink(missing_ok=True)
        self._beside.unlink(missing_ok=True)

    def done(self) -> None:
        """Forgets what was said; the bytes have gone to their place."""
        self._beside.unlink(missing_ok=True)

    @property
    def _beside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")
