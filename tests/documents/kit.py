"""An embedder without weights, whose vectors are bags of hashed words, and small folders of documents."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_sale.documents.indexing import Report, update
from edge_sale.documents.ranking import words
from edge_sale.documents.store import Library
from edge_sale.documents.walk import Wanted


@dataclass
class Bags:
    """Implements `types.Embedder`: texts with the same words have the same vector. Counts what it is asked for."""

    name: str = "bags"
    identity: str = "bags-1"
    dimension: int = 64
    seen: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.seen += texts
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in words(text):
                row[hashlib.blake2b(word.encode()).digest()[0] % self.dimension] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    """The folder with these files in it."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def indexed(
    tmp: Path, folder: Path, embedder: Bags | None = None, wanted: Wanted | None = None
) -> tuple[Library, Report]:
    """The folder's index in `tmp`, brought up to date."""
    library = Library.open(tmp / "index.sqlite", folder, embedder or Bags())
    return library, update(library, wanted or Wanted())


def paths(library: Library) -> list[str]:
    """The files that are indexed."""
    return sorted(path for path, known in library.files().items() if not known.why)


def pdf(texts: Sequence[str]) -> bytes:
    """A PDF with a line of text a page, written out by hand: nothing that reads PDFs has a say in it."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in texts:
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode("latin-1")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(out))
    )
