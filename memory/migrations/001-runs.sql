-- Runs, what was decided in them, and where their time went.

-- "rvll": the file is ours; another program's database is never written to.
PRAGMA application_id = 1920363628;

CREATE TABLE phrases (                     -- words that many candidates share, once each
    id      INTEGER PRIMARY KEY,
    text    TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE sheets (
    id      INTEGER PRIMARY KEY,
    digest  BLOB NOT NULL UNIQUE,          -- sha256 of the lines and the asks: the same sheet is stored once
    lines   BLOB NOT NULL,                 -- the candidates in order with their lines in PROGRESS.md, packed (sheets/lines.rs)
    asks    INTEGER NOT NULL REFERENCES phrases (id)   -- JSON: what was asked of the human
) STRICT;

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY,
    slot        INTEGER,
    trigger     TEXT NOT NULL,
    version     TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,          -- microseconds since 1970, UTC, as all times here
    ended_at    INTEGER,
    state       TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'interrupted', 'abandoned')),
    outcome     TEXT CHECK (outcome IN ('act', 'ask', 'rest')),
    pick        TEXT,
    error       TEXT,
    did         TEXT,
    sheet       INTEGER REFERENCES sheets (id),
    CHECK ((state = 'running') = (ended_at IS NULL))
) STRICT;
CREATE INDEX runs_open ON runs (state) WHERE state = 'running';

CREATE TRIGGER runs_end_once BEFORE UPDATE OF state, ended_at, outcome, pick, error ON runs WHEN OLD.state <> 'running'
BEGIN SELECT RAISE(ABORT, 'a run ends once'); END;

CREATE TABLE candidates (
    id          INTEGER PRIMARY KEY,
    digest      BLOB NOT NULL UNIQUE,      -- sha256 of all that follows: the same candidate is stored once
    task        TEXT NOT NULL,
    text        INTEGER NOT NULL REFERENCES phrases (id),
    source      TEXT NOT NULL CHECK (source IN ('progress', 'skill')),
    who         TEXT NOT NULL,
    skill       TEXT,
    channel     TEXT,
    read_by     TEXT NOT NULL,
    confidence  REAL NOT NULL,
    shares      BLOB NOT NULL CHECK (length(shares) = 32),   -- the probability of each who, f64 little endian
    verdict     TEXT NOT NULL CHECK (verdict IN ('eligible', 'refused')),
    kind        TEXT,
    why         INTEGER REFERENCES phrases (id),
    unblock     INTEGER REFERENCES phrases (id),
    count       INTEGER,
    counted_by  TEXT,
    reach       REAL,
    fit         REAL,
    value       REAL,
    parts       INTEGER NOT NULL REFERENCES phrases (id),    -- JSON: every term of the value
    CHECK ((verdict = 'refused') = (kind IS NOT NULL))
) STRICT;

CREATE TABLE stages (
    run     INTEGER NOT NULL REFERENCES runs (id),
    position INTEGER NOT NULL,
    name    TEXT NOT NULL,
    micros  INTEGER NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE readings (
    hash        BLOB PRIMARY KEY,          -- sha256 of the line's words, the model and the heads
    shares      BLOB NOT NULL,             -- 14 little-endian f32: four for who, ten for skill
    read_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
    id          TEXT PRIMARY KEY,
    words       TEXT NOT NULL,
    seen_at     INTEGER NOT NULL           -- moved at most once a day
) STRICT, WITHOUT ROWID;

CREATE TABLE facts (
    id          INTEGER PRIMARY KEY,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,             -- JSON
    source      TEXT NOT NULL,
    measured_at INTEGER NOT NULL,          -- when this value was first seen
    seen_at     INTEGER NOT NULL,          -- when it was last seen
    run         INTEGER REFERENCES runs (id)
) STRICT;
CREATE INDEX facts_latest ON facts (key, id DESC);
