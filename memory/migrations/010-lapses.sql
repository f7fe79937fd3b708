-- Readers who drift away: what letters they got, and for whom the letters have ended.

CREATE TABLE letters_got (                 -- one row a reader, kept by a trigger: a question for all readers must not read the ledger
    subscriber TEXT PRIMARY KEY,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO letters_got
    SELECT lower(recipient), min(sending_at), max(sending_at) FROM effects
    WHERE channel = 'email' AND part = 'letter' AND state = 'confirmed' AND recipient <> '' AND sending_at IS NOT NULL
      AND lower(recipient) NOT IN (SELECT subscriber FROM suppressed) GROUP BY lower(recipient);
CREATE TRIGGER letters_are_counted AFTER UPDATE OF state ON effects
WHEN NEW.state = 'confirmed' AND OLD.state <> 'confirmed' AND NEW.channel = 'email' AND NEW.part = 'letter' AND NEW.recipient <> ''
 -- Of who left while their mail was on its way nothing comes back; who came back has a row that confirmed later.
 AND NOT EXISTS (SELECT 1 FROM suppressed AS x WHERE x.subscriber = lower(NEW.recipient)
    AND NOT (x.why = 'left' AND EXISTS (SELECT 1 FROM subscribers AS s WHERE s.id = x.subscriber AND s.confirmed_at > x.at)))
BEGIN
    INSERT INTO letters_got VALUES (lower(NEW.recipient), coalesce(NEW.sending_at, NEW.intended_at), coalesce(NEW.sending_at, NEW.intended_at))
    ON CONFLICT (subscriber) DO UPDATE SET first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at);
END;

-- Messages to silent readers stand in the ledger: issue `retain-30:…`, part `retain`.
CREATE INDEX effects_retain ON effects (recipient) WHERE part = 'retain';

CREATE TABLE sunsets (                     -- whose letters have ended; a sign of life behind it undoes it
    subscriber TEXT PRIMARY KEY,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
