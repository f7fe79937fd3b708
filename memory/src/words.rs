//! The human's words (approvals, refusals, pauses), the names of tasks, and small texts that outlive a wake.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension, params};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// A task that was not seen for so many days is forgotten.
const FORGET_DAYS: i64 = 400;

/// The human's word on exactly one content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The digest of the content.
    pub digest: String,
    /// Yes or no.
    pub granted: bool,
    /// The content, in words.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A time without wakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when, if it ends by itself.
    pub until: Option<DateTime<Utc>>,
}

impl Memory {
    /// The human approves exactly what has this digest. The later word counts.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn approve(&mut self, digest: &str, what: &str, how: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        self.word(digest, true, what, how, at)
    }

    /// The human turns down what has this digest. The later word counts.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn turn_down(&mut self, digest: &str, what: &str, how: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        self.word(digest, false, what, how, at)
    }

    fn word(&mut self, digest: &str, granted: bool, what: &str, how: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        self.write("INSERT OR REPLACE INTO approvals VALUES (?1, ?2, ?3, ?4, ?5)", params![digest, granted, what, how, micros(at)])
    }

    /// Every word of the human.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn approvals(&self) -> Result<Vec<Approval>, MemoryError> {
        self.rows("SELECT digest, granted, what, at FROM approvals ORDER BY digest", [], |row| {
            Ok(Approval { digest: row.get(0)?, granted: row.get(1)?, what: row.get(2)?, at: time(row.get(3)?) })
        })
    }

    /// Pauses the home.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn pause(&mut self, reason: &str, until: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Result<(), MemoryError> {
        self.write("INSERT INTO pauses (reason, since, until) VALUES (?1, ?2, ?3)", params![reason, micros(at), until.map(micros)])
    }

    /// Ends every pause.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn resume(&mut self, at: DateTime<Utc>) -> Result<(), MemoryError> {
        self.write("UPDATE pauses SET ended_at = ?1 WHERE ended_at IS NULL", [micros(at)])
    }

    /// The pause that holds now.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn paused(&self, now: DateTime<Utc>) -> Result<Option<Pause>, MemoryError> {
        self.connection
            .query_row(
                "SELECT reason, since, until FROM pauses WHERE ended_at IS NULL AND (until IS NULL OR until > ?1) ORDER BY id DESC LIMIT 1",
                [micros(now)],
                |row| Ok(Pause { reason: row.get(0)?, since: time(row.get(1)?), until: row.get::<_, Option<i64>>(2)?.map(time) }),
            )
            .optional()
            .map_err(|error| self.wrong(error))
    }

    /// The ids of tasks with the words they go by.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn remembered_tasks(&self) -> Result<Vec<(String, String)>, MemoryError> {
        self.rows("SELECT id, words FROM tasks ORDER BY id", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Remembers tasks, all or none; forgets those that were not seen for 400 days. Writes only what changed, and the day it
    /// was seen at most once a day.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn remember_tasks(&mut self, tasks: &[(String, String)], now: DateTime<Utc>) -> Result<(), MemoryError> {
        let (seen, day) = (micros(now), micros(now - TimeDelta::days(1)));
        let horizon = micros(now - TimeDelta::days(FORGET_DAYS));
        self.transact(|conn| {
            let mut write = conn.prepare_cached(
                "INSERT INTO tasks VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET words = excluded.words, seen_at = excluded.seen_at
                 WHERE words <> excluded.words OR seen_at < ?4",
            )?;
            for (id, words) in tasks {
                write.execute(params![id, words, seen, day])?;
            }
            conn.execute("DELETE FROM tasks WHERE seen_at < ?1", [horizon]).map(|_| ())
        })
    }

    /// A text that was kept.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn text(&self, key: &str) -> Result<Option<String>, MemoryError> {
        self.connection
            .query_row("SELECT text FROM texts WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(|error| self.wrong(error))
    }

    /// Keeps a text. One that stands there already is not written again: a wake keeps dozens, and each write waits for the disk.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn keep_text(&mut self, key: &str, text: &str) -> Result<(), MemoryError> {
        if self.text(key)?.as_deref() == Some(text) {
            return Ok(());
        }
        self.write("INSERT OR REPLACE INTO texts VALUES (?1, ?2)", [key, text])
    }

    fn write(&mut self, sql: &str, values: impl rusqlite::Params) -> Result<(), MemoryError> {
        self.transact(|conn| conn.execute(sql, values).map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> DateTime<Utc> {
        format!("2026-11-{day:02}T14:00:00Z").parse().expect("a time")
    }

    fn memory() -> (tempfile::TempDir, Memory) {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = Memory::open(&folder.path().join("a.db"), at(1)).expect("made");
        (folder, memory)
    }

    #[test]
    fn the_later_word_counts() {
        let (_folder, mut memory) = memory();
        memory.turn_down("ab", "it", "PROGRESS.md", at(1)).expect("kept");
        memory.approve("ab", "it", "approve", at(2)).expect("kept");
        assert_eq!(memory.approvals().expect("read"), [Approval { digest: "ab".into(), granted: true, what: "it".into(), at: at(2) }]);
    }

    #[test]
    fn a_pause_ends_by_itself_or_by_hand() {
        let (_folder, mut memory) = memory();
        memory.pause("holiday", Some(at(5)), at(1)).expect("kept");
        assert_eq!(memory.paused(at(4)).expect("read").map(|pause| pause.reason), Some("holiday".to_owned()));
        assert_eq!(memory.paused(at(5)).expect("read"), None);
        memory.pause("for good", None, at(6)).expect("kept");
        assert!(memory.paused(at(30)).expect("read").is_some());
        memory.resume(at(7)).expect("kept");
        assert_eq!(memory.paused(at(8)).expect("read"), None);
    }

    #[test]
    fn tasks_are_remembered_and_forgotten() {
        let (_folder, mut memory) = memory();
        let pair = |id: &str, words: &str| (id.to_owned(), words.to_owned());
        memory.remember_tasks(&[pair("a", "one"), pair("b", "two")], at(1)).expect("kept");
        memory.remember_tasks(&[pair("a", "one again")], at(1) + TimeDelta::days(399)).expect("kept");
        assert_eq!(memory.remembered_tasks().expect("read"), [pair("a", "one again"), pair("b", "two")]);
        memory.remember_tasks(&[], at(1) + TimeDelta::days(401)).expect("kept");
        assert_eq!(memory.remembered_tasks().expect("read"), [pair("a", "one again")]);
    }

    #[test]
    fn texts_are_kept() {
        let (_folder, mut memory) = memory();
        memory.keep_text("block", "one").expect("kept");
        memory.keep_text("block", "two").expect("kept");
        assert_eq!(memory.text("block").expect("read").as_deref(), Some("two"));
        assert_eq!(memory.text("other").expect("read"), None);
    }
}
