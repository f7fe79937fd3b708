//! Slots and the lease: which wake may act, and until when. Must stay true: a slot is filled once, whatever the clock does, and
//! only one wake holds the lease.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};
use crate::runs::{NewRun, RunId, abandon, insert};

/// The right of one wake to act, until its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The process.
    pub pid: u32,
    /// The inode of the lock file that it holds.
    pub lock: i64,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when.
    pub deadline: DateTime<Utc>,
}

/// Whether a wake has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It has, as this run. Those runs were left open by a crash and count as abandoned now.
    Run(RunId, Vec<RunId>),
    /// Another wake has filled the slot.
    Taken,
    /// Another wake holds the lease through a lock file that is no longer the one there, and its time is not up.
    Held(Lease),
}

/// Slots that passed without a wake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedSlots {
    /// When the first of them begins.
    pub first: DateTime<Utc>,
    /// When the last of them begins.
    pub last: DateTime<Utc>,
    /// How many.
    pub count: u32,
    /// Why.
    pub why: String,
}

impl Memory {
    /// Begins a wake: takes the slot and the lease and opens the run, all or nothing. Call it while holding the lock file: the
    /// kernel frees that when a process dies, so a lease through the same file is nobody's any more.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn begin_wake(&mut self, new: &NewRun, lease: &Lease) -> Result<Begun, MemoryError> {
        self.transact(|conn| {
            if let Some(other) = held_by_another(conn, lease)? {
                return Ok(Begun::Held(other));
            }
            let abandoned = abandon(conn, new.started_at)?;
            let run = insert(conn, new)?;
            if let Some(slot) = new.slot
                && !fill(conn, slot, run, new.started_at)?
            {
                conn.execute("DELETE FROM runs WHERE id = ?1", [run.0])?;
                return Ok(Begun::Taken);
            }
            write_lease(conn, run, lease)?;
            Ok(Begun::Run(run, abandoned))
        })
    }

    /// Gives the lease to a run that has ended, for something that has to be sent behind it. False when another process may hold
    /// it, as in [`Memory::begin_wake`]. Call it while holding the lock file.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn lease_to(&mut self, run: RunId, lease: &Lease) -> Result<bool, MemoryError> {
        self.transact(|conn| match held_by_another(conn, lease)? {
            Some(_) => Ok(false),
            None => write_lease(conn, run, lease).map(|()| true),
        })
    }

    /// Whether the run holds the lease, and its time is not up.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn holds_lease(&self, run: RunId, now: DateTime<Utc>) -> Result<bool, MemoryError> {
        self.connection
            .prepare_cached("SELECT 1 FROM lease WHERE run = ?1 AND deadline > ?2 AND since <= ?3")
            // A clock that was set back by more than a moment says nothing of how much time has passed.
            .and_then(|mut select| select.exists(params![run.0, micros(now), micros(now + BACK)]))
            .map_err(|error| self.wrong(error))
    }

    /// The run that took the lease last, if it has not ended.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn leased_to(&self) -> Result<Option<RunId>, MemoryError> {
        self.connection.query_row("SELECT run FROM lease", [], |row| row.get(0).map(RunId)).optional().map_err(|error| self.wrong(error))
    }

    /// The newest slot up to `slot` that a wake has filled, in seconds since 1970.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn last_slot(&self, slot: i64) -> Result<Option<i64>, MemoryError> {
        self.connection
            .query_row("SELECT max(slot) FROM slots WHERE slot <= ?1", [slot], |row| row.get(0))
            .map_err(|error| self.wrong(error))
    }

    /// Notes slots that passed without a wake; what was noted of them before stays, and is not counted again.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn miss(&mut self, missed: &MissedSlots, now: DateTime<Utc>) -> Result<(), MemoryError> {
        let (first, last) = (missed.first.timestamp(), missed.last.timestamp());
        self.transact(|conn| {
            let known: i64 =
                conn.query_row("SELECT coalesce(sum(count), 0) FROM missed WHERE first >= ?1 AND last <= ?2", [first, last], |row| {
                    row.get(0)
                })?;
            let count = i64::from(missed.count) - known;
            if count > 0 {
                // One slot may have been filled since it was looked at.
                conn.execute(
                    "INSERT INTO missed (first, last, count, why, noted_at) SELECT ?1, ?2, ?3, ?4, ?5
                     WHERE ?1 <> ?2 OR NOT EXISTS (SELECT 1 FROM slots WHERE slot = ?1)",
                    params![first, last, count, missed.why, micros(now)],
                )?;
            }
            Ok(())
        })
    }

    /// What was missed since a time, the newest first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn missed(&self, since: DateTime<Utc>) -> Result<Vec<MissedSlots>, MemoryError> {
        self.rows("SELECT first, last, count, why FROM missed WHERE last >= ?1 ORDER BY last DESC, id DESC", [since.timestamp()], |row| {
            let begins = |seconds: i64| time(seconds.saturating_mul(1_000_000));
            Ok(MissedSlots { first: begins(row.get(0)?), last: begins(row.get(1)?), count: row.get(2)?, why: row.get(3)? })
        })
    }
}

