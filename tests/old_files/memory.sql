-- A memory as version 0.1.0 wrote it, before Reserve became Fallback. Kept for ever; never brought up to date.
PRAGMA application_id = 0x53414c45;
PRAGMA user_version = 3;

CREATE TABLE embedder (  -- whose vectors these are: one row, and never two kinds
            one INTEGER PRIMARY KEY CHECK (one = 1),
            name TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            dimension INTEGER NOT NULL
        , edition INTEGER NOT NULL DEFAULT 0) STRICT;
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
            won INTEGER NOT NULL, unheard REAL NOT NULL DEFAULT 0,     -- 1: the winner
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
        , verdict INTEGER) STRICT;
CREATE INDEX outcomes_by_auction ON outcomes (auction, number);
CREATE TABLE entries (        -- the ledger's lines of this auction
            auction INTEGER NOT NULL REFERENCES auctions ON DELETE CASCADE,
            line INTEGER NOT NULL,
            who TEXT NOT NULL,
            purpose TEXT NOT NULL,
            tokens_in INTEGER NOT NULL,
            tokens_out INTEGER NOT NULL,
            seconds REAL NOT NULL,
            price REAL NOT NULL, reused INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (auction, line)
        ) STRICT, WITHOUT ROWID;
CREATE TABLE codes (              -- see codes.py
            block INTEGER PRIMARY KEY,    -- of auctions 64 * block to 64 * block + 63
            taken INTEGER NOT NULL,       -- a bit for each of them that is there
            bits BLOB NOT NULL
        ) STRICT;
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
CREATE VIRTUAL TABLE vectors USING vec0(embedding float[128] distance_metric=cosine, chunk_size=32);

