"""The tables of an index, and SQLite's faults put into words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from edge_sale.errors import LibraryFault
from edge_sale.memory.rows import Torn

APPLICATION = 0x53414C49  # "SALI"
VERSION = 1
BUSY_SECONDS = 30

SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE files (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    changed INTEGER NOT NULL,   -- ns since 1970, as the file system had it
    read INTEGER NOT NULL,      -- ns since 1970: when
    digest BLOB NOT NULL,       -- of its bytes
    why TEXT NOT NULL           -- not indexed because of this; empty: it is
) STRICT;
CREATE TABLE passages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    paged INTEGER NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    digest BLOB NOT NULL,
    embedded INTEGER NOT NULL
) STRICT;
CREATE INDEX passages_of ON passages (file);
CREATE INDEX passages_alike ON passages (digest) WHERE embedded;
CREATE INDEX passages_waiting ON passages (number) WHERE NOT embedded;
CREATE TABLE names (            -- by which other passages may mention one
    name TEXT NOT NULL,
    passage INTEGER NOT NULL REFERENCES passages ON DELETE CASCADE,
    PRIMARY KEY (name, passage)
) STRICT, WITHOUT ROWID;
CREATE INDEX names_of ON names (passage);
CREATE VIRTUAL TABLE words USING fts5(
    title, text, content='passages', content_rowid='number', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER passages_in AFTER INSERT ON passages BEGIN
    INSERT INTO words (rowid, title, text) VALUES (new.number, new.title, new.text);
END;
CREATE TRIGGER passages_out AFTER DELETE ON passages BEGIN
    INSERT INTO words (words, rowid, title, text) VALUES ('delete', old.number, old.title, old.text);
END;
"""


@contextmanager
def faults(file: Path) -> Iterator[None]:
    """Turns what SQLite and the file system raise into a LibraryFault that names the file and the way out."""
    try:
        yield
    except apsw.FullError as error:
        raise LibraryFault(f"{file}: the disk is full; free some space and index again: it goes on") from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise LibraryFault(f"{file}: another process has been writing for {BUSY_SECONDS} s; try again later") from error
    except (apsw.CorruptError, apsw.NotADBError, Torn, UnicodeDecodeError) as error:
        raise LibraryFault(f"{file}: damaged ({error}); remove it and index again") from error
    except apsw.Error as error:
        raise LibraryFault(f"{file}: cannot be read or written ({error}); check permissions and disk") from error
    except OSError as error:
        raise LibraryFault(f"{file}: {error.strerror or error}; check its folder and permissions") from error
