"""The tables of a document index, and how its errors are reported."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from edge_sale.errors import LibraryFault
from edge_sale.sqlite import connection

APPLICATION = 0x53414C49  # "SALI"
VERSION = 1
INDEX = connection.FileKind(
    fault=LibraryFault,
    damaged="damaged ({error}); remove it and index again",
    rejected="this file cannot be indexed ({error}); please report it",
    busy="try again later",
    full="free some space and index again: it goes on",
)

SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE files (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    changed INTEGER NOT NULL,   -- ns since 1970, as the file system had it
    read INTEGER NOT NULL,      -- ns since 1970: when
    digest BLOB NOT NULL,       -- of its bytes
    why TEXT NOT NULL           -- why it is not indexed; empty if it is
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


def faults(file: Path) -> AbstractContextManager[None]:
    """Turn errors of SQLite and the file system into LibraryFaults that name the file and the way out."""
    return connection.faults(file, INDEX)