INSERT INTO embedder ("one", "name", "sha256", "dimension", "edition") VALUES (1, 'bundled-embedder', '1feac066584e0175b16941ac99f92c54cad4af624e2ad8410a47fc5e61a04f8d', 128, 0);
INSERT INTO auctions ("number", "id", "at", "text", "domain", "files", "check", "likeness", "sat_out", "run") VALUES (1, '0966185f', 1795947931.9655058, 'Write a Python function that returns the sum of a list of numbers.', 'python', '[]', NULL, X'5ADF482114480CE07EB7E5C2EDC6507A', '{"texts": "not its trade: reaches 0.74, the floor is 0.80"}', '{"pool": "bundled", "seed": 679362733, "prompts": "587f38895c3a", "weights": "bundled-1 v1", "models": {"bundled-junior": "da36c0333ff78ad6128eaac7a211e35d25dda1dc6bbb645e3bc80091b3591daf", "bundled-lists": "413012d124cf9eaace5fdaa6bc02d95966a776fa52006eb50e58e5b25a48b8f5", "bundled-texts": "93379bd312358361fc147d5d9308f073a1acf6d9a92a344617c5cee5cf80ec9e", "bundled-senior": "830f53e7f8ae37d5758c983b234fcd11a47ea36dfd71a087b278a63bf1c541a1"}, "contexts": {"bundled-junior": 1024, "bundled-lists": 1024, "bundled-texts": 1024, "bundled-senior": 1024}, "threads": 2, "edge_sale": "0.1.0", "llama_cpp": "0.3.36", "reserve_of": "far", "thrift": 0.3, "reserve": {"event": "weighed", "remote": "far", "local": -0.15590759514430474, "reserve": -0.018391044252026215, "margin": -0.04445414000000001, "thrift": 0.3, "seen": 0, "lost": false, "reason": "the task stays at home: lists asks -0.156, far would be expected to ask -0.018 (by its price alone); lists is 0.138 better, and the margin at thrift 0.3 is -0.044"}}');
INSERT INTO auctions ("number", "id", "at", "text", "domain", "files", "check", "likeness", "sat_out", "run") VALUES (2, 'a304ba29', 1795947952.6257899, 'Write a Python function that returns the length of a list.', 'python', '[]', NULL, X'41B53D4556603429A42B972D2380B4A6', '{}', '{"pool": "home", "seed": 1367681749, "prompts": "587f38895c3a", "weights": "home-1 v1", "models": {"bundled-junior": "da36c0333ff78ad6128eaac7a211e35d25dda1dc6bbb645e3bc80091b3591daf", "bundled-lists": "413012d124cf9eaace5fdaa6bc02d95966a776fa52006eb50e58e5b25a48b8f5", "bundled-texts": "93379bd312358361fc147d5d9308f073a1acf6d9a92a344617c5cee5cf80ec9e", "bundled-senior": "830f53e7f8ae37d5758c983b234fcd11a47ea36dfd71a087b278a63bf1c541a1"}, "contexts": {"bundled-junior": 1024, "bundled-lists": 1024, "bundled-texts": 1024, "bundled-senior": 1024}, "threads": 2, "edge_sale": "0.1.0", "llama_cpp": "0.3.36", "reserve_of": "far", "thrift": 0.3, "reserve": {"event": "weighed", "remote": "far", "local": -0.040302026558845405, "reserve": -0.014081811658624266, "margin": -0.04421578000000002, "thrift": 0.3, "seen": 0, "lost": true, "reason": "the local bids lose: senior asks -0.040, far would be expected to ask -0.014 (by its price alone); senior is 0.026 better, and the margin at thrift 0.3 is -0.044"}}');
INSERT INTO bids ("auction", "rank", "agent", "phase", "price", "plan", "tokens", "entropy", "signals", "scores", "cost", "value", "led", "won", "unheard") VALUES (1, 0, 'lists', 'opening', 0.008, '1. total', 2, 0.001895837778897748, '{"logprob": -0.0001727177071906283, "lessons": 0.0, "familiarity": -1.4239351200836146}', '{"junior": 3.0652151181420777, "lists": 3.383309892793477, "texts": 0.5869018237008277, "senior": 4.559779645167509}', 0.0005159040000000001, 0.15642349914430476, 1, 1, 0.0);
INSERT INTO bids ("auction", "rank", "agent", "phase", "price", "plan", "tokens", "entropy", "signals", "scores", "cost", "value", "led", "won", "unheard") VALUES (1, 1, 'junior', 'opening', 0.008, '1. total', 2, 0.008895428249691379, '{"logprob": -0.0010896257357337902, "lessons": 0.0, "familiarity": -1.4905342417543292}', '{"junior": 3.0652151181420777, "lists": 3.383309892793477, "texts": 0.5869018237008277, "senior": 4.559779645167509}', 0.0005159040000000001, 0.14989244026085463, 0, 0, 0.0);
INSERT INTO bids ("auction", "rank", "agent", "phase", "price", "plan", "tokens", "entropy", "signals", "scores", "cost", "value", "led", "won", "unheard") VALUES (1, 2, 'senior', 'opening', 0.016, '1. total', 2, 0.009472496701174397, '{"logprob": -0.0011676619625067275, "lessons": 0.0, "familiarity": -1.8556562082792605}', '{"junior": 3.0652151181420777, "lists": 3.383309892793477, "texts": 0.5869018237008277, "senior": 4.559779645167509}', 0.0010318080000000002, 0.14935399904030855, 0, 0, 0.0);
INSERT INTO bids ("auction", "rank", "agent", "phase", "price", "plan", "tokens", "entropy", "signals", "scores", "cost", "value", "led", "won", "unheard") VALUES (2, 0, 'senior', 'opening', 0.016, '1. count', 2, 0.008607749680554024, '{"logprob": -0.0009724043715699793, "lessons": 0.0, "familiarity": -1.6349984790866408}', '{"junior": 2.8830102727351914, "lists": 2.7376661015132413, "texts": 2.3004384245668916, "senior": 1.42292126074517}', 0.0010318080000000002, 0.04133383455884541, 1, 1, 0.0);
INSERT INTO bids ("auction", "rank", "agent", "phase", "price", "plan", "tokens", "entropy", "signals", "scores", "cost", "value", "led", "won", "unheard") VALUES (2, 1, 'junior', 'opening', 0.008, '1. count', 2, 0.011238315316085067, '{"logprob": -0.0012945921935187954, "lessons": 0.0, "familiarity": -1.491456775773542}', '{"junior": 2.8830102727351914, "lists": 2.7376661015132413, "texts": 2.3004384245668916, "senior": 1.42292126074517}', 0.0005159040000000001, 0.038879351095259904, 0, 0, 0.0);
INSERT INTO bids ("auction", "rank", "agent", "phase", "price", "plan", "tokens", "entropy", "signals", "scores", "cost", "value", "led", "won", "unheard") VALUES (2, 2, 'lists', 'opening', 0.008, '1. count', 2, 0.019116086827830954, '{"logprob": -0.002395385892389079, "lessons": 0.0, "familiarity": -1.42500233725543}', '{"junior": 2.8830102727351914, "lists": 2.7376661015132413, "texts": 2.3004384245668916, "senior": 1.42292126074517}', 0.0005159040000000001, 0.03152889397519576, 0, 0, 0.0);
INSERT INTO bids ("auction", "rank", "agent", "phase", "price", "plan", "tokens", "entropy", "signals", "scores", "cost", "value", "led", "won", "unheard") VALUES (2, 3, 'texts', 'opening', 0.008, '1. length', 2, 0.0065296888824306655, '{"logprob": -0.0007814652296680435, "lessons": 0.0, "familiarity": -2.1593767653505296}', '{"junior": 2.1225891570393287, "lists": 1.3987311869932455, "texts": 2.0129243869159836, "senior": 0.8638285942256516}', 0.0005159040000000001, 0.023876194321763126, 0, 0, 0.0);
INSERT INTO outcomes ("number", "auction", "at", "source", "agent", "status", "answer", "verified", "notes", "steps", "verdict") VALUES (1, 1, 1795947931.9655058, 'run', 'lists', 'done', 'def solve(xs):
    n = sum(xs)
    return n', NULL, '[]', 1, NULL);
INSERT INTO outcomes ("number", "auction", "at", "source", "agent", "status", "answer", "verified", "notes", "steps", "verdict") VALUES (2, 2, 1795947952.6257899, 'run', 'senior', 'done', 'def solve(xs):
    n = len(xs)
    return n', NULL, '[]', 1, NULL);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 0, 'bundled-embedder', 'embed', 17, 0, 0.386492676999751, 0.01, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 1, 'junior', 'bid', 21, 2, 2.0588123870002164, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 2, 'junior', 'bid', 17, 0, 1.3053861960001996, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 3, 'lists', 'bid', 21, 2, 2.1507972609997523, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 4, 'lists', 'bid', 17, 0, 1.40200587299978, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 5, 'texts', 'bid', 21, 3, 2.9929146419999597, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 6, 'texts', 'bid', 17, 0, 1.299393603000226, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 7, 'senior', 'bid', 21, 2, 2.7795606889999362, 0.016, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 8, 'senior', 'bid', 17, 0, 1.9164197639997838, 0.016, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 9, 'junior', 'judge', 23, 0, 1.4883406200001446, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 10, 'lists', 'judge', 23, 0, 1.1677518699998473, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 11, 'texts', 'judge', 23, 0, 0.14170439800000167, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 12, 'senior', 'judge', 23, 0, 0.022559077000096295, 0.016, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (1, 13, 'lists', 'work', 11, 16, 0.030755224999666098, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 0, 'bundled-embedder', 'embed', 15, 0, 0.3281468059999497, 0.01, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 1, 'junior', 'bid', 19, 2, 1.4907931279999502, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 2, 'junior', 'bid', 15, 0, 0.9411748800002897, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 3, 'lists', 'bid', 19, 2, 1.5394768609999119, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 4, 'lists', 'bid', 15, 0, 0.10422940900025424, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 5, 'texts', 'bid', 19, 2, 0.022362767000231543, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 6, 'texts', 'bid', 15, 0, 0.0013659999999617867, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 7, 'senior', 'bid', 19, 2, 0.1006399920001968, 0.016, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 8, 'senior', 'bid', 15, 0, 0.0018036789997495362, 0.016, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 9, 'junior', 'judge', 21, 0, 0.014617184499911673, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 10, 'junior', 'judge', 21, 0, 0.014617184499911673, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 11, 'lists', 'judge', 21, 0, 0.00842398999998295, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 12, 'lists', 'judge', 21, 0, 0.00842398999998295, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 13, 'texts', 'judge', 21, 0, 0.009507678500085603, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 14, 'texts', 'judge', 21, 0, 0.009507678500085603, 0.008, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 15, 'senior', 'judge', 21, 0, 0.037267404499971235, 0.016, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 16, 'senior', 'judge', 21, 0, 0.037267404499971235, 0.016, 0);
INSERT INTO entries ("auction", "line", "who", "purpose", "tokens_in", "tokens_out", "seconds", "price", "reused") VALUES (2, 17, 'senior', 'work', 11, 16, 0.377679371999875, 0.016, 0);
INSERT INTO codes ("block", "taken", "bits") VALUES (0, 6, X'0000000000000000000000000000000010454DB1BE68BD81092824DA8B36FD0130C539B0BC383F884B2825DACB66D94100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO vectors (rowid, embedding) VALUES (1, X'A76298BC4E5519BEF58E12BD80F0EDBDFF113B3EC48571BDF7E542BD760258BD3009DA3CF44099BB436F913D2572DDBCBDF5CABD6AE2F5BCF93BD13D390844BDA54D273DA8A74BBE3B8BD33A6B370B3D2E38E2BB4D6226BD06D5C23DFD166CBDA781C13DBC52F0BDB6F3C8BC77528DBD93B1AF3D30A3FA3A69D08ABD52F6083E483AE4BD3F41073C8A2A8A3D6C8DCA3DE725AC3D2BF39B3DB58993BEB3BA373D6AEDBBBB29DA36BDEC58B5BD00453C3D8BA0B1BC52448C3C8597C13C92DF24BEF257EB3DEFFBAFBB9771B93C309A173CAFBED03D076B193DC521BFBB5F92BC3D4539E53BEE5AA2BD141BC4BC3AF59BBC512F28BD63C399BDDBC750BD4ACEFB3D51D9883DC31A9DBC1CD007BD1593C93B560113BCB3F52ABE04BDE0BCC5DB1EBE6D24A0BD04458DBCF4598EBC6159D93D85E282BD6E3E853D1E525CBDCB9B34BCDBCA4CBDA07508BD712DEE3D054312BD7DFF03BE35E3DE3C3B5E26BC0E6B8ABC675E08BEEFBBAF3D08B2B3BD43D6713D8F08643D3B70AABD95E0793DF7B2143EAE8B8C3DB7763E3E5A28B5BDFC8D103D420C2ABE27A6A3BC408B86BD48BC6F3CD4B813BE8432E33D3B48D43D2DC49DBD4674AC3DDC9FBD3DFA1149BDC3DA25BEB03F8F3D49A917BD0E846C3C70706C3D814C4F3EEF539E3C6E0A7C3D5C718B3EF431DC3DF93A87BD59EC40BDF4DA86BD5BB42BBDD75F08BD185EE4BD8365BEBD');
INSERT INTO vectors (rowid, embedding) VALUES (2, X'AD0124BDBE85ACBD917BA9BD4D6496BD7F2F603DEA54AE3DA6D01ABDC39E84BDED98393D954528BC017D193E2FAAC7BBCF5047BEC12F49BD844EE03C0ADE333C30B0A73D828698BD9A73A2BB15DB9E3D7569AC3D8312863D55FD67BC1000ADBD72AE19BD7FF0E4BDAD313ABE2314CEBD600B0B3D8F5F9C3B639AB9BC489CF73D7CF6CEBDA9E097BBE3B40E3DA185303E1504E83D70D14B3D093657BED0D6D83D4CE8FFBD831C56BDAA8D8ABD492ED43DD464053EABABB63D66F31EBBB976DFBDC561C43D84C4DB3B8EFD8A3C20BC823D6A26813D13B41D3DF740AEBDCC1D19BBE63B38BD3D2CCBBDE9213DBD8ED5873B608461BD967609BE85FEC0BBFE7D363E3C28263DCDD5413C22E35BBDF7B6793C77B814BDDAB3FDBDDDA7403C512450BCB3A34DBCDD2DEEBDCA2E2BBCEF56F53D4FB4D4BC6524533C4DC997BC3218C5BD579ABF3C517064BDC39AA23DBF0F87BD50E218BE45D9F53C2AEA0EBDA9D65CBDC1DDC9BD8FCF763DAC25E2BDFA801D3EDAA0113E8639A2BDB0A8B23C3145CF3D8DCE8C3D8161123E467A66BE7DFFB23D64C5B3BD1A3BF6BD2AC32F3C07EC7F3D99C20CBD29CEB63D9B89A73B9B4A99BD34D90CBDABDB2E3D61C5883DDE4A2BBE80E5003EAC71B7BD67793BBCA7628B3D38543B3EECA7A4BDF7179E3D2762393EEDD90B3E2DA97BBD0C8ED5BDEA3032BD9449FBBDFA2C63BDEEB7FF3C9A8A1EBD');
