-- What the human of this home said of lines that the model read otherwise. The later word takes the place of an earlier one.
CREATE TABLE labels (
    folded  TEXT PRIMARY KEY,              -- the words with case, marks and white space folded away
    text    TEXT NOT NULL,                 -- the words as they stood last, without tags
    who     TEXT CHECK (who IN ('strangers', 'subscribers', 'customers', 'nobody')),
    skill   TEXT CHECK (skill IN ('publish', 'distribute', 'measure', 'compose', 'engage', 'onboard', 'retain', 'sell', 'maintain', 'none')),
    why     TEXT NOT NULL CHECK (why IN ('tag', 'yes', 'no', 'dropped')),
    at      INTEGER NOT NULL,
    CHECK (who IS NOT NULL OR skill IS NOT NULL)
) STRICT, WITHOUT ROWID;
