-- Copies of the home that were made, and what the hook behind each came to. The copies themselves lie in memory/backups.
CREATE TABLE backups (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,      -- its folder in memory/backups
    made_at     INTEGER NOT NULL,
    micros      INTEGER NOT NULL,          -- how long it took
    hook_micros INTEGER,                   -- how long the hook took; NULL when none ran
    hook_code   INTEGER,                   -- its exit code; NULL when it did not end by itself
    hook_error  TEXT,                      -- why it did not end by itself, or never began
    CHECK (hook_micros IS NOT NULL OR (hook_code IS NULL AND hook_error IS NULL)),
    CHECK (hook_micros IS NULL OR (hook_code IS NULL) <> (hook_error IS NULL))
) STRICT;
