-- The ledger of effects, what the human allowed, and small texts that outlive a wake.
CREATE TABLE effects (
    id          INTEGER PRIMARY KEY,
    issue       TEXT NOT NULL,
    channel     TEXT NOT NULL,
    part        TEXT NOT NULL,
    recipient   TEXT NOT NULL DEFAULT '' COLLATE NOCASE,   -- a subscriber's id, for mail; letter case makes no other one
    state       TEXT NOT NULL DEFAULT 'intended'
                CHECK (state IN ('intended', 'awaiting_human', 'sending', 'confirmed', 'refused', 'unknown')),
    text        BLOB NOT NULL,             -- frozen: a retry sends the same bytes
    key         TEXT NOT NULL,             -- frozen: idempotency key, record key or Message-ID
    run         INTEGER NOT NULL REFERENCES runs (id),
    intended_at INTEGER NOT NULL,
    sending_at  INTEGER,
    sendings    INTEGER NOT NULL DEFAULT 0, -- how often it was let go; counted by a trigger
    settled_at  INTEGER,
    error       TEXT,
    UNIQUE (issue, channel, part, recipient)
) STRICT;
CREATE INDEX effects_by_state ON effects (state);
CREATE INDEX effects_sent ON effects (channel, sending_at);

CREATE TABLE evidence (
    id          INTEGER PRIMARY KEY,
    effect      INTEGER NOT NULL REFERENCES effects (id),
    shows       TEXT NOT NULL DEFAULT 'there' CHECK (shows IN ('there', 'absent')),
    of_sending  INTEGER NOT NULL,   -- after which sending it was found: `effects.sendings` of that moment
    kind        TEXT NOT NULL CHECK (kind IN ('page', 'feed', 'status', 'record', 'smtp', 'human')),
    place       TEXT NOT NULL,
    sha256      TEXT,
    text        TEXT,
    fetched_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX evidence_of ON evidence (effect);

CREATE TRIGGER effects_begin_intended BEFORE INSERT ON effects WHEN NEW.state <> 'intended'
BEGIN SELECT RAISE(ABORT, 'an effect begins as intended'); END;

-- REPLACE deletes without the trigger below, so it must not come that far.
CREATE TRIGGER effects_are_never_replaced BEFORE INSERT ON effects
WHEN EXISTS (SELECT 1 FROM effects AS e WHERE e.id = NEW.id
      OR (e.issue = NEW.issue AND e.channel = NEW.channel AND e.part = NEW.part AND e.recipient = NEW.recipient))
BEGIN SELECT RAISE(ABORT, 'this effect stands in the ledger already'); END;

CREATE TRIGGER effects_are_kept BEFORE DELETE ON effects
BEGIN SELECT RAISE(ABORT, 'an effect is never deleted'); END;

CREATE TRIGGER effects_are_frozen BEFORE UPDATE ON effects
WHEN OLD.issue <> NEW.issue OR OLD.channel <> NEW.channel OR OLD.part <> NEW.part OR OLD.recipient <> NEW.recipient
  OR OLD.text <> NEW.text OR OLD.key <> NEW.key OR OLD.intended_at <> NEW.intended_at OR OLD.id <> NEW.id OR OLD.run <> NEW.run
BEGIN SELECT RAISE(ABORT, 'what an effect sends is frozen'); END;

CREATE TRIGGER effects_move_legally BEFORE UPDATE OF state ON effects
WHEN OLD.state <> NEW.state AND NOT (
     (OLD.state = 'intended'       AND NEW.state IN ('sending', 'awaiting_human', 'refused'))
  OR (OLD.state = 'awaiting_human' AND NEW.state IN ('confirmed', 'refused'))
  OR (OLD.state = 'sending'        AND NEW.state IN ('confirmed', 'refused', 'unknown'))
  OR (OLD.state = 'unknown'        AND NEW.state IN ('confirmed', 'refused', 'sending')))
BEGIN SELECT RAISE(ABORT, 'an illegal transition of an effect'); END;

CREATE TRIGGER effects_need_evidence BEFORE UPDATE OF state ON effects
WHEN NEW.state = 'confirmed' AND OLD.state <> 'confirmed' AND NOT EXISTS (SELECT 1 FROM evidence WHERE effect = NEW.id AND shows = 'there')
BEGIN SELECT RAISE(ABORT, 'no effect is confirmed without evidence'); END;

-- Look before sending again; a mail is sent again on a human's word only. A page is the same page when it is written twice.
CREATE TRIGGER effects_look_first BEFORE UPDATE OF state ON effects
WHEN OLD.state = 'unknown' AND NEW.state = 'sending' AND OLD.channel <> 'web'
 AND NOT EXISTS (SELECT 1 FROM evidence WHERE effect = OLD.id AND shows = 'absent' AND of_sending = OLD.sendings
                 AND (kind = 'human' OR OLD.channel <> 'email'))
BEGIN SELECT RAISE(ABORT, 'look before sending again'); END;

CREATE TRIGGER effects_count_their_sendings AFTER UPDATE OF state ON effects WHEN NEW.state = 'sending' AND OLD.state <> 'sending'
BEGIN UPDATE effects SET sendings = sendings + 1 WHERE id = NEW.id; END;

CREATE TRIGGER effects_never_count_back BEFORE UPDATE OF sendings ON effects WHEN NEW.sendings <> OLD.sendings + 1
BEGIN SELECT RAISE(ABORT, 'sendings are counted by one'); END;

CREATE TRIGGER effects_are_sent_where_programs_may BEFORE UPDATE OF state ON effects
WHEN NEW.state = 'sending'
 AND (NEW.channel IN ('hackernews', 'reddit', 'x', 'lobsters', 'linkedin') OR (NEW.channel = 'email' AND NEW.recipient = ''))
BEGIN SELECT RAISE(ABORT, 'only a person may post there, and a mail needs a recipient'); END;

CREATE TRIGGER evidence_is_of_now BEFORE INSERT ON evidence
WHEN EXISTS (SELECT 1 FROM evidence WHERE id = NEW.id)
  OR NEW.of_sending <> (SELECT sendings FROM effects WHERE id = NEW.effect)
BEGIN SELECT RAISE(ABORT, 'evidence is of the present sending, and is never replaced'); END;

CREATE TRIGGER evidence_is_kept BEFORE DELETE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;
CREATE TRIGGER evidence_is_frozen BEFORE UPDATE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence never changes'); END;

CREATE TABLE approvals (
    digest  TEXT PRIMARY KEY,              -- sha256 of exactly what was approved
    granted INTEGER NOT NULL CHECK (granted IN (0, 1)),
    what    TEXT NOT NULL,
    how     TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pauses (
    id       INTEGER PRIMARY KEY,
    reason   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER,
    ended_at INTEGER
) STRICT;

CREATE TABLE texts (
    key     TEXT PRIMARY KEY,
    text    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
