"""A change of one file."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 64 * 2**20  # of a file that is copied for an agent, or written back


@dataclass(frozen=True, slots=True)
class Change:
    """A file's content before and after; None: no such file. `mode` holds its permissions afterwards."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644
    mode_before: int = 0o644
