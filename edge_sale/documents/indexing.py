"""Update an index from its folder: read new and changed files, remove deleted ones.

First every changed file is read, and can be found by its words from then on. Then vectors are made for the passages
without one. After an interruption both continue where they stopped.
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
from edge_sale.documents.texts import Seen, StillChanging, Unreadable, check_size, document, read
from edge_sale.documents.walk import Found, LeftOut, Wanted, walk
from edge_sale.errors import LibraryFault

SORTED = 256  # passages that are sorted by length before they are embedded
BATCH = 32  # passages embedded and stored at a time: an interruption loses at most these
RECENT = 2_000_000_000  # ns: a file this young when it was read may change again under the same time stamp

Progress = Callable[[str, int, int], None]


def no_progress(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(slots=True)
class Report:
    """What an update did, in files and passages.

    `left_out` has path and reason of each file that could not be indexed. `passed_over` counts, by reason, the files
    that are left out on purpose.
    """

    new: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    passages: int = 0  # vectors made
    seconds: float = 0.0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)


def update(library: Library, wanted: Wanted, progress: Progress = no_progress) -> Report:
    """Read what changed in the library's folder and make the missing vectors.

    `progress` is called with (stage, done, total); a total of 0 means unknown. Raises LibraryFault; what was done
    until then is kept.
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
    library.note(kept)  # not earlier: an interrupted run has not read every file under these settings
    _embed_all(library, report, progress)
    library.note({"updated": str(time.time())})
    report.seconds = time.monotonic() - began
    return report


def wanted_of(library: Library) -> Wanted:
    """Return the settings that the folder was last indexed with."""
    kept = library.about("wanted")
    return Wanted(*json.loads(kept)) if kept else Wanted()


def _read_all(library: Library, root: Path, wanted: Wanted, report: Report, progress: Progress) -> None:
    known = library.files()
    reread = wanted != wanted_of(library)
    seen: set[str] = set()
    for done, found in enumerate(walk(root, wanted), start=1):
        if isinstance(found, LeftOut):
            if found.quiet:
                report.passed_over[found.why] = report.passed_over.get(found.why, 0) + 1
            else:
                report.left_out.append((found.path, found.why))
            continue
        seen.add(found.path)
        _read_one(library, root, found, known.get(found.path), wanted, report, reread)
        progress("reading", done, 0)
    for path in known.keys() - seen:
        library.forget(path)
        report.removed += not known[path].why


def _read_one(
    library: Library, root: Path, found: Found, known: Known | None, wanted: Wanted, report: Report, reread: bool
) -> None:
    """Index one file if it changed, or with `reread`. The reason is stored for a file that cannot be indexed."""
    same = known and (known.size, known.changed) == (found.size, found.changed)
    if known and same and not reread and known.changed < known.read - RECENT:
        if known.why:
            report.left_out.append((found.path, known.why))
        report.unchanged += not known.why
        return
    now = time.time_ns()
    try:
        check_size(found.size, wanted.most)
        data, seen = read(root / found.path, wanted.most)
    except StillChanging as changing:  # the index keeps the last whole state, if it has one
        report.left_out.append((found.path, str(changing)))
        return
    except Unreadable as unreadable:
        report.left_out.append((found.path, str(unreadable)))
        library.put(found.path, Seen(found.size, 0), now, b"", (), str(unreadable))
        return
    digest = hashlib.blake2b(data, digest_size=16).digest()
    if known and known.digest == digest and not known.why and not reread:
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
    while ahead := library.waiting(SORTED):
        # a batch takes as long as its longest passage, so passages of similar length go together
        ahead.sort(key=lambda numbered: len(numbered[1].whole))
        for start in range(0, len(ahead), BATCH):
            part = ahead[start : start + BATCH]
            library.embed(part)
            report.passages += len(part)
            progress("embedding", report.passages, max(total, report.passages))
