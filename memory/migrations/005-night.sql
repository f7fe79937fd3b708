-- Waking by itself: each slot is filled once, what was missed is known, and a wake holds a lease with a deadline.

CREATE TABLE slots (                       -- kept for ever: a clock that is set back must find them
    slot     INTEGER PRIMARY KEY,          -- when it begins, in seconds since 1970
    run      INTEGER NOT NULL,             -- the run that filled it
    taken_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER slots_are_kept BEFORE DELETE ON slots
BEGIN SELECT RAISE(ABORT, 'a slot is filled once'); END;
CREATE TRIGGER slots_are_frozen BEFORE UPDATE ON slots
BEGIN SELECT RAISE(ABORT, 'a slot is filled once'); END;

CREATE TABLE missed (                      -- slots that passed without a wake
    id       INTEGER PRIMARY KEY,
    first    INTEGER NOT NULL,             -- when the first of them begins, in seconds since 1970
    last     INTEGER NOT NULL,             -- when the last of them begins; those between that are noted in a row of their own don't count
    count    INTEGER NOT NULL CHECK (count > 0),
    why      TEXT NOT NULL,
    noted_at INTEGER NOT NULL
) STRICT;

CREATE TABLE lease (                       -- one row at most: the wake that may act
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    run      INTEGER NOT NULL,
    pid      INTEGER NOT NULL,
    lock     INTEGER NOT NULL,             -- the inode of the lock file: another one means that the file was removed meanwhile
    since    INTEGER NOT NULL,
    deadline INTEGER NOT NULL
) STRICT;
