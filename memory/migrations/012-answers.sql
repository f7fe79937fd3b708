-- Answers of readers: replies, mentions and mails that came in, and what was answered to surveys.

CREATE TABLE answers (                     -- one row each, kept for ever: what a human removed from the inbox is not brought back
    id         INTEGER PRIMARY KEY,
    channel    TEXT NOT NULL,
    name       TEXT NOT NULL,              -- a status id, an at:// address; of a mail the digest of its bytes
    kind       TEXT NOT NULL CHECK (kind IN ('reply', 'mention', 'mail')),
    sender     TEXT NOT NULL,              -- as it was given there, cut; '' once that reader has left
    subscriber TEXT,                       -- only where it was proved by a Message-ID that was sent to them alone
    issue      TEXT NOT NULL DEFAULT '',   -- the id of the issue that it answers, or ''
    place      TEXT NOT NULL,              -- its public address, or the Message-ID
    excerpt    TEXT NOT NULL,              -- its first words; '' once that reader has left
    file       TEXT NOT NULL,              -- the file in inbox/
    at         INTEGER NOT NULL,
    run        INTEGER NOT NULL,           -- the wake that found it
    UNIQUE (channel, name)
) STRICT;
CREATE INDEX answers_by_run ON answers (run);

CREATE TABLE answer_places (               -- where reading goes on
    source  TEXT PRIMARY KEY,              -- a channel and the account there
    place   TEXT NOT NULL,
    read_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE no_answers (                  -- what came in and is none: counted, nothing else is done with it
    channel TEXT NOT NULL,
    kind    TEXT NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (channel, kind)
) STRICT, WITHOUT ROWID;

-- Which mail a reply refers to.
CREATE INDEX effects_by_message ON effects (key) WHERE channel = 'email';

CREATE TABLE surveys (                     -- what was asked; another wording is another survey, for links of the old one are out
    number  INTEGER PRIMARY KEY,       -- made of the name and the questions
    name    TEXT NOT NULL,
    asks    TEXT NOT NULL,                 -- JSON: the questions with their choices
    made_at INTEGER NOT NULL,
    UNIQUE (name, asks)
) STRICT;
CREATE TRIGGER surveys_are_frozen BEFORE UPDATE ON surveys
BEGIN SELECT RAISE(ABORT, 'what was asked never changes'); END;

CREATE TABLE survey_answers (              -- one a reader and survey; the later one counts
    survey     INTEGER NOT NULL REFERENCES surveys (number),
    subscriber TEXT NOT NULL,
    choices    TEXT NOT NULL,              -- JSON: the number of the choice for each question, from 0
    at         INTEGER NOT NULL,
    PRIMARY KEY (survey, subscriber)
) STRICT, WITHOUT ROWID;
