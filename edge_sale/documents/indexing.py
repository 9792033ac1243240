"""Bringing an index up to date with its folder: what is new is read, what is gone is forgotten.

First every file that changed is read and can be found by its words; then vectors are made for the
passages that lack one. Both go on where they were stopped, by whatever it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_sale.documents.passages import Passage, cut
from edge_sale.documents.store import Known, Library
from edge_sale.documents.texts import Restless, Seen, Unreadable, document, read, too_large
from edge_sale.documents.walk import Found, LeftOut, Wanted, walk
from edge_sale.errors import LibraryFault

AHEAD = 256  # passages that are sorted by length before they go to the encoder
BATCH = 32  # passages a transaction: what a kill costs is at most the making of so many vectors
RECENT = 2_000_000_000  # ns: a file younger than this when it was read may have changed again within its time stamp

Progress = Callable[[str, int, int], None]


def unheard(stage: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


@dataclass(slots=True)
class Report:
    """What a run did, in files and passages. `left_out` has path and reason of what could not be indexed,
    `passed_over` counts by reason what was not meant to be."""

    new: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    passages: int = 0  # vectors made
    seconds: float = 0.0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)


def update(library: Library, wanted: Wanted, progress: Progress = unheard) -> Report:
    """Reads what changed below the library's folder, and makes the vectors that are missing.

    `progress` hears (stage, done, total); total 0: not known. Raises LibraryFault; what was done until then stays.
    """
    root = library.folder
    if not root.is_dir():
        raise LibraryFault(f"{root}: no such folder any more; edge-sale index --remove {root} forgets it")
    began = time.monotonic()
    report = Report()
    kept = {"wanted": json.dumps([wanted.everything, wanted.secrets, wanted.most])}
    if not library.about("wanted"):
        library.note(kept)
    _read_all(library, root, wanted, report, progress)
    library.note(kept)  # not before: a run that is stopped has not yet looked at every file with other eyes
    _embed_all(library, report, progress)
    library.note({"updated": str(time.time())})
    report.seconds = time.monotonic() - began
    return report


def wanted_of(library: Library) -> Wanted:
    """What the folder was last indexed with."""
    kept = library.about("wanted")
    return Wanted(*json.loads(kept)) if kept else Wanted()


def _read_all(library: Library, root: Path, wanted: Wanted, report: Report, progress: Progress) -> None:
    known = library.files()
    anew = wanted != wanted_of(library)
    met: set[str] = set()
    for done, found in enumerate(walk(root, wanted), start=1):
        if isinstance(found, LeftOut):
            if found.quiet:
                report.passed_over[found.why] = report.passed_over.get(found.why, 0) + 1
            else:
                report.left_out.append((found.path, found.why))
            continue
        met.add(found.path)
        _read_one(library, root, found, known.get(found.path), wanted, report, anew)
        progress("reading", done, 0)
    for path in known.keys() - met:
        library.forget(path)
        report.removed += not known[path].why


def _read_one(
    library: Library, root: Path, found: Found, known: Known | None, wanted: Wanted, report: Report, anew: bool
) -> None:
    """One file, unless it is as it was. What cannot be indexed is noted with the reason, and looked at again
    when it changes, or with `anew`."""
    same = known and (known.size, known.changed) == (found.size, found.changed)
    if known and same and not anew and known.changed < known.read - RECENT:
        if known.why:
            report.left_out.append((found.path, known.why))
        report.unchanged += not known.why
        return
    now = time.time_ns()
    try:
        too_large(found.size, wanted.most)
        data, seen = read(root / found.path, wanted.most)
    except Restless as restless:  # what the index has of it, if anything, is the last whole state
        report.left_out.append((found.path, str(restless)))
        return
    except Unreadable as unreadable:
        report.left_out.append((found.path, str(unreadable)))
        library.put(found.path, Seen(found.size, 0), now, b"", (), str(unreadable))
        return
    digest = hashlib.blake2b(data, digest_size=16).digest()
    if known and known.digest == digest and not known.why and not anew:
        library.touch(found.path, seen, now)
        report.unchanged += 1
        return
    why, passages = "", tuple[Passage, ...]()
    try:
        passages = tuple(cut(found.path, document(found.path, data, secrets=wanted.secrets)))
    except Unreadable as unreadable:
        why = str(unreadable)
        report.left_out.append((found.path, why))
    library.put(found.path, seen, now, digest, passages, why)
    if not why:
        report.changed += known is not None
        report.new += known is None


def _embed_all(library: Library, report: Report, progress: Progress) -> None:
    total = library.size().waiting
    while ahead := library.waiting(AHEAD):
        # passages of like length keep each other company, so that none waits for a long one
        ahead.sort(key=lambda numbered: len(numbered[1].whole))
        for start in range(0, len(ahead), BATCH):
            part = ahead[start : start + BATCH]
            library.embed(part)
            report.passages += len(part)
            progress("embedding", report.passages, max(total, report.passages))
