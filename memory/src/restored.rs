//! A memory that is older than what has happened: it is disarmed, and learns from a later one what has gone out.
//!
//! Must stay true: taking over only ever narrows what may be sent (effects move on along legal steps, nobody comes back who
//! left, what was turned down is not approved), but for what readers did themselves: who confirmed is a reader, and the later one
//! of two choices counts; numbers of runs that are known to have been are not given twice.

mod readers;

use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, params};

use crate::error::MemoryError;
use crate::open::{Memory, micros};

/// What a memory learned from a later one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// Issue and channel with how many effects had moved on there, in the order of their names.
    pub effects: Vec<(String, String, u64)>,
    /// How many readers had left.
    pub left: u64,
    /// How many had become readers by the site.
    pub confirmed: u64,
}

/// The steps from what this ledger knows to what the later one does. `taken` names the effects that differ.
const STEPS: &str = "
    UPDATE effects SET text = l.text, key = l.key FROM temp.taken t JOIN later.effects l ON l.id = t.theirs
        WHERE effects.id = t.id AND effects.state = 'intended' AND (effects.text <> l.text OR effects.key <> l.key);
    UPDATE effects SET state = 'awaiting_human', settled_at = l.settled_at FROM temp.taken t JOIN later.effects l ON l.id = t.theirs
        WHERE effects.id = t.id AND effects.state = 'intended' AND l.state <> 'refused'
          AND (l.state = 'awaiting_human' OR l.sendings = 0);
    UPDATE effects SET state = 'sending', sending_at = l.sending_at FROM temp.taken t JOIN later.effects l ON l.id = t.theirs
        WHERE effects.id = t.id AND effects.state = 'intended' AND l.state <> 'refused';
    INSERT INTO evidence (effect, shows, of_sending, kind, place, sha256, text, fetched_at)
        SELECT t.id, v.shows, e.sendings, v.kind, v.place, v.sha256, v.text, v.fetched_at
        FROM temp.taken t JOIN later.evidence v ON v.effect = t.theirs JOIN effects e ON e.id = t.id
        WHERE v.shows = 'there' AND NOT EXISTS (SELECT 1 FROM evidence o WHERE o.effect = t.id AND o.shows = 'there' AND o.place = v.place);
    UPDATE effects SET state = 'confirmed', settled_at = l.settled_at, error = NULL FROM temp.taken t JOIN later.effects l ON l.id = t.theirs
        WHERE effects.id = t.id AND l.state = 'confirmed';
    UPDATE effects SET state = 'refused', settled_at = l.settled_at, error = l.error FROM temp.taken t JOIN later.effects l ON l.id = t.theirs
        WHERE effects.id = t.id AND l.state = 'refused';
    UPDATE effects SET state = 'unknown', settled_at = coalesce(l.settled_at, l.sending_at), error = l.error
        FROM temp.taken t JOIN later.effects l ON l.id = t.theirs
        WHERE effects.id = t.id AND effects.state = 'sending' AND l.state IN ('sending', 'unknown');
    INSERT OR IGNORE INTO letters SELECT digest, letter FROM later.letters;
    INSERT OR IGNORE INTO experiments SELECT * FROM later.experiments;
    INSERT INTO suppressed SELECT subscriber, why, at FROM later.suppressed WHERE true
        ON CONFLICT (subscriber) DO UPDATE SET why = excluded.why, at = max(at, excluded.at) WHERE why = 'left';
    INSERT OR REPLACE INTO approvals SELECT l.* FROM later.approvals l WHERE l.granted = 0
        AND NOT EXISTS (SELECT 1 FROM approvals a WHERE a.digest = l.digest AND a.granted = 0);
";

/// Effects that went out, or may have, there and of which less is known here. What is settled here stays.
const DIFFER: &str = "
    CREATE TEMP TABLE taken AS SELECT e.id AS id, l.id AS theirs FROM effects e JOIN later.effects l
        ON e.issue = l.issue AND e.channel = l.channel AND e.part = l.part AND e.recipient = l.recipient
        WHERE e.state NOT IN ('confirmed', 'refused') AND l.state <> 'intended' AND e.state <> l.state
          AND (e.state = 'intended' OR l.state IN ('confirmed', 'refused') OR (e.state = 'sending' AND l.state = 'unknown'));
