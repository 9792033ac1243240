"""Whose vectors a memory holds, told without opening it for writing."""

from __future__ import annotations

from pathlib import Path

import apsw


def embedder(path: Path) -> str:
    """The sha256 of the embedder whose vectors are stored; empty where there are none, or no memory that can be read.

    What is wrong with a file is for `database.connect` to say, when the memory is opened.
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
