//! Runs: one row a wake, with its stages.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use strum::{Display, EnumString};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// The number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

/// How a run ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum RunState {
    /// It has not ended.
    Running,
    /// It acted, asked or rested.
    Done,
    /// An error ended it.
    Failed,
    /// A signal or the time limit ended it.
    Interrupted,
    /// It was found open by a later run: a crash ended it.
    Abandoned,
}

/// A run that begins.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// When.
    pub started_at: DateTime<Utc>,
    /// The slot that it fills: when that begins, in seconds since 1970.
    pub slot: Option<i64>,
    /// What started it: `hand`, or the name of a service.
    pub trigger: String,
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// When.
    pub ended_at: DateTime<Utc>,
    /// In which state: anything but `Running`.
    pub state: RunState,
    /// `act`, `ask` or `rest`.
    pub outcome: Option<String>,
    /// The id of the task that was picked.
    pub pick: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// A run as it is kept.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The process.
    pub pid: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How.
    pub state: RunState,
    /// `act`, `ask` or `rest`.
    pub outcome: Option<String>,
    /// The id of the task that was picked.
    pub pick: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// What started it: `hand`, or the name of a service.
    pub trigger: String,
    /// The slot that it filled: when that begins, in seconds since 1970.
    pub slot: Option<i64>,
}

const COLUMNS: &str = "id, started_at, ended_at, state, outcome, pick, error, trigger, slot, pid";

/// The run of what `serve` sends: no wake, so it has no number among them, and there is one for ever.
const OF_SERVE: RunId = RunId(0);

/// What an abandoned run has as its error.
const CUT_OFF: &str = "it was cut off: a crash, a power cut, or its end by force";

impl Memory {
    /// Begins a run.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn begin_run(&mut self, new: &NewRun) -> Result<RunId, MemoryError> {
        insert(&self.connection, new).map_err(|error| self.wrong(error))
    }

    /// The run of what goes out without a wake: what readers asked for on the site. It has ended, and counts as no wake.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn run_of_serve(&mut self, version: &str, at: DateTime<Utc>) -> Result<RunId, MemoryError> {
        self.transact(|conn| {
            conn.execute(
                "INSERT INTO runs (id, trigger, version, pid, started_at, ended_at, state)
                 SELECT ?1, 'serve', ?2, 0, ?3, ?3, 'done' WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
                params![OF_SERVE.0, version, micros(at)],
            )
        })?;
        Ok(OF_SERVE)
    }

    /// Ends a run and gives its lease back. A run that has ended already stays as it ended.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn finish_run(&mut self, run: RunId, end: &RunEnd) -> Result<(), MemoryError> {
        self.transact(|conn| {
            conn.execute(
                "UPDATE runs SET ended_at = ?2, state = ?3, outcome = ?4, pick = ?5, error = ?6 WHERE id = ?1 AND state = 'running'",
                params![run.0, micros(end.ended_at), end.state.to_string(), end.outcome, end.pick, end.error],
            )?;
            conn.execute("DELETE FROM lease WHERE run = ?1", [run.0]).map(|_| ())
        })
    }

    /// Marks runs that a crash left open. Call it while holding the lease: then none of them can be alive.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn abandon_open_runs(&mut self, now: DateTime<Utc>) -> Result<Vec<RunId>, MemoryError> {
        abandon(&self.connection, now).map_err(|error| self.wrong(error))
    }

    /// The time that a stage took, in microseconds.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn record_stages(&mut self, run: RunId, stages: &[(&str, u64)]) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached("INSERT INTO stages VALUES (?1, ?2, ?3, ?4)")?;
            for (position, (name, time)) in (0_i64..).zip(stages) {
                write.execute(params![run.0, position, name, i64::try_from(*time).unwrap_or(i64::MAX)])?;
            }
            Ok(())
        })
    }

    /// The stages of a run with their times in microseconds, in order.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn stages(&self, run: RunId) -> Result<Vec<(String, u64)>, MemoryError> {
        self.rows("SELECT name, micros FROM stages WHERE run = ?1 ORDER BY position", [run.0], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
        })
    }

    /// The newest runs first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn runs(&self, limit: u32) -> Result<Vec<Run>, MemoryError> {
        self.rows(&format!("SELECT {COLUMNS} FROM runs WHERE id > 0 ORDER BY id DESC LIMIT ?1"), [limit], read)
    }

    /// One run.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn run(&self, id: RunId) -> Result<Option<Run>, MemoryError> {
        self.connection
            .query_row(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"), [id.0], read)
            .optional()
            .map_err(|error| self.wrong(error))
    }

    /// The newest run.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn last_run(&self) -> Result<Option<Run>, MemoryError> {
        Ok(self.runs(1)?.pop())
    }

    /// How many runs there were.
    ///
    /// # Errors
    /// The rows can't be counted.
    pub fn run_count(&self) -> Result<u64, MemoryError> {
        let count: i64 =
            self.connection.query_row("SELECT count(*) FROM runs WHERE id > 0", [], |row| row.get(0)).map_err(|error| self.wrong(error))?;
        Ok(count.unsigned_abs())
    }
}

