//! Compaction: once a day, what only the past needs is thinned out, so that a home that wakes for years stays as small and as
//! quick as in its first month.
//!
//! | what | kept | then |
//! |---|---|---|
//! | sheets, with what only they list | 90 days, and those of the newest 60 runs | a [`Summary`] with the run |
//! | stages | the same | nothing |
//! | facts | 90 days | the last value a day; after a year the last value a week |
//! | readings | 90 days after they were last wanted | nothing: the line is read again |
//!
//! Must stay true: runs, effects, evidence, approvals, letters, labels, who is suppressed, and the newest value of every fact are
//! never touched; a sheet that a younger run shares stays whole; it is all one transaction, whose references were checked before
//! it was committed, so a crash leaves the day before. How much goes in one call is bounded. A clock that is wrong by years takes
//! neither the newest runs nor a reading that is in use.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, ErrorCode, OptionalExtension, ffi, params};
use serde::{Deserialize, Serialize};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};
use crate::runs::RunId;

mod runs;
mod sweep;
#[cfg(test)]
mod tests;

/// For how many days everything is kept.
const KEPT_DAYS: i64 = 90;
/// How many of the newest runs keep everything, whatever their dates are: five days of wakes every two hours.
const KEPT_RUNS: u32 = 60;
/// After how many days one value a week of a fact is enough.
const WEEKLY_DAYS: i64 = 365;
/// A reading that is in use is marked again after so many days: not at every wake.
const MARKED_DAYS: i64 = 30;
/// How many rows of facts, and how many of readings, go in one call at most.
const ROWS_A_TIME: u32 = 20_000;
/// Under which key the time of the last compaction is kept.
const COMPACTED: &str = "compacted";
/// Free pages are given back to the disk when they are at least a mebibyte and a quarter of the file, and the file is not so
/// large that writing it anew takes more than some seconds.
const LEAST_FREE: i64 = 1 << 20;
const MOST_BYTES: i64 = 256 << 20;

/// What a compaction took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Runs whose sheets were thinned out.
    pub runs: u64,
    /// Sheets, candidates and phrases that nothing lists any more.
    pub swept: u64,
    /// Rows of facts between those that stay.
    pub facts: u64,
    /// Readings that nobody wanted for a long time.
    pub readings: u64,
    /// Whether free pages were given back to the disk.
    pub shrunk: bool,
}

/// What is kept of a sheet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many candidates could have been chosen.
    pub eligible: u64,
    /// How many were refused, by the kind of refusal.
    pub refused: BTreeMap<String, u64>,
    /// How many things were asked of the human.
    pub asks: u64,
    /// What was chosen.
    pub picked: Option<Picked>,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picked {
    /// The task's words.
    pub text: String,
    /// For whom.
    pub who: String,
    /// Goal units expected.
    pub value: Option<f64>,
}

/// A run whose sheet was thinned out.
#[derive(Debug, Clone, PartialEq)]
pub struct Thinned {
    /// When.
    pub at: DateTime<Utc>,
    /// What is left of it.
    pub summary: Summary,
}

/// A proof of something that a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The issue's stable id.
    pub issue: String,
    /// The channel.
    pub channel: String,
    /// Where it was found.
    pub place: String,
    /// When.
    pub fetched_at: DateTime<Utc>,
}

/// Until where the past goes: runs up to this one that began before this time.
#[derive(Debug, Clone, Copy)]
struct Horizon {
    run: i64,
    before: i64,
}

impl Memory {
    /// Thins out the past, at most once a day; `None` when it was done today. `used` are the readings that the lines of today
    /// want; without them (the lines were not read) no reading goes.
    ///
    /// # Errors
    /// The rows can't be read or written, or a reference would have dangled: then nothing was changed.
    pub fn compact(&mut self, used: Option<&[[u8; 32]]>, now: DateTime<Utc>) -> Result<Option<Compacted>, MemoryError> {
        let last = self.text(COMPACTED)?.and_then(|text| text.parse().ok()).map(time);
        // A last time that is still to come was written by a wrong clock.
        if last.is_some_and(|last| last <= now && now - last < TimeDelta::days(1)) {
            return Ok(None);
        }
        // Without an index on every reference, SQLite would look through whole tables for each row that goes; so the references
        // are checked once, at the end of the transaction. The pragma does nothing inside of one.
        self.check_references(false)?;
        let done = self.transact(|conn| thin(conn, used, now));
        self.check_references(true)?;
        let mut done = done?;
        done.shrunk = self.give_back()?;
        Ok(Some(done))
    }

    /// What is left of a run's sheet, if it was thinned out.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn thinned(&self, run: RunId) -> Result<Option<Thinned>, MemoryError> {
        let sql = "SELECT thinned_at, text FROM runs JOIN phrases ON phrases.id = summary WHERE runs.id = ?1";
        let found: Option<(i64, String)> =
            self.connection.query_row(sql, [run.0], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(|error| self.wrong(error))?;
        let Some((at, text)) = found else { return Ok(None) };
        let summary = serde_json::from_str(&text).map_err(|_| MemoryError::Value("the summary of a run is no JSON".to_owned()))?;
        Ok(Some(Thinned { at: time(at), summary }))
    }