/// By how much a clock is set back in the usual course of things.
const BACK: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// Fills a slot, unless it is filled.
fn fill(conn: &Connection, slot: i64, run: RunId, now: DateTime<Utc>) -> rusqlite::Result<bool> {
    let filled = conn.execute("INSERT OR IGNORE INTO slots VALUES (?1, ?2, ?3)", params![slot, run.0, micros(now)])? == 1;
    if filled {
        conn.execute("DELETE FROM missed WHERE first = ?1 AND last = ?1", [slot])?;
    }
    Ok(filled)
}

fn write_lease(conn: &Connection, run: RunId, lease: &Lease) -> rusqlite::Result<()> {
    let values = params![run.0, lease.pid, lease.lock, micros(lease.since), micros(lease.deadline)];
    conn.execute("INSERT OR REPLACE INTO lease VALUES (1, ?1, ?2, ?3, ?4, ?5)", values).map(|_| ())
}

/// A lease through another lock file whose time is not up. One that begins in the future is of a wrong clock, and nobody's.
fn held_by_another(conn: &Connection, lease: &Lease) -> rusqlite::Result<Option<Lease>> {
    let holds = |other: &Lease| other.lock != lease.lock && other.deadline > lease.since && other.since <= lease.since + BACK;
    Ok(read_lease(conn)?.filter(holds))
}