/// Writes the row of a run that begins.
pub(crate) fn insert(conn: &Connection, new: &NewRun) -> rusqlite::Result<RunId> {
    conn.execute(
        "INSERT INTO runs (slot, trigger, version, pid, started_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![new.slot, new.trigger, new.version, new.pid, micros(new.started_at)],
    )?;
    Ok(RunId(conn.last_insert_rowid()))
}

/// See [`Memory::abandon_open_runs`].
pub(crate) fn abandon(conn: &Connection, now: DateTime<Utc>) -> rusqlite::Result<Vec<RunId>> {
    let mut statement =
        conn.prepare("UPDATE runs SET state = 'abandoned', ended_at = ?1, error = ?2 WHERE state = 'running' RETURNING id")?;
    statement.query_map(params![micros(now), CUT_OFF], |row| row.get(0).map(RunId))?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: RunId(row.get(0)?),
        started_at: time(row.get(1)?),
        ended_at: row.get::<_, Option<i64>>(2)?.map(time),
        state: row.get::<_, String>(3)?.parse().unwrap_or(RunState::Abandoned),
        outcome: row.get(4)?,
        pick: row.get(5)?,
        error: row.get(6)?,
        trigger: row.get(7)?,
        slot: row.get(8)?,
        pid: row.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_once_and_a_crash_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let new = NewRun { started_at: now, slot: Some(1), trigger: "hand".into(), version: "0".into(), pid: 1 };
        let (first, second) = (memory.begin_run(&new).expect("begun"), memory.begin_run(&new).expect("begun"));
        let end = |state| RunEnd { ended_at: now, state, outcome: Some("rest".into()), pick: None, error: None };
        memory.finish_run(first, &end(RunState::Done)).expect("ended");
        memory.finish_run(first, &end(RunState::Failed)).expect("ignored");
        assert_eq!(memory.run(first).expect("read").map(|run| run.state), Some(RunState::Done));
        assert_eq!(memory.abandon_open_runs(now).expect("marked"), [second]);
        assert_eq!(memory.last_run().expect("read").map(|run| run.state), Some(RunState::Abandoned));
        memory.record_stages(first, &[("load", 5), ("read", 7)]).expect("kept");
        assert_eq!(memory.stages(first).expect("read"), [("load".to_owned(), 5), ("read".to_owned(), 7)]);
        assert_eq!(memory.run_of_serve("0", now).expect("kept"), memory.run_of_serve("1", now).expect("there"));
        assert_eq!((memory.run_count().expect("counted"), memory.runs(9).expect("read").len()), (2, 2), "serve is no wake");
        assert!(
            memory.finish_run(second, &RunEnd { state: RunState::Running, ..end(RunState::Done) }).is_ok(),
            "it has ended: nothing to do"
        );
    }
}
