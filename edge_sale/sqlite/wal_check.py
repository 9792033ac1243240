"""Find out whether a damaged write-ahead log (the `-wal` file) hides committed transactions.

SQLite treats the first frame with a wrong checksum as the end of the log. That is right for a commit that was
interrupted. But if a disk flipped a bit, SQLite silently drops every commit after it.
Format: https://www.sqlite.org/fileformat2.html#walformat
"""

from __future__ import annotations

import struct

HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint, two salts, two sums
FRAME = struct.Struct(">6I")  # page, pages of the file if this frame commits (else 0), two salts, two sums
LITTLE, BIG = 0x377F0682, 0x377F0683  # the magic says in which byte order the checksum is computed

Sums = tuple[int, int]


def hides_commits(log: bytes, page_size: int) -> bool:
    """Return whether a commit follows a damaged header or frame in this write-ahead log.

    Frames left over from an earlier use of the log have other salts and do not count. A commit that its process
    did not finish does not count either.
    """
    if len(log) < HEADER.size:
        return False
    magic, _, _, _, *salts, first, second = HEADER.unpack_from(log)
    order = "<" if magic == LITTLE else ">"
    sums = _sum((0, 0), log[: HEADER.size - 8], order)
    header_valid = magic in (LITTLE, BIG) and sums == (first, second)
    valid = header_valid
    step = FRAME.size + page_size
    for start in range(HEADER.size, len(log) - step + 1, step):
        _, commits, *own_salts, first, second = FRAME.unpack_from(log, start)
        if valid:
            sums = _sum(sums, log[start : start + 8], order)
            sums = _sum(sums, log[start + FRAME.size : start + step], order)
            valid = own_salts == salts and sums == (first, second)
        # one equal salt is enough: the other one may be what is damaged
        current = not header_valid or own_salts[0] == salts[0] or own_salts[1] == salts[1]
        if commits and current and not valid:
            return True
    return False


def _sum(sums: Sums, data: bytes, order: str) -> Sums:
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = first + one + second & 0xFFFFFFFF
        second = second + other + first & 0xFFFFFFFF
    return first, second
