-- What is kept of a run whose sheet was thinned out: when that was, and a summary (JSON; compact/runs.rs).
ALTER TABLE runs ADD COLUMN thinned_at INTEGER;
ALTER TABLE runs ADD COLUMN summary INTEGER REFERENCES phrases (id) CHECK ((summary IS NULL) = (thinned_at IS NULL));

CREATE TRIGGER runs_are_thinned_once BEFORE UPDATE OF thinned_at, summary ON runs
WHEN OLD.state = 'running' OR OLD.thinned_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a run is thinned out once, after its end'); END;