    /// The first proofs of what a run intended, `most` of them: a letter has thousands.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn proofs_of_run(&self, run: RunId, most: u32) -> Result<Vec<Proof>, MemoryError> {
        let sql = "SELECT issue, channel, place, fetched_at FROM effects JOIN evidence ON evidence.effect = effects.id
            WHERE run = ?1 AND shows = 'there' ORDER BY evidence.id LIMIT ?2";
        self.rows(sql, params![run.0, most], |row| {
            Ok(Proof { issue: row.get(0)?, channel: row.get(1)?, place: row.get(2)?, fetched_at: time(row.get(3)?) })
        })
    }

    fn check_references(&self, on: bool) -> Result<(), MemoryError> {
        self.connection.pragma_update(None, "foreign_keys", on).map_err(|error| self.wrong(error))
    }

    /// Writes the file anew without its free pages, when that is much and quick.
    fn give_back(&self) -> Result<bool, MemoryError> {
        let number = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let look = || Ok((number("freelist_count")?, number("page_count")?, number("page_size")?));
        let (free, pages, size) = look().map_err(|error| self.wrong(error))?;
        if free * size < LEAST_FREE || free * 4 < pages || pages * size > MOST_BYTES {
            return Ok(false);
        }
        match self.connection.execute_batch("VACUUM") {
            Ok(()) => Ok(true),
            // Somebody is reading: another day will do.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
            Err(error) => Err(self.wrong(error)),
        }
    }
}

/// One call, in one transaction.
fn thin(conn: &Connection, used: Option<&[[u8; 32]]>, now: DateTime<Utc>) -> rusqlite::Result<Compacted> {
    let mut done = Compacted::default();
    if let Some(used) = used {
        done.readings = forget_readings(conn, used, now)?;
    }
    if let Some(horizon) = horizon(conn, now)? {
        done.runs = runs::thin(conn, horizon, now)?;
        done.facts = thin_facts(conn, horizon, now)?;
        if done.runs > 0 {
            done.swept = sweep::sweep(conn)?;
            whole(conn)?;
        }
    }
    conn.execute("INSERT OR REPLACE INTO texts VALUES (?1, ?2)", params![COMPACTED, micros(now).to_string()])?;
    Ok(done)
}

/// Nothing in a home that has woken less often than that.
fn horizon(conn: &Connection, now: DateTime<Utc>) -> rusqlite::Result<Option<Horizon>> {
    let edge = conn
        .query_row("SELECT id, started_at FROM runs ORDER BY id DESC LIMIT 1 OFFSET ?1", [KEPT_RUNS], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    Ok(edge.map(|(run, began)| Horizon { run, before: (began + 1).min(micros(now - TimeDelta::days(KEPT_DAYS))) }))
}

/// Of what was measured before the horizon, the last value of a day stays, and of more than a year ago that of a week. The newest
/// value of a key is the last one of its day.
fn thin_facts(conn: &Connection, horizon: Horizon, now: DateTime<Utc>) -> rusqlite::Result<u64> {
    let day = TimeDelta::days(1).num_microseconds().unwrap_or(i64::MAX);
    let gone = conn.execute(
        "DELETE FROM facts WHERE id IN (SELECT id FROM (
            SELECT id, row_number() OVER (
                PARTITION BY key, measured_at < ?2, measured_at / CASE WHEN measured_at < ?2 THEN 7 * ?3 ELSE ?3 END ORDER BY id DESC) AS nth
            FROM facts WHERE seen_at < ?1)
         WHERE nth > 1 LIMIT ?4)",
        params![horizon.before, micros(now - TimeDelta::days(WEEKLY_DAYS)).min(horizon.before), day, ROWS_A_TIME],
    )?;
    Ok(gone as u64)
}

/// Marks the readings that are in use, and forgets those that nobody has wanted for long.
fn forget_readings(conn: &Connection, used: &[[u8; 32]], now: DateTime<Utc>) -> rusqlite::Result<u64> {
    let ago = |days: i64| micros(now - TimeDelta::days(days));
    let mut mark = conn.prepare_cached("UPDATE readings SET read_at = ?2 WHERE hash = ?1 AND read_at < ?3")?;
    for hash in used {
        mark.execute(params![&hash[..], micros(now), ago(MARKED_DAYS)])?;
    }
    let gone = conn.execute(
        "DELETE FROM readings WHERE hash IN (SELECT hash FROM readings WHERE read_at < ?1 LIMIT ?2)",
        params![ago(KEPT_DAYS), ROWS_A_TIME],
    )?;
    Ok(gone as u64)
}

/// An error when something refers to a row that went.
fn whole(conn: &Connection) -> rusqlite::Result<()> {
    for table in ["runs", "sheets", "candidates", "stages", "facts"] {
        let dangling = conn.prepare(&format!("PRAGMA foreign_key_check({table})"))?.exists([])?;
        if dangling {
            let code = ffi::Error::new(ffi::SQLITE_CONSTRAINT_FOREIGNKEY);
            return Err(rusqlite::Error::SqliteFailure(code, Some(format!("a row of {table} would refer to nothing"))));
        }
    }
    Ok(())
}
