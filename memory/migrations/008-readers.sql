-- Readers who came by the site: what they asked for and chose themselves, and the mails that this calls for.

CREATE TABLE subscribers (
    id           TEXT PRIMARY KEY,         -- the subscriber's id: a digest of the folded address
    email        TEXT NOT NULL,            -- as they wrote it
    state        TEXT NOT NULL CHECK (state IN ('pending', 'confirmed')),   -- who leaves has no row: only their digest is kept, in `suppressed`
    tier         TEXT NOT NULL DEFAULT 'free',
    via          TEXT NOT NULL DEFAULT '', -- what brought them first: a channel, or '' when nothing is known
    asked_at     INTEGER NOT NULL,         -- when they asked last
    confirmed_at INTEGER,
    is_person    INTEGER NOT NULL DEFAULT 1 CHECK (is_person IN (0, 1)),    -- 0: the owner, or a domain that no person reads mail at; nobody counts them
    CHECK ((state = 'confirmed') = (confirmed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX subscribers_by_state ON subscribers (state, asked_at);
CREATE TRIGGER subscribers_stay_confirmed BEFORE UPDATE OF state, confirmed_at ON subscribers
WHEN OLD.state = 'confirmed' AND (NEW.state <> 'confirmed' OR NEW.confirmed_at < OLD.confirmed_at)
BEGIN SELECT RAISE(ABORT, 'a confirmed reader stays confirmed until they leave'); END;

CREATE TABLE preferences (                 -- of any reader, also of readers.csv; without a row every issue at once
    subscriber   TEXT PRIMARY KEY,
    frequency    TEXT NOT NULL CHECK (frequency IN ('each', 'weekly')),
    paused_until INTEGER,
    topics       TEXT NOT NULL,            -- JSON: a list of tags of issues; empty for all
    changed_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE listed (                      -- what readers.csv said of people when it was read last: the site can't read it for each who asks
    subscriber TEXT PRIMARY KEY,
    standing   TEXT NOT NULL CHECK (standing IN ('confirmed', 'gone'))   -- gone: the author wrote so; nobody's own leaving
) STRICT, WITHOUT ROWID;

CREATE TABLE wanted_mails (                -- what a reader did that calls for a mail; sent through the ledger
    id         INTEGER PRIMARY KEY,
    subscriber TEXT NOT NULL,
    email      TEXT NOT NULL,              -- '' once it is done
    kind       TEXT NOT NULL CHECK (kind IN ('confirm', 'known', 'welcome')),
    network    INTEGER,                    -- a digest of the network that asked, for the limit; NULL a day later
    wanted_at  INTEGER NOT NULL,
    done_at    INTEGER
) STRICT;
CREATE TABLE turned_away (                 -- sign-ups over a cap: how many, and nothing else of them
    day    INTEGER NOT NULL,               -- days since 1970, UTC
    cap    TEXT NOT NULL CHECK (cap IN ('network', 'all')),
    asked  INTEGER NOT NULL,
    PRIMARY KEY (day, cap)
) STRICT, WITHOUT ROWID;
CREATE INDEX wanted_mails_open ON wanted_mails (id) WHERE done_at IS NULL;
CREATE INDEX wanted_mails_of ON wanted_mails (subscriber, kind, wanted_at);
CREATE INDEX wanted_mails_by_time ON wanted_mails (kind, wanted_at, network);
