-- Signs of life of readers, and (below) visits and clicks, and what brought people.

CREATE TABLE signs (                       -- what a human reader did, by which they are known to be there
    subscriber TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('confirmation', 'click', 'reply', 'visit', 'survey')),
    about      TEXT NOT NULL DEFAULT '',   -- the id of the issue that it was about, or ''
    at         INTEGER NOT NULL,
    PRIMARY KEY (subscriber, kind, about, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX signs_by_time ON signs (at);

-- A visitor is a number that the day's salt makes of what their browser shows; numbers go when the day (UTC) is over, and the salt,
-- which stands in a file of its own that no copy holds. Days are counted from 1970-01-01.
CREATE TABLE visitors (
    day     INTEGER NOT NULL,
    visitor INTEGER NOT NULL,
    source  TEXT NOT NULL,                 -- what brought them first on that day
    PRIMARY KEY (day, visitor)
) STRICT, WITHOUT ROWID;
CREATE TABLE visitor_pages (
    day     INTEGER NOT NULL,
    visitor INTEGER NOT NULL,
    page    TEXT NOT NULL,
    PRIMARY KEY (day, visitor, page)
) STRICT, WITHOUT ROWID;

CREATE TABLE visitor_networks (            -- how many of a day's visitors are of one network, as they are bounded
    day     INTEGER NOT NULL,
    network INTEGER NOT NULL,              -- a number under the day's salt, like a visitor's; 0 stands for all networks together
    people  INTEGER NOT NULL,
    PRIMARY KEY (day, network)
) STRICT, WITHOUT ROWID;

CREATE TABLE visit_days (                  -- the days that were counted: each by the server or by a web server's log, never by both
    day        INTEGER PRIMARY KEY,
    counted_by TEXT NOT NULL CHECK (counted_by IN ('server', 'log')),
    robots     INTEGER NOT NULL DEFAULT 0  -- pages that programs fetched
) STRICT;
CREATE TABLE visits (                      -- kept for ever
    day      INTEGER NOT NULL,
    page     TEXT NOT NULL,                -- a page of the publication by its path, or 'other'
    source   TEXT NOT NULL,
    views    INTEGER NOT NULL,
    visitors INTEGER NOT NULL,             -- who are told apart; whoever asks not to be is in `views` only
    PRIMARY KEY (day, page, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE funnel (                      -- people a day by what brought them first, nobody's id: who left stays counted
    day    INTEGER NOT NULL,
    source TEXT NOT NULL,
    step   TEXT NOT NULL CHECK (step IN ('landing', 'signup', 'confirmed', 'active')),
    people INTEGER NOT NULL,
    PRIMARY KEY (day, source, step)
) STRICT, WITHOUT ROWID;
-- By triggers, so that no way of subscribing is left out. Who is no person is counted by none.
CREATE TRIGGER funnel_signup AFTER INSERT ON subscribers WHEN NEW.state = 'pending' AND NEW.is_person
BEGIN
    INSERT INTO funnel VALUES (NEW.asked_at / 86400000000, CASE NEW.via WHEN '' THEN 'unknown' ELSE NEW.via END, 'signup', 1)
    ON CONFLICT DO UPDATE SET people = people + 1;
END;
CREATE TRIGGER funnel_confirmed AFTER UPDATE OF state ON subscribers
WHEN OLD.state = 'pending' AND NEW.state = 'confirmed' AND NEW.is_person
BEGIN
    INSERT INTO funnel VALUES (NEW.confirmed_at / 86400000000, CASE NEW.via WHEN '' THEN 'unknown' ELSE NEW.via END, 'confirmed', 1)
    ON CONFLICT DO UPDATE SET people = people + 1;
END;
-- Seven days are mission's ACTIVE_DAYS; a look at one's own preferences is no sign here, for a scanner may follow that link.
CREATE TRIGGER funnel_active AFTER INSERT ON signs
WHEN NEW.kind IN ('click', 'reply', 'survey')
 AND EXISTS (SELECT 1 FROM subscribers AS s WHERE s.id = NEW.subscriber AND s.is_person AND NEW.at BETWEEN s.confirmed_at AND s.confirmed_at + 604800000000)
 AND NOT EXISTS (
    SELECT 1 FROM signs AS o JOIN subscribers AS s ON s.id = o.subscriber
    WHERE o.subscriber = NEW.subscriber AND o.kind IN ('click', 'reply', 'survey') AND o.at BETWEEN s.confirmed_at AND s.confirmed_at + 604800000000
      AND (o.kind, o.about, o.at) <> (NEW.kind, NEW.about, NEW.at))
BEGIN
    INSERT INTO funnel SELECT s.confirmed_at / 86400000000, CASE s.via WHEN '' THEN 'unknown' ELSE s.via END, 'active', 1
    FROM subscribers AS s WHERE s.id = NEW.subscriber
    ON CONFLICT DO UPDATE SET people = people + 1;
END;

CREATE TABLE letter_links (                -- where a letter's links go: a redirect leads there and nowhere else
    letter  INTEGER NOT NULL,              -- a number made of the issue and its links
    link    INTEGER NOT NULL,
    issue   TEXT NOT NULL,                 -- whose mails hold it: an issue's, `week-…` or `retain-…`
    address TEXT NOT NULL,
    about   TEXT NOT NULL,                 -- the issue in which it stands: the same, but in the letter of a week
    PRIMARY KEY (letter, link)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER letter_links_stay BEFORE UPDATE ON letter_links
BEGIN SELECT RAISE(ABORT, 'a link of a letter leads where it led'); END;

CREATE TABLE clicks (                      -- who fetched a link of a letter, as it was; whether it was a human is judged when it is read
    id         INTEGER PRIMARY KEY,
    letter     INTEGER NOT NULL,
    link       INTEGER NOT NULL,
    subscriber TEXT NOT NULL,
    at         INTEGER NOT NULL,
    fetcher    TEXT NOT NULL CHECK (fetcher IN ('person', 'robot', 'prefetch')),
    judged     INTEGER NOT NULL DEFAULT 0 CHECK (judged IN (0, 1))
) STRICT;
CREATE INDEX clicks_of ON clicks (subscriber, letter);
CREATE INDEX clicks_to_judge ON clicks (at) WHERE judged = 0;
-- What is asked of one reader must not read the mails of all.
CREATE INDEX effects_to ON effects (recipient, channel, issue);