";

impl Memory {
    /// The number of the newest run, 0 when there was none.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn last_run_number(&self) -> Result<i64, MemoryError> {
        self.connection.query_row("SELECT coalesce(max(id), 0) FROM runs", [], |row| row.get(0)).map_err(|error| self.wrong(error))
    }

    /// Pauses until `resume`, and goes on counting runs behind `seen`, the newest that is known to have been: its row says that
    /// nothing else is known of it.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn disarm(&mut self, reason: &str, seen: i64, version: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        let now = micros(at);
        self.transact(|conn| {
            conn.execute(
                "INSERT INTO runs (id, trigger, version, pid, started_at, ended_at, state, error)
                 SELECT ?1, 'lost', ?2, 0, ?3, ?3, 'abandoned', 'this memory is older than this wake' WHERE ?1 > (SELECT coalesce(max(id), 0) FROM runs)",
                params![seen, version, now],
            )?;
            conn.execute(
                "UPDATE runs SET state = 'abandoned', ended_at = ?1 WHERE state = 'running' AND id < ?2",
                params![now, seen],
            )?;
            if conn.table_exists(None, "lease")? {
                // Whoever held it did so in another memory.
                conn.execute("DELETE FROM lease", [])?;
            }
            conn.execute("INSERT INTO pauses (reason, since) VALUES (?1, ?2)", params![reason, now]).map(|_| ())
        })
    }

    /// Learns from a later memory what has gone out, who has left and what readers did by the site, and takes the texts whose keys are `texts` or begin with
    /// one of them and a space. `None` when it is of another schema: then nothing can be learned from it.
    ///
    /// # Errors
    /// It can't be read, or the rows can't be written; then nothing of it was taken.
    pub fn take_over(&mut self, later: &Path, texts: &[&str]) -> Result<Option<TakenOver>, MemoryError> {
        if Self::connect(later, OpenFlags::SQLITE_OPEN_READ_ONLY)?.version()? != Self::known() {
            return Ok(None);
        }
        let name = later.to_str().ok_or_else(|| MemoryError::Refused("the name of a copy is no text".to_owned()))?;
        self.connection.execute("ATTACH ?1 AS later", [name]).map_err(|error| MemoryError::at(later, error))?;
        let taken = self.transact(|conn| take(conn, texts));
        self.connection.execute_batch("DROP TABLE IF EXISTS temp.taken; DETACH later").map_err(|error| self.wrong(error))?;
        taken.map(Some)
    }
}

fn take(conn: &Connection, texts: &[&str]) -> rusqlite::Result<TakenOver> {
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let before = number("SELECT count(*) FROM suppressed")?;
    conn.execute(
        "INSERT INTO effects (issue, channel, part, recipient, text, key, run, intended_at)
         SELECT l.issue, l.channel, l.part, l.recipient, l.text, l.key, (SELECT max(id) FROM runs), l.intended_at FROM later.effects l
         WHERE l.state <> 'intended' AND NOT EXISTS (SELECT 1 FROM effects e
            WHERE e.issue = l.issue AND e.channel = l.channel AND e.part = l.part AND e.recipient = l.recipient) ORDER BY l.id",
        [],
    )?;
    conn.execute_batch(DIFFER)?;
    conn.execute_batch(STEPS)?;
    // Behind the letters that they got: of who has left nothing is counted.
    let confirmed = readers::take(conn)?;
    for key in texts {
        conn.execute("INSERT OR REPLACE INTO texts SELECT key, text FROM later.texts WHERE key = ?1 OR key LIKE ?1 || ' %'", [key])?;
    }
    let mut select = conn.prepare(
        "SELECT issue, channel, count(*) FROM effects JOIN temp.taken t ON t.id = effects.id GROUP BY issue, channel ORDER BY issue, channel",
    )?;
    let effects = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(TakenOver { effects, left: number("SELECT count(*) FROM suppressed")?.saturating_sub(before), confirmed })
}

#[cfg(test)]
mod tests;
