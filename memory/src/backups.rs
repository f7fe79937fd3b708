//! Backups that were made, a row each: how long it took, and what the hook behind it came to. Must stay true: a hook that did
//! not end by itself has no exit code.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::params;

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// How a hook ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookEnd {
    /// How long it took.
    pub took: Duration,
    /// Its exit code, or why it has none.
    pub code: Result<i32, String>,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRow {
    /// Its folder in `memory/backups`.
    pub name: String,
    /// When.
    pub made_at: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// The hook behind it, if there was one.
    pub hook: Option<HookEnd>,
}

impl Memory {
    /// Keeps that a backup was made, and how its hook ended.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn record_backup(&mut self, backup: &BackupRow) -> Result<(), MemoryError> {
        let hook = backup.hook.as_ref();
        let (code, error) = match hook.map(|hook| &hook.code) {
            Some(Ok(code)) => (Some(*code), None),
            Some(Err(why)) => (None, Some(why.as_str())),
            None => (None, None),
        };
        self.transact(|conn| {
            conn.execute(
                "INSERT INTO backups (name, made_at, micros, hook_micros, hook_code, hook_error) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (name) DO UPDATE SET made_at = excluded.made_at, micros = excluded.micros,
                   hook_micros = excluded.hook_micros, hook_code = excluded.hook_code, hook_error = excluded.hook_error",
                params![backup.name, micros(backup.made_at), whole(backup.took), hook.map(|hook| whole(hook.took)), code, error],
            )
            .map(|_| ())
        })
    }

    /// The backups that were made, in that order; those whose folders are gone as well.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn backups(&self) -> Result<Vec<BackupRow>, MemoryError> {
        self.rows("SELECT name, made_at, micros, hook_micros, hook_code, hook_error FROM backups ORDER BY id", [], |row| {
            let took = |micros: i64| Duration::from_micros(micros.unsigned_abs());
            let (code, error): (Option<i32>, Option<String>) = (row.get(4)?, row.get(5)?);
            let hook =
                row.get::<_, Option<i64>>(3)?.map(|micros| HookEnd { took: took(micros), code: code.ok_or(error.unwrap_or_default()) });
            Ok(BackupRow { name: row.get(0)?, made_at: time(row.get(1)?), took: took(row.get(2)?), hook })
        })
    }
}

fn whole(took: Duration) -> i64 {
    i64::try_from(took.as_micros()).unwrap_or(i64::MAX)
}
