-- What the channels need: an effect may be put back, letters are shared by their mails, addresses are suppressed for ever.

ALTER TABLE effects ADD COLUMN not_before INTEGER;   -- put back: it certainly did not happen, and not again before this time

-- As before, and one step more: what certainly did not happen (no connection, a rate limit, a 4xx of a mail server) may go back.
DROP TRIGGER effects_move_legally;
CREATE TRIGGER effects_move_legally BEFORE UPDATE OF state ON effects
WHEN OLD.state <> NEW.state AND NOT (
     (OLD.state = 'intended'       AND NEW.state IN ('sending', 'awaiting_human', 'refused'))
  OR (OLD.state = 'awaiting_human' AND NEW.state IN ('confirmed', 'refused'))
  OR (OLD.state = 'sending'        AND NEW.state IN ('confirmed', 'refused', 'unknown', 'intended'))
  OR (OLD.state = 'unknown'        AND NEW.state IN ('confirmed', 'refused', 'sending'))
  -- A person says that it is not there: the only way back for a mail.
  OR (OLD.state = 'unknown'        AND NEW.state = 'intended' AND EXISTS (SELECT 1 FROM evidence
        WHERE effect = OLD.id AND shows = 'absent' AND kind = 'human' AND of_sending = OLD.sendings)))
BEGIN SELECT RAISE(ABORT, 'an illegal transition of an effect'); END;

-- As before, but what has not gone out may still be written anew: the author may have edited it meanwhile.
DROP TRIGGER effects_are_frozen;
CREATE TRIGGER effects_are_frozen BEFORE UPDATE ON effects
WHEN OLD.issue <> NEW.issue OR OLD.channel <> NEW.channel OR OLD.part <> NEW.part OR OLD.recipient <> NEW.recipient
  OR OLD.intended_at <> NEW.intended_at OR OLD.id <> NEW.id OR OLD.run <> NEW.run
  OR ((OLD.text <> NEW.text OR OLD.key <> NEW.key) AND NOT (OLD.state = 'intended' AND NEW.state = 'intended'))
BEGIN SELECT RAISE(ABORT, 'what an effect sends is frozen'); END;

-- Where an issue's effects stand, without reading what they hold: a list has thousands of recipients.
CREATE INDEX effects_of_issue ON effects (issue, channel, part, state);

CREATE TABLE letters (                     -- what all mails of one letter share, once
    digest  TEXT PRIMARY KEY,              -- sha256
    letter  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER letters_are_frozen BEFORE UPDATE ON letters
BEGIN SELECT RAISE(ABORT, 'a letter never changes'); END;

CREATE TABLE suppressed (                  -- never mailed again, whatever a list says
    subscriber TEXT PRIMARY KEY,           -- sha256 of the folded address: the address itself is not kept
    why     TEXT NOT NULL CHECK (why IN ('left', 'bounced', 'complained', 'removed')),
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER suppressed_for_ever BEFORE DELETE ON suppressed
BEGIN SELECT RAISE(ABORT, 'suppressed for ever means for ever'); END;
