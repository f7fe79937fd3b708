-- Signs of life of readers, and (below) visits and clicks, and what brought people.

CREATE TABLE signs (                       -- what a human reader did, by which they are known to be there
    subscriber TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('confirmation', 'click', 'reply', 'visit', 'survey')),
    about      TEXT NOT NULL DEFAULT '',   -- the id of the issue that it was about, or ''
    at         INTEGER NOT NULL,
    PRIMARY KEY (subscriber, kind, about, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX signs_by_time ON signs (at);