fn read_lease(conn: &Connection) -> rusqlite::Result<Option<Lease>> {
    let read = |row: &Row<'_>| Ok(Lease { pid: row.get(0)?, lock: row.get(1)?, since: time(row.get(2)?), deadline: time(row.get(3)?) });
    conn.query_row("SELECT pid, lock, since, deadline FROM lease", [], read).optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunEnd, RunState};

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-20T{text}:00Z").parse().expect("a time")
    }

    fn memory() -> (tempfile::TempDir, Memory) {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = Memory::open(&folder.path().join("a.db"), at("14:00")).expect("made");
        (folder, memory)
    }

    fn new(slot: Option<i64>, now: &str) -> NewRun {
        NewRun { started_at: at(now), slot, trigger: "cron".into(), version: "0".into(), pid: 7 }
    }

    fn lease(lock: i64, since: &str, deadline: &str) -> Lease {
        Lease { pid: 7, lock, since: at(since), deadline: at(deadline) }
    }

    fn begun(memory: &mut Memory, slot: Option<i64>, lock: i64, since: &str, deadline: &str) -> Begun {
        memory.begin_wake(&new(slot, since), &lease(lock, since, deadline)).expect("asked")
    }

    #[test]
    fn a_slot_is_filled_once() {
        let (_folder, mut memory) = memory();
        let Begun::Run(run, _) = begun(&mut memory, Some(7200), 1, "14:00", "14:20") else { panic!("not begun") };
        let end = RunEnd { ended_at: at("14:01"), state: RunState::Done, outcome: None, pick: None, error: None };
        memory.finish_run(run, &end).expect("ended");
        assert_eq!(begun(&mut memory, Some(7200), 1, "14:05", "14:25"), Begun::Taken);
        assert_eq!(memory.run_count().expect("counted"), 1, "nothing is left of the second");
        assert!(matches!(begun(&mut memory, None, 1, "14:06", "14:26"), Begun::Run(..)), "one by hand takes no slot");
        assert_eq!([memory.last_slot(7199), memory.last_slot(9000)].map(|slot| slot.expect("read")), [None, Some(7200)]);
    }

    #[test]
    fn a_lease_ends_with_its_deadline_its_run_or_another_run() {
        let (_folder, mut memory) = memory();
        let Begun::Run(first, _) = begun(&mut memory, None, 1, "14:00", "14:20") else { panic!("not begun") };
        for (now, holds) in [("14:00", true), ("14:19", true), ("14:20", false), ("13:56", true), ("13:50", false)] {
            assert_eq!(memory.holds_lease(first, at(now)).expect("read"), holds, "{now}");
        }
        // The same lock file is free: the process is dead.
        let Begun::Run(second, abandoned) = begun(&mut memory, None, 1, "14:10", "14:30") else { panic!("not begun") };
        assert_eq!(abandoned, [first]);
        assert!(!memory.holds_lease(first, at("14:11")).expect("read"));
        assert_eq!(memory.leased_to().expect("read"), Some(second));
        // Another lock file says nothing of the process that holds the one that was removed.
        assert_eq!(begun(&mut memory, None, 2, "14:20", "14:40"), Begun::Held(lease(1, "14:10", "14:30")));
        assert!(matches!(begun(&mut memory, None, 2, "14:30", "14:50"), Begun::Run(..)));
        assert!(!memory.holds_lease(second, at("14:29")).expect("read"));
        // A clock that was hours ahead is no lease for hours.
        assert!(matches!(begun(&mut memory, None, 3, "20:00", "20:20"), Begun::Run(..)));
        assert!(matches!(begun(&mut memory, None, 4, "15:00", "15:20"), Begun::Run(..)));
    }

    #[test]
    fn what_was_missed_is_counted_once_and_forgotten_when_it_is_made_up_for() {
        let (_folder, mut memory) = memory();
        let missed = |first: &str, last: &str, count, why: &str| MissedSlots { first: at(first), last: at(last), count, why: why.into() };
        memory.miss(&missed("04:00", "04:00", 1, "paused"), at("04:01")).expect("noted");
        memory.miss(&missed("02:00", "08:00", 4, "asleep"), at("10:00")).expect("noted");
        memory.miss(&missed("04:00", "04:00", 1, "asleep"), at("10:01")).expect("known");
        // Paused when the first of them came, asleep later on.
        memory.miss(&missed("12:00", "12:00", 1, "paused"), at("12:01")).expect("noted");
        memory.miss(&missed("12:00", "16:00", 3, "asleep"), at("18:00")).expect("noted");
        let known = memory.missed(at("00:00")).expect("read");
        let expected = [
            ("12:00", "16:00", 2, "asleep"),
            ("12:00", "12:00", 1, "paused"),
            ("02:00", "08:00", 3, "asleep"),
            ("04:00", "04:00", 1, "paused"),
        ];
        assert_eq!(known, expected.map(|(first, last, count, why)| missed(first, last, count, why)));
        assert!(matches!(begun(&mut memory, Some(at("04:00").timestamp()), 1, "05:00", "05:20"), Begun::Run(..)));
        assert_eq!(memory.missed(at("00:00")).expect("read").len(), 3);
        memory.miss(&missed("04:00", "04:00", 1, "busy"), at("05:01")).expect("asked");
        assert_eq!(memory.missed(at("00:00")).expect("read").len(), 3, "it was filled meanwhile");
    }
}
