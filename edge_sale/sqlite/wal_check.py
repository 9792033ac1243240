"""The journal beside a memory (`-wal`), read as SQLite reads it: whether damage hides auctions behind its end.

SQLite takes the first frame whose checksum is wrong for the journal's end. That is right for a commit that was
under way, and silent where a disk has flipped a bit: what follows is dropped as if it had never been.
Format: https://www.sqlite.org/fileformat2.html#walformat
"""

from __future__ import annotations

import struct

HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint, two salts, two sums
FRAME = struct.Struct(">6I")  # page, pages of the file if this frame commits (else 0), two salts, two sums
LITTLE, BIG = 0x377F0682, 0x377F0683  # the magic says in which order bytes are summed

Sums = tuple[int, int]


def hides(journal: bytes, page_size: int) -> bool:
    """Whether a commit of this journal lies behind a frame, or a header, that is damaged.

    Frames of an earlier round of the journal have other salts, and do not count; nor do those of a commit that its
    process did not live to finish.
    """
    if len(journal) < HEADER.size:
        return False
    magic, _, _, _, *salts, first, second = HEADER.unpack_from(journal)
    order = "<" if magic == LITTLE else ">"
    sums = _sum((0, 0), journal[: HEADER.size - 8], order)
    legible = magic in (LITTLE, BIG) and sums == (first, second)
    whole = legible
    step = FRAME.size + page_size
    for start in range(HEADER.size, len(journal) - step + 1, step):
        _, commits, *own, first, second = FRAME.unpack_from(journal, start)
        if whole:
            sums = _sum(sums, journal[start : start + 8], order)
            sums = _sum(sums, journal[start + FRAME.size : start + step], order)
            whole = own == salts and sums == (first, second)
        ours = not legible or own[0] == salts[0] or own[1] == salts[1]  # one of them may be what is damaged
        if commits and ours and not whole:
            return True
    return False


def _sum(sums: Sums, data: bytes, order: str) -> Sums:
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = first + one + second & 0xFFFFFFFF
        second = second + other + first & 0xFFFFFFFF
    return first, second
