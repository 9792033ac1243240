"""Find out which embedder made a memory's vectors, without opening the file for writing."""

from __future__ import annotations

from pathlib import Path

import apsw


def embedder(path: Path) -> str:
    """Return the sha256 of the embedder that made the stored vectors; empty if there are none.

    A file that cannot be read gives an empty text too: `database.connect` reports its error when the memory is opened.
    """
    if not path.is_file():
        return ""
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            found = db.execute("SELECT sha256 FROM embedder WHERE EXISTS (SELECT 1 FROM auctions)").fetchone()
        finally:
            db.close()
    except apsw.Error:
        return ""
    return str(found[0]) if found else ""
