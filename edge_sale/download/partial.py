"""A file that is partly here: its first bytes, and what servers said of the whole file.

A part's name depends on the wanted sha256 alone, so a later pull finds it however the earlier one ended. Nothing here
opens a connection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_sale.catalog.cards import FileSpec
from edge_sale.download.http import SourceFailed

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Stated:
    """What was said of the file: `etag` by the server that sends its bytes, `sha256` by the hub's own host."""

    etag: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """The first bytes of `spec`, in the file `path`. What was stated of the file is kept beside it."""

    path: Path
    spec: FileSpec

    @classmethod
    def of(cls, spec: FileSpec, folder: Path) -> Part:
        return cls(folder / f"{spec.name}.{spec.sha256[:8] or 'unpinned'}.part", spec)

    @property
    def size(self) -> int:
        """How many bytes are here."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def stated(self) -> Stated:
        try:
            return Stated(**json.loads(self._notes.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Stated()

    @property
    def wanted(self) -> FileSpec:
        """The spec. Where it has no sha256, with the one that the hub's own host stated, if any."""
        return self.spec if self.spec.sha256 else replace(self.spec, sha256=self.stated.sha256)

    def request(self) -> dict[str, str]:
        """Headers that ask for the rest, or for the whole file where it changed meanwhile."""
        if not self.size:
            return {}
        etag = self.stated.etag
        return {"Range": f"bytes={self.size}-"} | ({"If-Range": etag} if etag else {})

    def remember(self, headers: Mapping[str, str], linked: Mapping[str, str]) -> None:
        """Keep what an answer states of the file; `linked` are the headers of the hub's own host.

        Raises SourceFailed where that host states another sha256 or size, before the file's bytes are read.
        """
        etag = headers.get("etag", "")
        strong = etag if etag.startswith('"') else ""  # a weak one does not promise the same bytes
        sha256 = linked.get("x-linked-etag", "").strip('"').lower()
        sha256 = sha256 if SHA256.fullmatch(sha256) else ""  # small files have another kind of tag
        if sha256 and self.spec.sha256 and sha256 != self.spec.sha256:
            raise SourceFailed(
                f"the hub holds another {self.spec.name} now (sha256 {sha256[:12]}…, wanted {self.spec.sha256[:12]}…)"
            )
        if (size := linked.get("x-linked-size", "")).isdigit() and int(size) != self.spec.bytes:
            raise SourceFailed(f"{self.spec.name} there has {size} bytes, the card says {self.spec.bytes}")
        self._notes.write_text(json.dumps(asdict(Stated(strong, sha256 or self.stated.sha256))), encoding="utf-8")

    def begins(self, status: int, headers: Mapping[str, str]) -> int | None:
        """At which byte this answer begins. None where it does not continue what is here."""
        if status == 416:
            return None
        if status != 206:
            return 0  # the whole file, from its first byte
        first = headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
        return self.size if first == str(self.size) else None

    def drop(self) -> None:
        """Remove the bytes and what was stated of them."""
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def done(self) -> None:
        """Remove what was stated; the bytes have been moved to their place."""
        self._notes.unlink(missing_ok=True)

    @property
    def _notes(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")
