-- A memory as the first release wrote it. Kept for ever; never brought up to date.
PRAGMA application_id = 0x53414C45;
PRAGMA user_version = 1;

CREATE TABLE embedder (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    dimension INTEGER NOT NULL
) STRICT;

CREATE TABLE auctions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at REAL NOT NULL,
    text TEXT NOT NULL,
    domain TEXT NOT NULL,
    files TEXT NOT NULL,
    "check" TEXT,
    likeness BLOB NOT NULL,
    sat_out TEXT NOT NULL,
    run TEXT NOT NULL
) STRICT;
CREATE INDEX auctions_alike ON auctions (likeness, number);

CREATE TABLE bids (
    auction INTEGER NOT NULL REFERENCES auctions ON DELETE CASCADE,
    rank INTEGER NOT NULL,
    agent TEXT NOT NULL,
    phase TEXT NOT NULL,
    price REAL NOT NULL,
    plan TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    entropy REAL NOT NULL,
    signals TEXT NOT NULL,
    scores TEXT NOT NULL,
    cost REAL NOT NULL,
    value REAL NOT NULL,
    led INTEGER NOT NULL,
    won INTEGER NOT NULL,
    PRIMARY KEY (auction, rank)
) STRICT, WITHOUT ROWID;
CREATE INDEX bids_by_agent ON bids (agent, auction);
CREATE UNIQUE INDEX bids_one_led ON bids (auction) WHERE led;
CREATE UNIQUE INDEX bids_one_won ON bids (auction) WHERE won;

CREATE TABLE lessons (
    auction INTEGER NOT NULL REFERENCES auctions ON DELETE CASCADE,
    agent TEXT NOT NULL,
    place INTEGER NOT NULL,
    past INTEGER NOT NULL,
    won INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    similarity REAL NOT NULL,
    outcome TEXT,
    PRIMARY KEY (auction, agent, place),
    FOREIGN KEY (past, won) REFERENCES bids (auction, rank) ON DELETE CASCADE,
    FOREIGN KEY (past, lost) REFERENCES bids (auction, rank) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX lessons_by_won ON lessons (past, won);
CREATE INDEX lessons_by_lost ON lessons (past, lost);

CREATE TABLE outcomes (
    number INTEGER PRIMARY KEY,
    auction INTEGER NOT NULL REFERENCES auctions ON DELETE CASCADE,
    at REAL NOT NULL,
    source TEXT NOT NULL,
    agent TEXT NOT NULL,
    status TEXT NOT NULL,
    answer TEXT NOT NULL,
    verified INTEGER,
    notes TEXT NOT NULL,
    steps INTEGER NOT NULL
) STRICT;
CREATE INDEX outcomes_by_auction ON outcomes (auction, number);

CREATE TABLE entries (
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

CREATE VIRTUAL TABLE vectors USING vec0(embedding float[4] distance_metric=cosine);

INSERT INTO embedder VALUES (1, 'grams', 'd1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1', 4);
INSERT INTO auctions VALUES (1, 'first', 1790000000.5, 'sum a list', '', '[]', NULL, x'00112233445566778899aabbccddeeff', '{"slow": "timed out"}', '{"pool": "starter", "seed": 7}');
INSERT INTO auctions VALUES (2, 'second', 1790000060.25, 'sum two lists', 'code', '["a.py"]', 'assert True', x'ffeeddccbbaa99887766554433221100', '{}', '{"pool": "starter", "seed": 8}');
INSERT INTO vectors (rowid, embedding) VALUES (1, '[1, 0, 0, 0]'), (2, '[0.6, 0.8, 0, 0]');
INSERT INTO bids VALUES (1, 0, 'quick', 'opening', 0.05, 'add them', 12, 1.5, '{"length": 12.0}', '{"quick": 3.0}', 0.5, 1.5, 1, 1);
INSERT INTO bids VALUES (1, 1, 'drafts', 'opening', 0.09, 'try and check', 30, 2.5, '{}', '{"quick": 2.0}', 1.5, 1.0, 0, 0);
INSERT INTO bids VALUES (2, 0, 'quick', 'refined', 0.05, 'add them, both', 14, 1.25, '{}', '{"quick": 4.0}', 0.5, 2.0, 0, 1);
INSERT INTO bids VALUES (2, 1, 'drafts', 'opening', 0.09, 'try each', 20, 2.0, '{}', '{"quick": 2.5}', 1.0, 1.0, 1, 0);
INSERT INTO lessons VALUES (2, 'quick', 0, 1, 0, 1, 0.6, 'done');
INSERT INTO outcomes VALUES (1, 1, 1790000000.5, 'run', 'quick', 'done', 'sum(x)', NULL, '[]', 1);
INSERT INTO outcomes VALUES (2, 2, 1790000060.25, 'run', 'quick', 'passed', 'sum(x + y)', 1, '["checked"]', 1);
INSERT INTO entries VALUES (2, 0, 'quick', 'bid', 100, 14, 0.5, 0.05);
INSERT INTO entries VALUES (2, 1, 'quick', 'work', 120, 60, 2.0, 0.05);
