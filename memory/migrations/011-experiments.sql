-- Experiments: who was shown what, and what came of it. Counts only: of a letter they stand in the ledger and the signs of life.

CREATE TABLE experiments (
    name       TEXT PRIMARY KEY,           -- the seed of the assignment: `subject-ISSUE`, or the name of the file in experiments/
    kind       TEXT NOT NULL CHECK (kind IN ('subject', 'headline')),
    about      TEXT NOT NULL DEFAULT '',   -- the id of the issue whose letter it is, or ''
    variants   TEXT NOT NULL,              -- JSON: the wordings, frozen with the first exposure
    base       REAL NOT NULL,              -- the difference that it can see ...
    wanted     REAL NOT NULL,
    people     INTEGER NOT NULL,           -- ... and how many people a side that takes
    started_at INTEGER NOT NULL,
    ends_at    INTEGER                     -- nobody looks at outcomes before; NULL for a letter, which ends with its last mail
) STRICT, WITHOUT ROWID;

CREATE TABLE exposures (                   -- of a headline, by the day on which it was shown first to somebody
    experiment TEXT NOT NULL REFERENCES experiments (name),
    variant    INTEGER NOT NULL CHECK (variant >= 0),
    day        INTEGER NOT NULL,           -- days since 1970, UTC
    shown      INTEGER NOT NULL CHECK (shown > 0),
    outcomes   INTEGER NOT NULL DEFAULT 0 CHECK (outcomes BETWEEN 0 AND shown),
    PRIMARY KEY (experiment, variant, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE awaited_outcomes (            -- who asked for the letter and has not confirmed: gone with the answer, or with the subscriber
    subscriber TEXT PRIMARY KEY,
    experiment TEXT NOT NULL,
    variant    INTEGER NOT NULL,
    day        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER experiments_are_frozen BEFORE UPDATE ON experiments
WHEN EXISTS (SELECT 1 FROM exposures WHERE experiment = OLD.name)
  OR EXISTS (SELECT 1 FROM effects WHERE OLD.kind = 'subject' AND issue = OLD.about AND part = 'letter')
BEGIN SELECT RAISE(ABORT, 'an experiment is frozen at its first exposure'); END;
CREATE TRIGGER experiments_are_kept BEFORE DELETE ON experiments
BEGIN SELECT RAISE(ABORT, 'an experiment is never deleted'); END;

CREATE TRIGGER a_confirmation_is_an_outcome AFTER UPDATE OF state ON subscribers
WHEN OLD.state = 'pending' AND NEW.state = 'confirmed'
BEGIN
    UPDATE exposures SET outcomes = outcomes + 1 FROM awaited_outcomes AS a
        WHERE a.subscriber = NEW.id AND exposures.experiment = a.experiment AND exposures.variant = a.variant AND exposures.day = a.day
          AND exposures.outcomes < exposures.shown;
    DELETE FROM awaited_outcomes WHERE subscriber = NEW.id;
END;
CREATE TRIGGER nobody_is_awaited_who_left AFTER DELETE ON subscribers
BEGIN DELETE FROM awaited_outcomes WHERE subscriber = OLD.id; END;
