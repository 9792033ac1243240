"""The numbered steps that bring a memory file of any age to today's version.

A released step is never changed. A file of version n has been through the first n steps; `PRAGMA user_version`
holds that n. The table of vectors is not created here but in `vectors.py`, when the embedder and so the dimension
is first known.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edge_sale import legacy_names
from edge_sale.sqlite.query import select
from edge_sale.sqlite.transactions import writing

if TYPE_CHECKING:
    import apsw

    Step = Callable[[apsw.Connection], str | None]  # returns what the user should know, if anything


def m1_first(db: apsw.Connection) -> None:
    """Create the tables of auctions, bids, lessons, outcomes and ledger entries."""
    db.execute(
        """
        CREATE TABLE embedder (  -- whose vectors these are: one row, and never two kinds
            one INTEGER PRIMARY KEY CHECK (one = 1),
            name TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            dimension INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE auctions (
            number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the vector's rowid; never given twice
            id TEXT NOT NULL UNIQUE,
            at REAL NOT NULL,         -- seconds since 1970, UTC
            text TEXT NOT NULL,
            domain TEXT NOT NULL,
            files TEXT NOT NULL,      -- JSON: [path]
            "check" TEXT,
            likeness BLOB NOT NULL,   -- digest of the normalised text
            sat_out TEXT NOT NULL,    -- JSON: {agent: why}
            run TEXT NOT NULL         -- JSON: pool, seed, prompts, weights, models, …
        ) STRICT;
        CREATE INDEX auctions_alike ON auctions (likeness, number);

        CREATE TABLE bids (
            auction INTEGER NOT NULL REFERENCES auctions ON DELETE CASCADE,
            rank INTEGER NOT NULL,    -- 0 asks least
            agent TEXT NOT NULL,
            phase TEXT NOT NULL,
            price REAL NOT NULL,      -- US dollars per million tokens
            plan TEXT NOT NULL,
            tokens INTEGER NOT NULL,
            entropy REAL NOT NULL,    -- nats a token
            signals TEXT NOT NULL,    -- JSON: {signal: number}
            scores TEXT NOT NULL,     -- JSON: {juror: 0..5}
            cost REAL NOT NULL,
            value REAL NOT NULL,
            led INTEGER NOT NULL,     -- 1: the provisional winner
            won INTEGER NOT NULL,     -- 1: the winner
            PRIMARY KEY (auction, rank)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX bids_by_agent ON bids (agent, auction);
        CREATE UNIQUE INDEX bids_one_led ON bids (auction) WHERE led;
        CREATE UNIQUE INDEX bids_one_won ON bids (auction) WHERE won;

        CREATE TABLE lessons (        -- what an agent was shown; texts stay with the auction they are of
            auction INTEGER NOT NULL REFERENCES auctions ON DELETE CASCADE,
            agent TEXT NOT NULL,
            place INTEGER NOT NULL,
            past INTEGER NOT NULL,
            won INTEGER NOT NULL,     -- rank in `past`
            lost INTEGER NOT NULL,
            similarity REAL NOT NULL,
            outcome TEXT,             -- as it was known then
            PRIMARY KEY (auction, agent, place),
            FOREIGN KEY (past, won) REFERENCES bids (auction, rank) ON DELETE CASCADE,
            FOREIGN KEY (past, lost) REFERENCES bids (auction, rank) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX lessons_by_won ON lessons (past, won);
        CREATE INDEX lessons_by_lost ON lessons (past, lost);

        CREATE TABLE outcomes (       -- only ever added to: an agent's newest in an auction stands
            number INTEGER PRIMARY KEY,
            auction INTEGER NOT NULL REFERENCES auctions ON DELETE CASCADE,
            at REAL NOT NULL,
            source TEXT NOT NULL,     -- 'run', or who corrected it
            agent TEXT NOT NULL,
            status TEXT NOT NULL,
            answer TEXT NOT NULL,
            verified INTEGER,
            notes TEXT NOT NULL,      -- JSON: [note]
            steps INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX outcomes_by_auction ON outcomes (auction, number);

        CREATE TABLE entries (        -- the ledger's lines of this auction
            auction INTEGER NOT NULL REFERENCES auctions ON DELETE CASCADE,
            line INTEGER NOT NULL,
            who TEXT NOT NULL,
            purpose TEXT NOT NULL,
            tokens_in INTEGER NOT NULL,
            tokens_out INTEGER NOT NULL,
            seconds REAL NOT NULL,
            price REAL NOT NULL,
            PRIMARY KEY (auction, line)
        ) STRICT, WITHOUT ROWID;
        """
    )


def m2_words(db: apsw.Connection) -> None:
    """Add the user's verdict on an outcome, and two fields of bids and entries."""
    db.execute(
        """
        ALTER TABLE outcomes ADD COLUMN verdict INTEGER;  -- the user's own word: 1 good, 0 bad
        ALTER TABLE bids ADD COLUMN unheard REAL NOT NULL DEFAULT 0;  -- what jurors not asked could have added
        ALTER TABLE entries ADD COLUMN reused INTEGER NOT NULL DEFAULT 0;  -- of tokens_in, read before
        """
    )


def m3_codes(db: apsw.Connection) -> None:
    """Add the binary index of the vectors, and room for the vectors of a new embedder (`reembed.py`)."""
    db.execute(
        """
        CREATE TABLE codes (              -- see codes.py
            block INTEGER PRIMARY KEY,    -- of auctions 64 * block to 64 * block + 63
            taken INTEGER NOT NULL,       -- a bit for each of them that is there
            bits BLOB NOT NULL
        ) STRICT;
        ALTER TABLE embedder ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;  -- grows when vectors go or change
        CREATE INDEX outcomes_by_agent ON outcomes (agent, auction);

        CREATE TABLE pending (            -- vectors of another embedder, until all are there: see reembed.py
            auction INTEGER PRIMARY KEY REFERENCES auctions ON DELETE CASCADE,
            vector BLOB NOT NULL
        ) STRICT;
        CREATE TABLE pending_of (         -- whose these are
            one INTEGER PRIMARY KEY CHECK (one = 1),
            name TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            dimension INTEGER NOT NULL
        ) STRICT;
        """
    )


def m4_names(db: apsw.Connection) -> str | None:
    """Replace the names of earlier versions in the auctions' `run`. JSON that cannot be read is left as it is."""
    changed = 0
    for number, text in select(db, "SELECT number, run FROM auctions WHERE run LIKE '%reserve%' OR run LIKE '%home%'"):
        try:
            old = json.loads(text)
            new = legacy_names.run(old)
        except (ValueError, AttributeError, TypeError):
            continue
        if new != old:
            db.execute("UPDATE auctions SET run = ? WHERE number = ?", (json.dumps(new, ensure_ascii=False), number))
            changed += 1
    return legacy_names.OLD_RECORDS if changed else None


STEPS: tuple[Step, ...] = (m1_first, m2_words, m3_codes, m4_names)
LATEST = len(STEPS)


def version(db: apsw.Connection) -> int:
    """Return how many steps this file has been through."""
    return int(db.pragma("user_version"))


def migrate(db: apsw.Connection, steps: Sequence[Step] = STEPS) -> None:
    """Run the steps that the file lacks, each in a transaction. Warns of what the user should know.

    The version is read again under the write lock: another process may have been faster.
    """
    while version(db) < len(steps):
        note = None
        with writing(db):
            done = version(db)
            if done < len(steps):
                note = steps[done](db)
                db.pragma("user_version", done + 1)
        if note:
            warnings.warn(legacy_names.OldName(f"{db.filename}: {note}"), stacklevel=2)
